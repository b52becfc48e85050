"""Candidates of any predictor as files: a folder with one ``NAME.npz`` per picture.

============  ==============  ===========================================================
array         shape           meaning
============  ==============  ===========================================================
``masks``     (Q, h, w)       mask logits (floats of any precision), or bool / 0 and 1;
                              of any size that covers the whole picture
``rle``       (Q,)            in place of ``masks``: COCO's compressed run lengths as text,
                              with ``size`` (2,), height and width
``classes``   (Q, C)          probability of each class of the truth, in the order of the
                              numbers of its categories
``void``      (Q,)            probability of "no object"; left out: what is missing from 1
``wordings``  (Q,)            the text that won for each candidate; may be left out
============  ==============  ===========================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.analysis.oracles.case import SURE, CandidateSet
from lexiseg.errors import UsageError, in_one_line
from lexiseg.io.image import shown
from lexiseg.io.output_file import open_output
from lexiseg.types import Mask

ROUNDING = 1e-3  # by which rounded probabilities may exceed 1


def write_bundle(
    folder: Path,
    name: str,
    masks: NDArray[np.generic],
    classes: NDArray[np.floating],
    void: NDArray[np.floating] | None = None,
    *,
    wordings: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """Write the candidates of a picture.

    Args:
        folder: of all of them.
        name: of the picture, as the truth calls it, without ending.
        masks: (Q, h, w) logits, or bool.
        classes: (Q, C) probabilities in the order of the truth's categories.
        void: (Q,) probability of "no object"; None for what is missing from 1.
        wordings: of each candidate the text that won.
        overwrite: a file that is there may be replaced.

    Raises:
        UsageError: the arrays do not fit each other.
        OutputError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     masks, classes = np.zeros((3, 8, 8)), np.full((3, 2), 0.5)
        ...     path = write_bundle(Path(folder), "street", masks, classes)
        ...     len(read_bundle(path, classes=2))
        3
    """
    arrays: dict[str, NDArray[np.generic]] = {"masks": masks, "classes": classes}
    if void is not None:
        arrays["void"] = void
    if wordings:
        arrays["wordings"] = np.array(wordings)
    path = folder / f"{name}.npz"
    _parse(arrays, path, classes.shape[-1])
    with open_output(path, overwrite=overwrite) as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return path


def read_bundle(path: Path, classes: int) -> CandidateSet:
    """Read the candidates of a picture.

    Args:
        path: the file.
        classes: how many the truth has.

    Raises:
        UsageError: the file is absent, damaged, or its arrays do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
    except FileNotFoundError as error:
        raise UsageError(
            f"{shown(path)} does not exist; expected one bundle per picture."
        ) from error
    except Exception as error:  # a damaged archive makes its reader raise anything
        raise UsageError(
            f"{shown(path)} is no bundle of candidates ({in_one_line(error)})."
        ) from error
    return _parse(arrays, path, classes)


def _parse(arrays: Mapping[str, NDArray[np.generic]], path: Path, classes: int) -> CandidateSet:
    """A bundle's arrays as candidates, or one sentence about what is wrong."""
    try:
        masks = torch.from_numpy(_logits(arrays))
        scores = torch.from_numpy(np.asarray(arrays["classes"], dtype=np.float32))
        if scores.ndim != 2 or scores.shape[1] != classes:
            raise ValueError(f"classes is {tuple(scores.shape)}, but the truth has {classes}")
        void = torch.from_numpy(_void(arrays, scores.numpy()))
        whole = scores.sum(dim=1) + void
        if len(scores) and (scores.min() < 0 or void.min() < 0 or whole.max() > 1 + ROUNDING):
            raise ValueError("a candidate's probabilities are not within 0 to 1 together")
        if not (torch.isfinite(scores).all() and torch.isfinite(masks).all()):
            raise ValueError("an array holds NaN or infinity")
        words = tuple(str(word) for word in arrays.get("wordings", ()))
        return CandidateSet(masks, scores, void, words)
    except KeyError as error:
        raise UsageError(
            f"{shown(path)} has no array {error}; expected masks (or rle and size) and classes."
        ) from error
    except (ValueError, TypeError, UsageError) as error:
        raise UsageError(
            f"{shown(path)} is no bundle of candidates ({in_one_line(error)})."
        ) from error


def _logits(arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.floating]:
    if "masks" not in arrays and "rle" in arrays:
        size = [int(side) for side in np.asarray(arrays["size"], dtype=np.int64)]
        texts = [str(counts) for counts in arrays["rle"]]
        masks = [Mask.from_coco({"size": size, "counts": text}).to_array() for text in texts]
        given: NDArray[np.generic] = np.array(masks, dtype=bool).reshape(-1, *size)
    else:
        given = np.asarray(arrays["masks"])
    if given.ndim != 3 or given.dtype.kind not in "buif":
        raise ValueError(f"masks is {given.shape} of {given.dtype}, expected (Q, h, w) of numbers")
    if given.dtype.kind == "f":
        small: NDArray[np.floating] = given.astype(np.float16 if given.dtype.itemsize < 4 else "f4")
        return small
    inside = given.astype(bool)
    if not np.array_equal(inside, given):
        raise ValueError("masks of whole numbers must be 0 and 1")
    return np.where(inside, np.float32(SURE), np.float32(-SURE))


def _void(
    arrays: Mapping[str, NDArray[np.generic]], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    if "void" in arrays:
        return np.asarray(arrays["void"], dtype=np.float32)
    rest: NDArray[np.float32] = np.clip(1 - scores.sum(axis=1), 0, 1).astype(np.float32)
    return rest
