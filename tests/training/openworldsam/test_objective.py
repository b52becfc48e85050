"""Matching, losses and their gradients, against the official ones and against sums by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.networks import QueryAnswers
from lexiseg.training.openworldsam.objective import (
    Match,
    match_queries,
    picture_loss,
    presence_loss,
)

PAPER = AdapterTraining()


@pytest.fixture(scope="module")
def pack(shared):
    folder = shared / "reference" / "openworldsam"
    return np.load(folder / "arrays.npz"), json.loads((folder / "config.json").read_text())


def official(pack):
    """Answers and truth of every picture of the pack, and the numbers of its prompts."""
    arrays, config = pack
    start = 0
    for number, image in enumerate(config["images"]):
        prompts = range(start, start + len(image["prompts"]))
        start = prompts.stop
        masks = [torch.from_numpy(arrays[f"train.p{p}.pred_masks"]).float() for p in prompts]
        scores = [torch.from_numpy(arrays[f"train.p{p}.pred_iou"]).float() for p in prompts]
        shape = (len(prompts), -1)
        answers = QueryAnswers(
            torch.stack([m.reshape(-1, *m.shape[-2:]) for m in masks]),
            torch.stack(scores).reshape(shape),
            None,
        )
        truth = [
            torch.from_numpy(arrays[f"in.img{number}.gt_masks.prompt{j}"]).float()
            for j in range(len(prompts))
        ]
        yield prompts, answers, truth


def test_costs_and_matches_are_the_official_ones(pack) -> None:
    arrays, _ = pack
    for prompts, answers, truth in official(pack):
        for p, match in zip(prompts, match_queries(answers, truth, PAPER), strict=True):
            assert match.queries.tolist() == arrays[f"train.p{p}.match_query"].tolist()
            assert match.objects.tolist() == arrays[f"train.p{p}.match_gt"].tolist()


def test_losses_are_the_official_ones(pack) -> None:
    arrays, _ = pack
    for prompts, answers, truth in official(pack):
        matches = match_queries(answers, truth, PAPER)
        for place, p in enumerate(prompts):
            alone = QueryAnswers(
                answers.logits[place : place + 1], answers.scores[place : place + 1], None
            )
            for changes, name in (
                ({"focal_weight": 1.0}, "loss_mask"),
                ({"focal_weight": 0.0, "dice_weight": 1.0}, "loss_dice"),
                ({"focal_weight": 0.0, "score_weight": 1.0}, "loss_ce"),
            ):
                config = replace(PAPER, **changes)
                loss = picture_loss(alone, truth[place : place + 1], [matches[place]], config)
                expected = arrays[f"train.p{p}.{name}_unweighted"].item()
                assert loss.mask.item() == pytest.approx(expected, rel=1e-3)


def test_the_batch_is_the_mean_over_all_texts(pack) -> None:
    arrays, _ = pack
    total, count = 0.0, 0
    for prompts, answers, truth in official(pack):
        matches = match_queries(answers, truth, PAPER)
        total += picture_loss(answers, truth, matches, PAPER).mask.item()
        count += len(prompts)
    assert total / count == pytest.approx(arrays["train.final.loss_mask"].item(), rel=1e-3)


def drawn(texts: int = 2, queries: int = 3) -> QueryAnswers:
    generator = torch.Generator().manual_seed(0)
    return QueryAnswers(
        torch.randn(texts, queries, 4, 4, generator=generator),
        torch.rand(texts, queries, generator=generator),
        torch.randn(texts, queries, generator=generator, requires_grad=True),
    )


def test_more_objects_than_queries_divide_by_all_of_them() -> None:
    answers = drawn(texts=1)
    truth = [(torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(1)) > 0.5).float()]
    (match,) = match_queries(answers, truth, PAPER)
    assert len(match.queries) == 3 and match.count == 5
    doubled = Match(match.queries, match.objects, 10)
    whole = picture_loss(answers, truth, [match], PAPER).mask
    half = picture_loss(answers, truth, [doubled], PAPER).mask
    torch.testing.assert_close(whole, 2 * half)


def test_a_text_that_means_nothing_has_no_mask_loss() -> None:
    answers, nothing = drawn(texts=1), [torch.zeros(0, 4, 4)]
    matches = match_queries(answers, nothing, PAPER)
    assert picture_loss(answers, nothing, matches, PAPER).mask.item() == 0


def test_object_scores_learn_who_is_there() -> None:
    config = replace(PAPER, presence_weight=2.0)
    answers = drawn()
    truth = [torch.ones(1, 4, 4), torch.zeros(0, 4, 4)]
    matches = match_queries(answers, truth, config)
    loss = picture_loss(answers, truth, matches, config).presence
    logits = answers.object_logits
    matched = int(matches[0].queries)
    there = F.softplus(-logits[0, matched])
    absent = F.softplus(logits[1]).mean()
    torch.testing.assert_close(loss, 2 * (there + absent))
    loss.backward()
    gradient = logits.grad
    assert gradient[0, matched] < 0 and (gradient[1] > 0).all()
    others = [q for q in range(3) if q != matched]
    assert (gradient[0, others] == 0).all()


def test_unmatched_queries_may_be_told_to_be_silent() -> None:
    logits = torch.tensor([1.0, -2.0, 0.5])
    match = Match(torch.tensor([1]), torch.tensor([0]), 1)
    silent, loud = F.softplus(logits[[0, 2]]), F.softplus(-logits[1])
    expected = (loud + 0.25 * silent.sum()) / 1.5
    torch.testing.assert_close(presence_loss(logits, match, 0.25), expected)
