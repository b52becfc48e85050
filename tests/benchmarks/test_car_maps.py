"""The maps of the small towers, measured as the table of the documentation is."""

import torch

from benchmarks.car_attention import load_car, true_scenes
from benchmarks.car_maps import REFINEMENTS, map_ious
from lexiseg.methods.car.scene import Scene


def test_value_maps_meet_the_things_of_a_scene_better_than_chance() -> None:
    car = load_car("cpu", "float32")
    true = next(true_scenes())
    scene = car.encode(true.image)
    assert isinstance(scene, Scene)
    ious = map_ious(car, scene, true, "value")
    share = sum(float(thing.mask.mean()) for thing in true.objects) / len(true.objects)
    assert ious.shape[0] == len(REFINEMENTS)
    assert (ious >= 0).all() and (ious <= 1).all()
    assert float(ious[0].mean(dim=0).max()) > 2 * share
    assert not torch.equal(ious[0], ious[1])
