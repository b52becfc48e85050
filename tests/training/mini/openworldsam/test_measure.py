import numpy as np
import pytest

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.mini.openworldsam.measure import (
    FIRST_STUFF,
    SceneTally,
    correlation,
    count_objects,
    true_segments,
    world_labels,
)
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

WORLD = Miniworld("val", 64, 3, (2, 5))


def perfect(number: int) -> Result:
    """The truth of a scene as an answer to its names."""
    scene = WORLD[number]
    objects = [Instance(o.name, 0.9, Mask.from_array(o.mask)) for o in scene.objects if o.visible]
    ids, _ = true_segments(scene, WORLD.names)
    ground = [
        Instance(name, 0.8, Mask.from_array(ids == FIRST_STUFF + k), False)
        for k, name in enumerate(scene.stuff)
    ]
    size = scene.semantic.shape
    regions = Instances((*objects, *ground), size)
    verdicts = [Presence(name, 0.9, True, "there") for name in scene.names]
    return Result(size, scene.names, regions, PresenceTrace(verdicts), Recipe("x", "y"))


def test_the_truth_is_a_perfect_answer() -> None:
    tally = SceneTally(WORLD.names)
    for number in range(5):
        tally.add_oracle(WORLD[number], perfect(number))
        tally.add_mixed(WORLD[number], WORLD[number].names, perfect(number), perfect(number))
        masks = {f"the {o.name} {o.instance_id}": o.mask for o in WORLD[number].objects}
        size = WORLD[number].semantic.shape
        found = [Instance(text, 1.0, Mask.from_array(mask)) for text, mask in masks.items()]
        answer = Result(
            size, tuple(masks), Instances(tuple(found), size), PresenceTrace([]), Recipe("x", "y")
        )
        tally.add_sentences(masks, answer)
    figures = tally.figures()
    assert figures["pq"] == figures["found"] == figures["f1"] == figures["ciou"] == 1
    assert figures["miou"] > 0.9  # what is hardly visible is in the map and is not asked
    assert figures["miou"] == figures["mixed_miou_none"] == figures["mixed_miou_learned"]


def test_labels_are_those_of_the_world() -> None:
    scene, labels = WORLD[1], world_labels(perfect(1), WORLD.names)
    named = labels > 0
    assert named.mean() > 0.9
    assert (labels[named] == scene.semantic[named]).all()


def test_an_object_is_found_once() -> None:
    scene = WORLD[2]
    answer = perfect(2)
    true = sum(o.visible for o in scene.objects)
    assert count_objects(scene, answer).tolist() == [true, true, true]
    first = answer.instances[0]
    assert isinstance(first, Instance)
    size = scene.semantic.shape
    twice = Result(
        size, scene.names, Instances((first, first), size), answer.presence, Recipe("x", "y")
    )
    assert count_objects(scene, twice).tolist() == [1, 2, true]


@pytest.mark.parametrize("seed", range(4))
def test_correlation_is_pearsons_of_yes_and_no(seed: int) -> None:
    there, kept = np.random.default_rng(seed).random((2, 40)) > 0.5
    assert correlation(there, kept) == pytest.approx(np.corrcoef(there, kept)[0, 1])
