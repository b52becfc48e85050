"""What a checkpoint does: its answers against those published for the same question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.io.image import read_image
from lexiseg.models.clip import Clip
from lexiseg.models.clipseg import ClipSeg
from lexiseg.models.sam import load_segmenter
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.sentence_bert import SentenceBert
from lexiseg.models.siglip import Siglip
from lexiseg.models.verify.outcome import CheckRow
from lexiseg.models.verify.published import KnownValue, PublishedTables
from lexiseg.types import Candidates, ImageEmbedding

Picture = NDArray[np.uint8]
DIGITS = 6  # of numbers in the table


@dataclass(frozen=True)
class Subject:
    """A checkpoint that is asked.

    Attributes:
        path: its weights.
        pictures: what is looked at, in the order in which the value names them.
        inputs: of the value.
    """

    path: Path
    pictures: tuple[Picture, ...]
    inputs: Mapping[str, Sequence[object]]

    @property
    def texts(self) -> list[str]:
        """Texts that are asked."""
        return [str(text) for text in self.inputs["texts"]]


def check_behaviour(
    name: str, path: Path, pictures: Path | None, published: PublishedTables
) -> list[CheckRow]:
    """Ask a checkpoint everything that values are published for.

    What needs a picture that is not in the folder is left out; its row says where to get it.

    Args:
        name: of the checkpoint.
        path: file or folder of weights.
        pictures: a folder.
        published: the values.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ImageError: a picture cannot be read.
    """
    values = published.values_of(name)
    if not values:
        return [CheckRow("behaviour", "-", "-", "-", "nothing is published", "not published")]
    try:
        return [_row(value, path, pictures, published) for value in values]
    finally:
        for load in (_clip, _segmenter, _sentences, _clipseg, _siglip, _embedding):
            load.cache_clear()


def _row(
    value: KnownValue, path: Path, folder: Path | None, published: PublishedTables
) -> CheckRow:
    expected, tolerance = _numbers(value.expected), _tolerance(value)
    needed = [published.pictures[name] for name in value.pictures]
    files = [_find(one.files, folder) for one in needed]
    missing = [one for one, file in zip(needed, files, strict=True) if file is None]
    if missing:
        told = f"needs {' and '.join(one.files[0] for one in missing)}: {missing[0].where}"
        return CheckRow(value.check, expected, "-", tolerance, told, "not checked")
    looked_at = tuple(_read(file) for file in files if file)
    found = KINDS[value.kind](Subject(path, looked_at, value.inputs))
    close = _is_close(found, value)
    verdict = "ok" if close else "MISMATCH"
    return CheckRow(value.check, expected, _numbers(found), tolerance, value.source, verdict)  # type: ignore[arg-type]


def _is_close(found: Sequence[float], value: KnownValue) -> bool:
    """Whether all numbers lie within what is allowed."""
    if len(found) != len(value.expected):
        return False
    allowed = [value.tolerance + value.relative * abs(number) for number in value.expected]
    pairs = zip(found, value.expected, allowed, strict=True)
    return all(abs(here - there) <= most for here, there, most in pairs)


def _tolerance(value: KnownValue) -> str:
    relative = f" + {100 * value.relative:g} %" if value.relative else ""
    return f"{value.tolerance:g}{relative}" if value.tolerance or relative else "exact"


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.{DIGITS}g}" if value % 1 else f"{value:.0f}" for value in values)


def _find(names: Sequence[str], folder: Path | None) -> Path | None:
    files = (folder / name for name in names) if folder else ()
    return next((file for file in files if file.is_file()), None)


# Networks and pictures stay while a checkpoint is asked.
@cache
def _read(file: Path) -> Picture:
    return read_image(file)


@cache
def _clip(path: Path) -> Clip:
    return Clip.load(path, "cpu", "float32")


@cache
def _segmenter(path: Path) -> Segmenter:
    return load_segmenter(path, "cpu", "float32")


@cache
def _sentences(path: Path) -> SentenceBert:
    return SentenceBert.load(path, "cpu")


@cache
def _clipseg(path: Path) -> ClipSeg:
    return ClipSeg.load(path, "cpu", "float32")


@cache
def _siglip(path: Path) -> Siglip:
    return Siglip.load(path, "cpu", "float32")


def _clip_tokens(subject: Subject) -> list[float]:
    """Ids until the first zero behind the end."""
    (ids,) = _clip(subject.path).tokenizer(subject.texts)
    return [float(number) for number in ids[: int(ids.count_nonzero()) + 1]]


def _clip_statistics(subject: Subject) -> list[float]:
    seen = _clip(subject.path).preprocessing
    return [*seen.mean, *seen.std]


def _clip_sizes(subject: Subject) -> list[float]:
    network = _clip(subject.path).network
    parameters = sum(tensor.numel() for tensor in network.parameters())
    text = network.text.config
    return [parameters, network.visual.config.image_size, text.context, text.vocabulary]


def _clip_cosines(subject: Subject) -> list[float]:
    """Of every picture with every text."""
    clip = _clip(subject.path)
    pixels = clip.preprocessing.squares(subject.pictures)
    pictures, texts = clip.image_features(pixels), clip.text_features(subject.texts)
    return _flat(_unit(texts) @ _unit(pictures).T)


def _clip_logits(subject: Subject) -> list[float]:
    return [_clip(subject.path).logit_scale * cosine for cosine in _clip_cosines(subject)]


def _clip_probabilities(subject: Subject) -> list[float]:
    return _flat(torch.tensor(_clip_logits(subject)).softmax(dim=0))


@cache
def _embedding(path: Path, file: bytes, shape: tuple[int, ...]) -> ImageEmbedding:
    return _segmenter(path).encode(np.frombuffer(file, np.uint8).reshape(shape))


def _candidates(subject: Subject, multimask: bool = True) -> Candidates:
    """Masks for the points and the box of a question."""
    (picture,) = subject.pictures
    segmenter = _segmenter(subject.path)
    embedding = _embedding(subject.path, picture.tobytes(), picture.shape)
    asked = subject.inputs
    return segmenter.predict(
        embedding,
        points=[asked["points"]] if "points" in asked else None,
        labels=[asked["labels"]] if "labels" in asked else None,
        boxes=[asked["box"]] if "box" in asked else None,
        multimask=multimask,
    )


def _scores(subject: Subject) -> list[float]:
    return _flat(_candidates(subject).scores)


def _last_score(subject: Subject) -> list[float]:
    return _scores(subject)[-1:]


def _sorted_scores(subject: Subject) -> list[float]:
    return sorted(_scores(subject), reverse=True)


def _single_score(subject: Subject) -> list[float]:
    return _flat(_candidates(subject, multimask=False).scores)


def _single_logits(subject: Subject) -> list[float]:
    """The first three of the one mask."""
    return _flat(_candidates(subject, multimask=False).logits[0, 0, 0, :3])


def _logits(subject: Subject) -> list[float]:
    """The first three of the first mask."""
    return _flat(_candidates(subject).logits[0, 0, 0, :3])


def _best_logits(subject: Subject) -> list[float]:
    found = _candidates(subject)
    return _flat(found.logits[0, int(found.scores[0].argmax()), 0, :3])


def _sentence_cosines(subject: Subject) -> list[float]:
    """Of all pairs of texts, in order."""
    vectors = _sentences(subject.path).embed(subject.texts)
    rows, columns = torch.triu_indices(len(vectors), len(vectors), offset=1)
    return _flat((vectors @ vectors.T)[rows, columns])


def _clipseg_maps(subject: Subject) -> list[float]:
    """The first three logits of the first text's map."""
    model, (picture,) = _clipseg(subject.path), subject.pictures
    return _flat(model.maps(model.encode(picture), subject.texts)[0, 0, :3])


def _siglip_logits(subject: Subject) -> list[float]:
    model, (picture,) = _siglip(subject.path), subject.pictures
    seen = model.preprocessing
    square = Image.fromarray(picture).resize((seen.size, seen.size), Image.Resampling.BICUBIC)
    pixels = seen.normalize(np.asarray(square))
    cosines = _unit(model.text_features(subject.texts)) @ _unit(model.image_features(pixels)).T
    return _flat(cosines * model.logit_scale + model.network.logit_bias.float())


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors.float(), dim=-1)


def _flat(numbers: Tensor) -> list[float]:
    return [float(number) for number in numbers.detach().float().flatten()]


KINDS: Mapping[str, Callable[[Subject], list[float]]] = {
    "clip-tokens": _clip_tokens,
    "clip-statistics": _clip_statistics,
    "clip-sizes": _clip_sizes,
    "clip-cosines": _clip_cosines,
    "clip-logits": _clip_logits,
    "clip-probabilities": _clip_probabilities,
    "segmenter-scores": _scores,
    "segmenter-last": _last_score,
    "segmenter-sorted": _sorted_scores,
    "segmenter-single": _single_score,
    "segmenter-single-logits": _single_logits,
    "segmenter-logits": _logits,
    "segmenter-best-logits": _best_logits,
    "sentence-cosines": _sentence_cosines,
    "clipseg-maps": _clipseg_maps,
    "siglip-logits": _siglip_logits,
}
