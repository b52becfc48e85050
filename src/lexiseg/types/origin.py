"""What a file called its pictures and categories, so that another file can call them the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.types.rle import Mask

Number = int | str
"""How a file numbers its pictures and categories; some use text."""


@dataclass(frozen=True)
class Category:
    """One entry of a file's table of categories.

    Args:
        number: as the file has it.
        supercategory: the group it belongs to; empty if the file names none.
        is_thing: countable, as opposed to stuff.
    """

    number: Number
    supercategory: str = ""
    is_thing: bool = True


@dataclass(frozen=True)
class Origin:
    """Where in a file a result stood.

    Args:
        image_id: number of the picture; None if the file has none.
        file_name: the picture as the file names it.
        categories: the file's whole table by name, in its order; names without a region too.
        void: pixels of which the file says that they are not to be judged; None if of none.
    """

    image_id: Number | None = None
    file_name: str | None = None
    categories: Mapping[str, Category] = field(default_factory=dict)
    void: Mask | None = None
