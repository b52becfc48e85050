"""COCO instance annotations: the JSON tables, checked row by row, and the masks in them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import DatasetError, LexisegError, in_one_line
from lexiseg.ops.coco_polygons import flat_rings, polygons_to_mask
from lexiseg.types import Mask, Number

Row = Mapping[str, Any]  # of a table; its values are of the kinds that `_KINDS` promises
_TABLES = ("images", "annotations", "categories")
_MOST_PIXELS = 2**28  # of a picture; no file of numbers may ask for more memory


@contextmanager
def telling(file: Path, entry: str) -> Iterator[None]:
    """Whatever a damaged entry makes fail inside becomes one sentence that names it.

    Args:
        file: where the entry stands.
        entry: which one, e.g. "image 7".

    Raises:
        DatasetError: something inside failed.
    """
    try:
        yield
    except LexisegError as error:
        text = in_one_line(error)
        raise DatasetError(
            text if str(file) in text else f"{file}, {in_one_line(entry)}: {text}"
        ) from error
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{file}, {in_one_line(entry)} is damaged "
            f"({type(error).__name__}: {in_one_line(error)})."
        ) from error


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DatasetError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = in_one_line(error)
        raise DatasetError(f"Annotation file {path} cannot be read ({reason}).") from error


def read_instances(
    path: Path,
    *,
    images: Sequence[str] = ("id",),
    annotations: Sequence[str] = ("image_id",),
    categories: Sequence[str] = ("id",),
) -> dict[str, list[Row]]:
    """A COCO instances file with its three tables, every value of the kind its key promises.

    Keys whose value is null count as absent. Annotations of a box without a mask are left out
    with a warning, as there is nothing an answer could be compared with.

    Args:
        path: the file.
        images: keys that the row of an image must have.
        annotations: keys that an annotation must have.
        categories: keys that a category must have.

    Raises:
        DatasetError: it cannot be read, a table or key is missing, a value is of another kind,
            a number stands twice, or an annotation speaks of an unknown image or category.
    """
    loaded = read_json(path)
    if not isinstance(loaded, dict) or any(not isinstance(loaded.get(t), list) for t in _TABLES):
        raise DatasetError(f"Annotation file {path} must hold the tables {', '.join(_TABLES)}.")
    needed = dict(zip(_TABLES, (images, annotations, categories), strict=True))
    tables = {table: _rows(path, table, loaded[table], needed[table]) for table in _TABLES}
    for table, key in (("images", "image_id"), ("categories", "category_id")):
        known = [row["id"] for row in tables[table] if "id" in row]
        if len(set(known)) < len(known):
            raise DatasetError(f"Annotation file {path} gives a number of {table} twice.")
        _check_references(path, tables["annotations"], key, set(known))
    return {**loaded, **tables}


def _rows(path: Path, table: str, rows: list[object], needed: Sequence[str]) -> list[Row]:
    checked: list[Row] = []
    for place, row in enumerate(rows):
        with telling(path, f"entry {place} of its table {table!r}"):
            if not isinstance(row, dict):
                raise TypeError(f"a {type(row).__name__} stands for an object")
            checked.append({k: _checked(k, v) for k, v in row.items() if v is not None})
    if table == "annotations" and "segmentation" in needed:
        checked = _with_masks(path, checked)
    lacking = [place for place, row in enumerate(checked) if set(needed) - set(row)]
    if lacking:
        missing = sorted({key for place in lacking for key in needed if key not in checked[place]})
        raise DatasetError(
            f"Annotation file {path} lacks {', '.join(missing)} in its table {table!r}, first in "
            f"entry {lacking[0]}."
        )
    return checked


def _with_masks(path: Path, rows: list[Row]) -> list[Row]:
    masked = [row for row in rows if row.get("segmentation")]
    if rows and not masked:
        raise DatasetError(f"Annotation file {path} holds no masks; expected segmentations.")
    if len(masked) < len(rows):
        warnings.warn(
            f"{path}: {len(rows) - len(masked)} annotations have no mask and are left out.",
            stacklevel=4,
        )
    return masked


def _check_references(path: Path, rows: list[Row], key: str, known: set[Number]) -> None:
    for place, row in enumerate(rows):
        if key in row and row[key] not in known:
            raise DatasetError(
                f"Annotation file {path} has annotations with an unknown {key}, first "
                f"{row.get('id', f'the one at place {place}')}."
            )


def _checked(key: str, value: object) -> object:
    check = _KINDS.get(key)
    try:
        return value if check is None else check(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{key!r} is {value!r:.60}") from None


def _number(value: object) -> Number:
    """A number of an image, annotation or category: whole, or text; "7" is 7."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and str(int(value)) == value else value
    return _whole(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise ValueError
    return int(value)


def _side(value: object) -> int:
    side = _whole(value)
    if not 1 <= side <= _MOST_PIXELS:
        raise ValueError
    return side


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if not abs(float(value)) < float("inf"):
        raise ValueError
    return value if isinstance(value, int | float) else float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: object) -> int:
    if not isinstance(value, int | float | str):
        raise TypeError
    return 0 if value in ("", "false", "False") else int(bool(int(value)))


def _numbers(value: object) -> list[Number]:
    if not isinstance(value, list):
        raise TypeError
    return [_number(entry) for entry in value]


_KINDS: Mapping[str, Callable[[object], object]] = {
    **dict.fromkeys(("id", "image_id", "category_id"), _number),
    **dict.fromkeys(("height", "width"), _side),
    **dict.fromkeys(("file_name", "coco_url", "frequency"), _text),
    **dict.fromkeys(("area", "visible_fraction"), _finite),
    **dict.fromkeys(("neg_category_ids", "not_exhaustive_category_ids"), _numbers),
    "iscrowd": _flag,
    "name": str,
}


def size_of(image: Row) -> tuple[int, int]:
    """(height, width) of an image as its row states it.

    Raises:
        DatasetError: no machine could hold that many pixels.
    """
    size_hw = (image["height"], image["width"])
    if size_hw[0] * size_hw[1] > _MOST_PIXELS:
        raise DatasetError(f"a picture of {size_hw[1]}x{size_hw[0]} pixels is too large.")
    return size_hw


def annotation_mask(annotation: Row, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The (H, W) bool mask of one annotation: polygons, or run lengths of either form.

    Raises:
        UsageError: it is damaged.
        DatasetError: it is of another size than the image.
    """
    segmentation = annotation["segmentation"]
    if not isinstance(segmentation, Mapping):
        return polygons_to_mask(flat_rings(segmentation), size_hw)
    mask = Mask.from_coco(segmentation)
    if mask.size_hw != size_hw:
        raise DatasetError(f"a mask of size {mask.size_hw} stands for an image of {size_hw}.")
    return mask.to_array()
