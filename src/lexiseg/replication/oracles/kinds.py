"""How names of policy B differ from those of policy A."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lexiseg.datasets.miniworld.taxonomy import Taxonomy, load_taxonomy

Kind = Literal["same", "other word", "finer", "coarser", "novel"]
MEANINGS: Mapping[Kind, str] = {
    "same": "policy A has the name",
    "other word": "policy A calls the same things otherwise (sofa, couch)",
    "finer": "policy A has one name for these and others (bullet train, train)",
    "coarser": "policy A has several names for these (bird: owl, duck, ...)",
    "novel": "policy A has no name for these (leopard)",
}


def kinds_of_names() -> dict[str, Kind]:
    """Name of policy B -> its kind.

    Example:
        >>> kinds = kinds_of_names()
        >>> kinds["sofa"], kinds["bird"], kinds["leopard"], kinds["sky"]
        ('other word', 'coarser', 'novel', 'same')
    """
    own, other = load_taxonomy("A"), load_taxonomy("B")
    here, there = _looks(own), _looks(other)
    return {name: _kind(name, own, here, there) for name in other.names}


def _looks(policy: Taxonomy) -> dict[str, set[str]]:
    """Name -> what it stands for: pictographs, and stuff by its name in policy A."""
    looks: dict[str, set[str]] = {name: set() for name in policy.names}
    for cell, name in policy.of_cell.items():
        looks[name].add(f"pictograph {cell}")
    for stuff, name in policy.of_stuff.items():
        looks[name].add(f"stuff {stuff}")
    return looks


def _kind(
    name: str, own: Taxonomy, here: Mapping[str, set[str]], there: Mapping[str, set[str]]
) -> Kind:
    if name in own.number:
        return "same"
    shown = there[name]
    before = [other for other, looks in here.items() if looks & shown]
    if not before:
        return "novel"
    if len(before) > 1:
        return "coarser"
    return "finer" if here[before[0]] - shown else "other word"
