"""A finished scene: the picture and everything that is true about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld.captions import Fact, describe
from lexiseg.datasets.miniworld.colors import apply_matrix, color_word
from lexiseg.datasets.miniworld.plan import Placement, ScenePlan
from lexiseg.datasets.miniworld.referring import refer
from lexiseg.datasets.miniworld.render import PARTS_PER_OBJECT, Rendered
from lexiseg.datasets.miniworld.scene_object import SceneObject
from lexiseg.datasets.sample import Expression

VISIBLE_AREA = 0.003  # a thing counts as visible above this share of the picture ...
VISIBLE_FRACTION = 0.25  # ... and this share of its own area
VISIBLE_STUFF = 0.02
CAPTION_STREAM, ABSENT_STREAM = 1, 2


@dataclass(frozen=True)
class WorldScene:
    """A picture of Miniworld with its truth.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        semantic: (H, W) uint16; 0 = nothing, k = ``world.names[k - 1]``.
        instances: (H, W) uint16; 0 = stuff, else `SceneObject.instance_id`.
        parts: (H, W) uint16; 0 = stuff, else a part number unique in the scene.
        objects: all objects of which at least one pixel is seen, farthest first.
        stuff: names of the visible stuff, largest first.
        plan: what the scene was drawn from.
    """

    image: NDArray[np.uint8]
    semantic: NDArray[np.uint16]
    instances: NDArray[np.uint16]
    parts: NDArray[np.uint16]
    objects: tuple[SceneObject, ...]
    stuff: tuple[str, ...]
    plan: ScenePlan = field(repr=False)
    vocabulary: tuple[str, ...] = field(repr=False)
    entropy: tuple[int, ...] = field(repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Things and stuff that are visibly present, without repetition."""
        things = dict.fromkeys(o.name for o in self.objects if o.visible)
        return (*things, *self.stuff)

    @cached_property
    def caption(self) -> str:
        """A short, true sentence about some of what is seen."""
        return self.describe(0)

    def describe(self, k: int) -> str:
        """The k-th alternative caption."""
        size = self.image.shape[0] * self.image.shape[1]
        facts = [Fact(o.name, o.color, o.area / size) for o in self.objects if o.visible]
        return describe(facts, self.stuff, self._rng(CAPTION_STREAM, k))

    def absent(self, n: int) -> tuple[str, ...]:
        """`n` names (or all there are) of which the scene shows not one pixel."""
        shown = {self.vocabulary[k - 1] for k in np.unique(self.semantic) if k}
        others = [name for name in self.vocabulary if name not in shown]
        order = self._rng(ABSENT_STREAM).permutation(len(others))
        return tuple(others[k] for k in order[:n])

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """Sentences that mean exactly one object; `object_id` is its instance id."""
        return refer(self.objects, self.image.shape[0])

    @cached_property
    def part_owner(self) -> dict[int, int]:
        """Part number -> instance id, for the parts that are seen."""
        numbers = [int(k) for k in np.unique(self.parts) if k]
        return {k: (k - 1) // PARTS_PER_OBJECT + 1 for k in numbers}

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([*self.entropy, *stream]))


def assemble(
    plan: ScenePlan, drawn: Rendered, vocabulary: tuple[str, ...], entropy: tuple[int, ...]
) -> WorldScene:
    """Combine a plan and its rendering into a scene."""
    number = {name: k + 1 for k, name in enumerate(vocabulary)}
    things = (number.get(p.sprite.name, 0) for p in plan.placements)  # 0: a noun not in the list
    thing = np.array([0, *things], np.uint16)
    stuff = np.array([number[r.name] for r in plan.regions], np.uint16)
    instances = drawn.instances.astype(np.uint16)
    semantic = np.where(instances > 0, thing[drawn.instances], stuff[drawn.regions])
    return WorldScene(
        image=drawn.image,
        semantic=semantic,
        instances=instances,
        parts=drawn.parts.astype(np.uint16),
        objects=_objects(plan.placements, drawn, instances),
        stuff=_visible_stuff(plan, drawn),
        plan=plan,
        vocabulary=vocabulary,
        entropy=entropy,
    )


def color_of(placement: Placement) -> str:
    """Color word of an object, ``""`` if none is honest; people are not called by a color."""
    sprite = placement.sprite
    if sprite.group == "person":
        return ""
    word = color_word(apply_matrix(placement.tint, sprite.color), sprite.color_share)
    return "" if word == sprite.name else word  # never "an orange orange"


def _objects(
    placements: tuple[Placement, ...], drawn: Rendered, instances: NDArray[np.uint16]
) -> tuple[SceneObject, ...]:
    areas = np.bincount(drawn.instances.ravel(), minlength=len(placements) + 1)
    objects = []
    for k, placement in enumerate(placements, start=1):
        area, fraction = int(areas[k]), float(areas[k] / max(drawn.areas[k - 1], 1))
        if area == 0:
            continue
        sprite = placement.sprite
        objects.append(
            SceneObject(
                name=sprite.name,
                instance_id=k,
                group=sprite.group,
                cell=sprite.cell,
                color=color_of(placement),
                area=area,
                visible_fraction=min(1.0, fraction),
                depth=len(placements) - k,
                visible=area >= VISIBLE_AREA * instances.size and fraction >= VISIBLE_FRACTION,
                _instances=instances,
            )
        )
    return tuple(objects)


def _visible_stuff(plan: ScenePlan, drawn: Rendered) -> tuple[str, ...]:
    background = drawn.regions[drawn.instances == 0]
    areas = np.bincount(background, minlength=len(plan.regions)) / drawn.regions.size
    order = np.argsort(-areas, kind="stable")
    return tuple(plan.regions[k].name for k in order if areas[k] >= VISIBLE_STUFF)
