from __future__ import annotations

import pytest

import lexiseg
from lexiseg.evaluation.presets import as_measured, usual_preset
from lexiseg.registry import DATASETS, METHODS


@pytest.mark.parametrize(
    ("dataset", "task", "preset"),
    [
        (None, "semantic", "paper"),
        (None, "instances", "paper"),
        (None, "self-named", "paper"),
        ("miniworld", "semantic", "mini"),
        ("miniworld-instances", "instances", "mini"),
        ("miniworld-regions", "self-named", "mini"),
        ("voc21", "semantic", "voc21"),
        ("voc20", "self-named", "paper"),
        ("coco", "semantic", "paper"),
        ("lvis", "instances", "paper"),
    ],
)
def test_one_rule_says_which_preset_is_taken(dataset, task, preset) -> None:
    assert dataset is None or dataset in DATASETS
    assert usual_preset(dataset, task) == preset


def test_without_settings_of_its_own_a_method_is_measured_as_it_is() -> None:
    car = lexiseg.load("car", preset="mini")
    assert as_measured(car) is car


def test_new_data_sets_and_methods_without_settings_for_any_go_with_the_published_weights() -> None:
    assert usual_preset("cityscapes-panoptic") == usual_preset("my-maps") == "paper"
    assert usual_preset("voc20", per_dataset=False) == "paper"
    assert usual_preset("miniworld-panoptic", per_dataset=False) == "mini"
    assert not METHODS["openworldsam"].preset_per_dataset
