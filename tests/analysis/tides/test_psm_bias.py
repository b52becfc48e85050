"""The study of a segmenter that prefers halves of objects."""

from __future__ import annotations

import json
import sys

import pytest

from lexiseg.analysis.tides.psm_bias import BiasConfig, study_bias
from lexiseg.errors import DatasetError, MissingExtraError, OutputError
from tests.methods.tides.conftest import draw

GROUPS = {"uniform": ["red", "green"], "non-uniform": ["blue"]}


def good(study, selection, unit="instance", group="all classes"):
    return next(
        row.good
        for row in study.rows
        if (row.group, row.unit, row.selection) == (group, unit, selection)
    )


def test_the_bias_is_found_and_what_io_makes_of_it(tides, boxes, tmp_path):
    study = study_bias(tides, boxes(), GROUPS, tmp_path, config=BiasConfig(points=4))
    assert study.images == 3 and not study.failures
    for unit in ("prompt", "instance"):
        assert good(study, "Best Score", unit) < 0.6
        assert good(study, "Best IoU", unit) == 1
        assert good(study, "Best IO", unit) > good(study, "Best Score", unit)
    parts = [row.part for row in study.rows if row.selection == "Best Score"]
    assert all(share > 0.3 for share in parts)


def test_files_and_protocol(tides, boxes, tmp_path):
    study = study_bias(tides, boxes(), GROUPS, tmp_path, config=BiasConfig(points=2), limit=2)
    names = [path.name for path in study.save(tmp_path)]
    assert names == ["psm-bias.csv", "psm-bias.json"]
    saved = json.loads((tmp_path / "psm-bias.json").read_text())
    terms = saved["protocol"]
    assert saved["images"] == 2 and len(saved["rows"]) == len(study.rows)
    recipe = terms["recipe"]
    assert terms["settings"]["points"] == 2 and recipe["settings"]["scorer"] == "ColorScorer"
    assert terms["dataset"] == "boxes" and recipe["weights"].keys() == {"scorer", "segmenter"}


def test_a_second_call_continues_and_another_study_is_refused(tides, boxes, tmp_path):
    config = BiasConfig(points=2)
    study_bias(tides, boxes(), GROUPS, tmp_path, config=config, limit=1)
    asked = len(tides.segmenter.asked)
    whole = study_bias(tides, boxes(), GROUPS, tmp_path, config=config)
    assert len(tides.segmenter.asked) - asked == 2 * 5  # the objects of the other two images
    again = study_bias(tides, boxes(), {}, tmp_path, config=config)
    assert len(tides.segmenter.asked) - asked == 2 * 5 and len(again.rows) < len(whole.rows)
    with pytest.raises(OutputError, match="another settings"):
        study_bias(tides, boxes(), GROUPS, tmp_path, config=BiasConfig(points=3))


def test_a_bad_image_costs_that_image_only(tides, boxes, tmp_path):
    study = study_bias(tides, boxes(broken=(1,)), GROUPS, tmp_path, config=BiasConfig(points=1))
    assert study.images == 2 and study.failures == {"image-1": "this picture is broken"}
    with pytest.raises(DatasetError, match="picture is broken"):
        study_bias(tides, boxes(broken=(0, 1, 2)), GROUPS, tmp_path / "none")


def test_crowds_and_empty_images(tides, boxes, tmp_path):
    scenes = (boxes().scenes[0], boxes().scenes[0][:1])
    crowd = boxes(scenes=scenes, crowded=(0, 1))
    tides.segmenter.known[crowd[1].image.tobytes()] = draw(scenes[1])[1]
    study = study_bias(tides, crowd, GROUPS, tmp_path, config=BiasConfig(points=1))
    assert study.images == 2 and len(study.selected["instance"]["All"]) == 3  # of one object


def test_plots(tides, boxes, tmp_path, monkeypatch):
    study = study_bias(tides, boxes(), GROUPS, tmp_path, config=BiasConfig(points=2))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[plots\]"):
        study.draw(tmp_path)
    monkeypatch.undo()
    drawn = study.draw(tmp_path)
    assert [path.name for path in drawn] == ["per-prompt.png", "per-instance.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_needs_masks_of_objects(tides, boxes, tmp_path):
    with pytest.raises(DatasetError, match="no masks of single objects"):
        study_bias(tides, boxes(task="semantic"), GROUPS, tmp_path)
