from __future__ import annotations

import re

import pytest

from lexiseg.datasets.miniworld import Miniworld, SceneObject, WorldScene
from lexiseg.datasets.miniworld.referring import centre

SIDE = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1)}
BEYOND = {"left of": "left", "right of": "right", "above": "top", "below": "bottom"}


def _reach(item: SceneObject, side: str) -> float:
    axis, sign = SIDE[side]
    return sign * centre(item)[axis]


def understand(sentence: str, scene: WorldScene) -> list[SceneObject]:
    """All objects a sentence fits, read without the generator's safety margins."""
    names = "|".join(sorted({re.escape(o.name) for o in scene.objects}, key=len, reverse=True))
    match = re.fullmatch(
        rf"the (?:(?P<size>larger|largest|smaller|smallest) )?(?:(?P<color>\w+) )?(?P<name>{names})"
        rf"(?: (?:on|at) the (?P<side>\w+))?"
        rf"(?: (?P<relation>left of|right of|above|below) the (?P<anchor>{names}))?",
        sentence,
    )
    assert match, sentence
    fitting = [o for o in scene.objects if o.name == match["name"]]
    if match["color"]:
        fitting = [o for o in fitting if o.color in ("", match["color"])]
    if match["size"]:
        best = max if match["size"].startswith("larg") else min
        area = best(o.area for o in fitting)
        fitting = [o for o in fitting if o.area == area]
    if match["side"]:
        extreme = max(_reach(o, match["side"]) for o in fitting)
        fitting = [o for o in fitting if _reach(o, match["side"]) == extreme]
    if match["relation"]:
        anchors = [o for o in scene.objects if o.name == match["anchor"]]
        assert len(anchors) == 1, sentence
        side = BEYOND[match["relation"]]
        fitting = [o for o in fitting if _reach(o, side) > _reach(anchors[0], side)]
    return fitting


@pytest.mark.parametrize("things", [(1, 4), (5, 12)])
def test_every_sentence_fits_exactly_the_object_it_means(things: tuple[int, int]) -> None:
    world = Miniworld("test", size=128, seed=2, things=things)
    for i in range(20):
        scene = world[i]
        for expression in scene.expressions:
            fitting = understand(expression.sentence, scene)
            assert [o.instance_id for o in fitting] == [expression.object_id], expression


def test_all_kinds_of_sentences_occur() -> None:
    world = Miniworld("val", size=128, things=(3, 8))
    text = "\n".join(e.sentence for i in range(40) for e in world[i].expressions)
    for words in ("larger", "smallest", "on the left", "at the top", "left of", "above", "red"):
        assert words in text, words


def test_lone_visible_objects_are_called_by_their_name() -> None:
    for i in range(10):
        scene = Miniworld("test", size=96, things=(1, 1))[i]
        sentences = [e.sentence for e in scene.expressions]
        assert f"the {scene.objects[0].name}" in sentences
