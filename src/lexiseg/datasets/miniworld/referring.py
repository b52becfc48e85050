"""Sentences that mean exactly one object of a scene, true and unique by construction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from lexiseg.datasets.miniworld.scene_object import SceneObject
from lexiseg.datasets.sample import Expression

CLEAR_GAP = 0.1  # of the picture's side: how far apart "left" and "right" must be
CLEAR_RATIO = 1.4  # of the areas: how different "larger" and "smaller" must be

# Side word -> coordinate that grows towards that side, for an object's centre (x, y).
SIDES: dict[str, Callable[[float, float], float]] = {
    "left": lambda x, y: -x,
    "right": lambda x, y: x,
    "top": lambda x, y: -y,
    "bottom": lambda x, y: y,
}
RELATIONS = {"left of": "left", "right of": "right", "above": "top", "below": "bottom"}


def refer(objects: Sequence[SceneObject], side_px: int) -> tuple[Expression, ...]:
    """All unambiguous sentences about the visible objects.

    Args:
        objects: every object of which a pixel is seen; the hardly visible ones are never meant
            but still must not fit the words.
        side_px: side of the picture, pixels.

    Returns:
        Expressions whose `object_id` is the instance id, object by object.
    """
    found = []
    for target in objects:
        if target.visible:
            rivals = [o for o in objects if o.name == target.name and o is not target]
            sentences = dict.fromkeys(_sentences(target, rivals, objects, side_px))
            found += [Expression(text, target.instance_id) for text in sentences]
    return tuple(found)


def centre(item: SceneObject) -> tuple[float, float]:
    """Middle of the box around an object's visible region, pixels."""
    left, top, width, height = item.bbox
    return left + width / 2, top + height / 2


def _sentences(
    target: SceneObject, rivals: list[SceneObject], objects: Sequence[SceneObject], side_px: int
) -> Iterator[str]:
    if not rivals:
        yield f"the {target.name}"
    if target.color and all(rival.color not in ("", target.color) for rival in rivals):
        yield f"the {target.color} {target.name}"
    if rivals:
        yield from _sized(target, rivals)
        yield from _placed(target, rivals, side_px)
    yield from _related(target, rivals, objects, side_px)


def _sized(target: SceneObject, rivals: list[SceneObject]) -> Iterator[str]:
    areas = [rival.area for rival in rivals]
    pair = len(rivals) == 1
    if target.area > CLEAR_RATIO * max(areas):
        yield f"the {'larger' if pair else 'largest'} {target.name}"
    if target.area * CLEAR_RATIO < min(areas):
        yield f"the {'smaller' if pair else 'smallest'} {target.name}"


def _placed(target: SceneObject, rivals: list[SceneObject], side_px: int) -> Iterator[str]:
    for side, along in SIDES.items():
        lead = along(*centre(target)) - max(along(*centre(rival)) for rival in rivals)
        if lead > CLEAR_GAP * side_px:
            place = f"at the {side}" if side in ("top", "bottom") else f"on the {side}"
            yield f"the {target.name} {place}"


def _related(
    target: SceneObject, rivals: list[SceneObject], objects: Sequence[SceneObject], side_px: int
) -> Iterator[str]:
    """Relations to an object that is the only one of its name."""
    names = [item.name for item in objects]
    anchors = [a for a in objects if a.visible and names.count(a.name) == 1 and a is not target]
    for anchor, (words, side) in product(anchors, RELATIONS.items()):
        along = SIDES[side]
        start = along(*centre(anchor))
        clear = CLEAR_GAP * side_px
        is_beyond = along(*centre(target)) > start + clear
        if is_beyond and all(along(*centre(rival)) < start - clear for rival in rivals):
            yield f"the {target.name} {words} the {anchor.name}"
