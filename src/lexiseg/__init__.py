"""Segment anything you can name, and name anything you can segment.

Example:
    >>> import lexiseg
    >>> car = lexiseg.load("car", preset="mini")            # doctest: +SKIP
    >>> car.segment("photo.jpg", ["dog", "zebra"]).show()   # doctest: +SKIP
"""

from __future__ import annotations

import warnings
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg import errors
from lexiseg.errors import CheckpointError, UnknownNameError, UsageError
from lexiseg.registry import METHODS
from lexiseg.types import (
    ImageSource,
    Instances,
    Mask,
    Method,
    Names,
    Recipe,
    Result,
    Vocabulary,
)
from lexiseg.types.recipe import BY_HAND

if TYPE_CHECKING:
    from lexiseg.io.reader import Reading

__version__ = "0.1.0"

__all__ = [
    "Instances",
    "Mask",
    "Recipe",
    "Result",
    "Vocabulary",
    "__version__",
    "errors",
    "load",
    "load_recipe",
    "read",
    "segment",
]


def load(method: str = "car", *, preset: str = "paper", **options: object) -> Method:
    """Build a method with its weights.

    Args:
        method: a name of `lexiseg.registry.METHODS`.
        preset: "mini" for the bundled small weights, "paper" for the published ones, or a name
            the method documents.
        options: fields of the method's config, and ``device`` and ``dtype``.

    Returns:
        The method; its `verbs` say how it may be asked.

    Raises:
        UnknownNameError: no such method, preset or option.
        UsageError: an option out of its range, or a device this machine does not have.
        WeightsNotFoundError: the weights are not on this machine.
        CheckpointError: they do not fit the network.

    Example:
        >>> lexiseg.load("car", preset="mini", theta=0.3, device="cpu")   # doctest: +SKIP
    """
    kind = METHODS[method]
    try:
        loaded: Method = kind.load(preset=preset, **options)
    except UnknownNameError as error:
        if error.kind != "option" or error.name not in options:
            raise  # of a part, which names its own
        parts = set(signature(kind.load).parameters) - {"preset", "device", "dtype", "options"}
        raise UnknownNameError("option", error.name, {*error.known, *parts}) from error
    return loaded


def load_recipe(recipe: Recipe) -> Method:
    """Build the method again that a recipe tells of.

    Args:
        recipe: of a result, or read back by `Recipe.from_json`.

    Raises:
        UsageError: its parts were put together by hand, so that no name leads to them.
        WeightsNotFoundError: the weights are not on this machine.
        CheckpointError: those on this machine are others.

    Warns:
        UserWarning: other versions of packages are installed, so that last digits may differ.

    Example:
        >>> recipe = Recipe.from_json(json.loads(text)["recipe"])       # doctest: +SKIP
        >>> lexiseg.load_recipe(recipe).segment("photo.jpg", "dog")    # doctest: +SKIP
    """
    if recipe.preset == BY_HAND or "exchanged" in recipe.settings:
        raise UsageError(
            f"A method {recipe.method!r} of parts put together by hand cannot be loaded from its "
            "recipe; put the same parts together again."
        )
    where = {"device": recipe.device, "dtype": recipe.dtype}
    method = load(recipe.method, preset=recipe.preset, **where, **recipe.options)
    differences = recipe.differences(method.recipe())
    versions = [clause for clause in differences if clause.startswith("versions.")]
    others = [clause for clause in differences if clause not in versions]
    if others:
        raise CheckpointError(
            f"The method {recipe.method!r} found here differs from its recipe: "
            f"{'; '.join(others)} (recipe / here)."
        )
    if versions:
        warnings.warn(
            f"Versions differ from the recipe's ({'; '.join(versions)}); last digits may too.",
            stacklevel=2,
        )
    return method


def read(source: str | Path, images: str | Path | None = None) -> Reading:
    """Results of any readable file or folder, one by one.

    Args:
        source: a COCO, labelme, YOLO, ... file or folder, or the folder of a run; see
            docs/formats.md. An address, such as ``s3://bucket/out``, is copied here first.
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
    image: ImageSource,
    names: Names,
    *,
    method: str = "car",
    preset: str = "paper",
    **options: object,
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
    return load(method, preset=preset, **options).segment(image, names)
