"""Label policies: the same pixels under other people's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld.sprites import all_sprites, read_json, thing_names
from lexiseg.datasets.miniworld.stuff import all_stuff
from lexiseg.errors import UnknownNameError

if TYPE_CHECKING:
    from lexiseg.datasets.miniworld.scene import WorldScene


@dataclass(frozen=True)
class Taxonomy:
    """A list of names and which of them each pictograph and each kind of stuff has.

    Args:
        name: of the policy.
        names: label k of a map under this policy is ``names[k - 1]``.
        of_cell: pictograph number -> name; pictographs without one get label 0.
        of_stuff: name of the stuff in taxonomy A -> name.
    """

    name: str
    names: tuple[str, ...]
    of_cell: Mapping[int, str]
    of_stuff: Mapping[str, str]

    @cached_property
    def number(self) -> dict[str, int]:
        """Name -> label."""
        return {name: k for k, name in enumerate(self.names, start=1)}

    def semantic(self, scene: WorldScene) -> NDArray[np.uint16]:
        """The (H, W) label map of a scene under this policy; 0 = no name of the list."""
        known = ["", *scene.vocabulary]
        table = [self.number.get(self.of_stuff.get(name, ""), 0) for name in known]
        labels = np.array(table, np.uint16)[scene.semantic]
        things = np.zeros(int(scene.instances.max()) + 1, np.uint16)
        for item in scene.objects:
            things[item.instance_id] = self.number.get(self.of_cell.get(item.cell, ""), 0)
        return np.where(scene.instances > 0, things[scene.instances], labels)

    def present(self, scene: WorldScene) -> tuple[str, ...]:
        """Names of this policy that are visibly present."""
        things = (self.of_cell.get(o.cell) for o in scene.objects if o.visible)
        stuff = (self.of_stuff.get(name) for name in scene.stuff)
        return tuple(dict.fromkeys(name for name in (*things, *stuff) if name))


def load_taxonomy(name: str) -> Taxonomy:
    """Taxonomy "A", the names of `Miniworld`, or "B".

    B names some pictographs more finely (a poodle), joins other nouns (a bird), uses other words
    (a sofa), and has the nouns that A never shows (a leopard).

    Raises:
        UnknownNameError: no such taxonomy.
    """
    if name not in ("A", "B"):
        raise UnknownNameError("taxonomy", name, ("A", "B"))
    return _taxonomy_a() if name == "A" else _taxonomy_b()


@lru_cache(maxsize=1)
def _taxonomy_a() -> Taxonomy:
    cells = {s.cell: s.name for s in all_sprites() if s.split != "novel"}
    stuff = {stuff: stuff for stuff in all_stuff()}
    return Taxonomy("A", thing_names() + tuple(all_stuff()), cells, stuff)


@lru_cache(maxsize=1)
def _taxonomy_b() -> Taxonomy:
    data = read_json("taxonomy_b.json")
    finer, other = data["pictographs"], data["names"]
    cells = {s.cell: finer.get(s.pictograph, other.get(s.name, s.name)) for s in all_sprites()}
    stuff = {stuff: other.get(stuff, stuff) for stuff in all_stuff()}
    return Taxonomy("B", tuple(dict.fromkeys([*cells.values(), *stuff.values()])), cells, stuff)
