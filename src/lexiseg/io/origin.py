"""Where a result came from, in the files of formats that have a place for it."""

from __future__ import annotations

from collections.abc import Mapping

from lexiseg.types import Category, Number, Origin, Result

KEY = "origin"


def origin_entry(result: Result) -> dict[str, object]:
    """Original numbers of the picture and of the categories this result speaks of, if it has any.

    Returns:
        ``{"origin": {...}}``, or nothing.
    """
    origin = result.origin
    if origin is None:
        return {}
    known = {name: origin.categories[name] for name in result.names if name in origin.categories}
    numbers = {name: category.number for name, category in known.items()}
    entry = {"image_id": origin.image_id, "file_name": origin.file_name, "category_ids": numbers}
    return {KEY: entry}


def origin_of(content: Mapping[str, object]) -> Origin | None:
    """The inverse of `origin_entry`; what is not of its form is none."""
    entry = content.get(KEY)
    if not isinstance(entry, dict):
        return None
    numbers = entry.get("category_ids")
    pairs = numbers.items() if isinstance(numbers, dict) else ()
    categories = {name: Category(number) for name, number in pairs if _is_number(number)}
    image_id, file_name = entry.get("image_id"), entry.get("file_name")
    return Origin(
        image_id if _is_number(image_id) else None,
        file_name if isinstance(file_name, str) else None,
        categories,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)
