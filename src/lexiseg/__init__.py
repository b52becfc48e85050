"""Segment anything you can name, and name anything you can segment.

Example:
    >>> import lexiseg
    >>> car = lexiseg.load("car", preset="mini")            # doctest: +SKIP
    >>> car.segment("photo.jpg", ["dog", "zebra"]).show()   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexiseg import errors
from lexiseg.registry import METHODS
from lexiseg.types import Instances, Mask, Result, Vocabulary

if TYPE_CHECKING:
    from lexiseg.io.reader import Reading

__version__ = "0.1.0"

__all__ = [
    "Instances",
    "Mask",
    "Result",
    "Vocabulary",
    "__version__",
    "errors",
    "load",
    "read",
    "segment",
]


def load(method: str = "car", *, preset: str = "paper", **options: Any) -> Any:
    """Build a method with its weights.

    Args:
        method: a name of `lexiseg.registry.METHODS`.
        preset: "mini" for the bundled small weights, "paper" for the published ones, or a name
            the method documents.
        options: fields of the method's config, and ``device`` and ``dtype``.

    Returns:
        A `lexiseg.types.Method`, or a `lexiseg.types.Labeler` if it needs no names.

    Raises:
        UnknownNameError: no such method, preset or option.
        UsageError: an option out of its range, or a device this machine does not have.
        WeightsNotFoundError: the weights are not on this machine.
        CheckpointError: they do not fit the network.

    Example:
        >>> lexiseg.load("car", preset="mini", theta=0.3, device="cpu")   # doctest: +SKIP
    """
    return METHODS[method].load(preset=preset, **options)


def read(source: str | Path, images: str | Path | None = None) -> Reading:
    """Results of any readable file or folder, one by one.

    Args:
        source: a COCO, labelme, YOLO, ... file or folder, or the folder of a run; see
            docs/formats.md.
        images: folder of the pictures, where they do not lie beside the file that names them.

    Returns:
        An iterator over `Result`; its ``report`` counts what was read and says what was left out
        and why.

    Raises:
        UsageError: the source is absent, of no known format, or damaged.

    Example:
        >>> reading = lexiseg.read("annotations.json", images="photos")   # doctest: +SKIP
        >>> for result in reading:                                        # doctest: +SKIP
        ...     print(result.path, result.instances.labels)
        >>> print(reading.report.summary())                               # doctest: +SKIP
    """
    from lexiseg.io.reader import read_results

    return read_results(source, images)


def segment(
    image: Any,
    names: str | Iterable[str] | Mapping[str, str] | Vocabulary,
    *,
    method: str = "car",
    preset: str = "paper",
    **options: Any,
) -> Result:
    """Find the named things in one image; `load` once instead when there are several.

    Args:
        image: path, bytes of a file, Pillow image, or array (H, W, 3): uint8 RGB, or float in 0..1.
        names: a comma list, a list, or a mapping from alias to name.
        method: as for `load`.
        preset: as for `load`.
        options: as for `load`.

    Returns:
        Masks at the image's size, and a verdict for every name.

    Raises:
        ImageError: the image cannot be read.
        UsageError: no names, or a blank one.
        LexisegError: what `load` raises.

    Example:
        >>> result = lexiseg.segment("photo.jpg", "dog, zebra", preset="mini")   # doctest: +SKIP
        >>> result.presence["zebra"].kept, result.instances["dog"].boxes_xyxy    # doctest: +SKIP
    """
    result: Result = load(method, preset=preset, **options).segment(image, names)
    return result
