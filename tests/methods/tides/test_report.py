"""Instances with their scores, and why a name is in or out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lexiseg.methods.tides import TidesConfig
from lexiseg.methods.tides.class_filter import Verdict, class_probability
from lexiseg.methods.tides.identification import Identified
from lexiseg.methods.tides.postprocess import Found, suppress_across_classes
from lexiseg.methods.tides.proposals import Proposals
from lexiseg.methods.tides.report import explain_presence, list_instances
from lexiseg.types import Mask


def found_of(masks, semantic, own=None):
    masks = torch.tensor(masks, dtype=torch.bool)
    numbers = torch.arange(len(masks))
    own = torch.tensor(own or [0.5] * len(masks))
    proposals = Proposals(masks, numbers, numbers, own)
    scores = torch.tensor(semantic)
    return Found(Identified(proposals, own / 2, own / 4), scores, scores / 8)


def test_every_instance_has_its_own_scores_and_empty_masks_are_left_out():
    wholes = [np.eye(3, dtype=bool), np.zeros((3, 3), bool), np.ones((3, 3), bool)]
    pool = SimpleNamespace(finish=lambda proposals: [Mask.from_array(one) for one in wholes])
    found = found_of([[1]] * 3, [0.25, 0.5, 0.75], [0.5, 0.25, 1.0])
    first, last = list_instances("dog", found, pool, TidesConfig())
    assert (first.label, first.score, first.mask.area) == ("dog", 0.25 / 8, 3)
    assert first.details == {"io": 0.25, "semantic": 0.25, "segmenter": 0.5}
    assert (last.score, last.mask.area) == (0.75 / 8, 9)
    assert last.details == {"io": 0.5, "semantic": 0.75, "segmenter": 1.0}


def test_small_regions_are_repaired_if_asked():
    spotted = np.zeros((6, 6), bool)
    spotted[:4, :4] = True
    spotted[1, 1], spotted[5, 5] = False, True
    pool = SimpleNamespace(finish=lambda proposals: [Mask.from_array(spotted)])
    (plain,) = list_instances("dog", found_of([[1]], [0.5]), pool, TidesConfig())
    assert plain.mask.area == 16
    (whole,) = list_instances("dog", found_of([[1]], [0.5]), pool, TidesConfig(min_region=2))
    assert whole.mask.bbox == (0, 0, 4, 4) and whole.mask.area == 16


def test_names_are_explained():
    verdicts = [Verdict(kept, 0.3, 0.25, (112, 0, 0)) for kept in (True, True, True, False)]
    entries = explain_presence("abcd", verdicts, {0: 1, 1: 2, 2: 0}, 100.0)
    assert [entry.kept for entry in entries] == [True, True, False, False]
    ends = [entry.reason.split("0.25")[1] for entry in entries]
    assert ends == ["; 1 object", "; 2 objects", "; but no mask fits well enough", ""]
    score = class_probability(verdicts[0], 100.0)
    assert [entry.score for entry in entries] == pytest.approx([score] * 4)
    assert [entry.name for entry in entries] == list("abcd")


def test_of_masks_of_two_classes_that_coincide_the_surer_stays():
    dogs = found_of([[1, 1, 0, 0], [0, 0, 1, 1]], [0.25, 0.5])
    cats = found_of([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], [0.75, 0.125, 0.375])
    kept = suppress_across_classes([dogs, cats], (2, 2), TidesConfig(nms_iou=0.5))
    assert [one.identified.proposals.points.tolist() for one in kept] == [[1], [0, 1]]
    assert [one.semantic.tolist() for one in kept] == [[0.5], [0.75, 0.125]]
    assert len(kept[1]) == 2
