from __future__ import annotations

import pytest
import torch

from lexiseg.methods.mask_proposals.report import explain_presence
from lexiseg.ops.mask_inference import PanopticDivision, PanopticSegment

NAMES = ("dog", "cat", "tree", "car")
# Candidates: a dog that is shown, a tree that scored too low, a car that was covered, nothing.
PROBABILITIES = torch.tensor(
    [
        [0.60, 0.20, 0.10, 0.05, 0.05],
        [0.05, 0.10, 0.40, 0.25, 0.20],
        [0.10, 0.05, 0.05, 0.70, 0.10],
        [0.01, 0.30, 0.01, 0.01, 0.67],
    ]
)
DIVISION = PanopticDivision(
    torch.zeros(2, 2), (PanopticSegment(1, 0, (0,)),), ("kept", "score", "hidden", "void")
)


def test_every_name_is_told_which_step_took_it_away() -> None:
    dog, cat, tree, car = explain_presence(NAMES, PROBABILITIES, DIVISION, 0.5)
    assert (dog.kept, dog.step, dog.reason) == (True, None, "1 segment")
    assert not (cat.kept or tree.kept or car.kept)
    assert (cat.step, cat.reason) == (1, "its best candidate is rather no object (0.67)")
    assert (tree.step, tree.reason) == (2, "no candidate scores above 0.5")
    assert (car.step, car.reason) == (3, "its candidates lost their pixels to others")
    assert [entry.score for entry in (dog, cat, tree, car)] == pytest.approx([0.6, 0.3, 0.4, 0.7])


def test_a_name_that_another_beats_is_told_by_which() -> None:
    probabilities = torch.tensor([[0.6, 0.3, 0.1]])
    division = PanopticDivision(torch.zeros(1, 1), (PanopticSegment(1, 0, (0,)),), ("kept",))
    _, cat = explain_presence(("dog", "cat"), probabilities, division, 0.0)
    assert cat.reason == "its best candidate is rather 'dog' (0.60)"


def test_segments_are_counted() -> None:
    segments = (PanopticSegment(1, 0, (0,)), PanopticSegment(2, 0, (1,)))
    division = PanopticDivision(torch.zeros(1, 1), segments, ("kept", "kept"))
    (dog,) = explain_presence(("dog",), torch.tensor([[0.9, 0.1]] * 2), division, 0.0)
    assert dog.reason == "2 segments"
