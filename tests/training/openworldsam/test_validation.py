"""Figures on held-out pictures, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.training.openworldsam.batches import Asked
from lexiseg.training.openworldsam.examples import Example
from lexiseg.training.openworldsam.networks import QueryAnswers
from lexiseg.training.openworldsam.validation import BestAdapter, picture_figures, summary
from lexiseg.types import Mask


def strip(*columns: int) -> np.ndarray:
    mask = np.zeros((8, 8), bool)
    mask[:, list(columns)] = True
    return mask


def logits(*masks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(masks)).float()[:, ::2, ::2] * 2 - 1  # at half the size


TRUTH = (Mask.from_array(strip(0, 1, 2, 3)), Mask.from_array(strip(6, 7)))
EXAMPLE = Example("1", np.zeros((8, 8, 3), np.uint8), (8, 8), ())
ASKED = Asked(EXAMPLE, ("dog", "cat"), (TRUTH, ()))
ANSWERS = QueryAnswers(
    torch.stack(
        [
            logits(strip(0, 1), strip(6, 7), strip(0, 1, 2, 3, 4, 5)),
            logits(strip(0), strip(1), strip(2)),
        ]
    ),
    torch.tensor([[0.9, 0.2, 0.3], [0.1, 0.1, 0.1]]),
    torch.tensor([[-1.0, 2.0, 0.0], [-3.0, -0.5, -2.0]]),
)


def test_of_one_picture() -> None:
    found = picture_figures(ANSWERS, ASKED)
    # dog: query 2 covers the first object by 4 of 6 columns, query 1 the second exactly; query 0,
    # the surest, has half of the first.
    assert sorted(found.matched) == pytest.approx([2 / 3, 1.0])
    assert found.chosen == pytest.approx((0.5,))
    assert found.present == (2.0,) and found.absent == (-0.5,)


def test_objects_without_a_query_count_nothing() -> None:
    one = QueryAnswers(ANSWERS.logits[:1, :1], ANSWERS.scores[:1, :1], None)
    found = picture_figures(one, Asked(EXAMPLE, ("dog",), (TRUTH,)))
    assert sorted(found.matched) == pytest.approx([0.0, 0.5])
    assert found.present == found.absent == ()


def test_means_over_all_objects_and_texts() -> None:
    found = summary([picture_figures(ANSWERS, ASKED)] * 2)
    assert found == pytest.approx(
        {
            "val_matched_iou": 5 / 6,
            "val_chosen_iou": 0.5,
            "val_present_kept": 1.0,
            "val_absent_refused": 1.0,
        }
    )
    assert summary([]) == {}


def test_the_best_is_remembered_beyond_a_checkpoint() -> None:
    best = BestAdapter()
    assert best.is_better(0.4, 2) and not best.is_better(0.4, 4) and best.is_better(0.5, 6)
    later = BestAdapter()
    later.load_state_dict(best.state_dict())
    assert (later.figure, later.step) == (0.5, 6) and not later.is_better(0.45, 8)
