import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.sam import SamModel
from typer.testing import CliRunner

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.errors import UsageError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.sam import load_segmenter
from lexiseg.training.engine.session import Budget, train
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.sam import network as sam_network
from lexiseg.training.mini.sam import recipe as sam
from lexiseg.training.mini.sam.labels import GAP, LEAST_AREA, label_levels
from lexiseg.training.mini.sam.loss import (
    DICE,
    FOCAL,
    decoder_losses,
    level_odds,
    pairwise_iou,
    pairwise_loss,
)
from lexiseg.training.mini.sam.measure import measure_sam
from lexiseg.training.mini.sam.network import sam_config
from lexiseg.training.mini.sam.pool import SamPool, SamPoolConfig, open_sam_pool
from lexiseg.training.mini.sam.prompts import bounding_boxes, draw_corner, draw_prompts
from lexiseg.training.mini.sam.recipe import SamLearner, SamTraining
from lexiseg.training.mini.sam.validation import Validation

SIDE = 64
CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def tiny_config():
    return sam_config(width=32, layers=2, heads=2, channels=32, window=4, whole=(1,))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam_network, "SIDE", SIDE)
    monkeypatch.setattr(sam, "SIDE", SIDE)
    monkeypatch.setattr(sam, "sam_config", tiny_config)
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> SamPool:
    config = SamPoolConfig(scenes=10, size=SIDE, seed=3)
    return open_sam_pool(tmp_path_factory.mktemp("pool"), config, workers=1)


def learner(pool: SamPool, **changes: float) -> SamLearner:
    base = SamTraining(batch=2, clicks=4, boxes=2, warmup=2, checkpoint_every=2)
    return SamLearner(replace(base, **changes), pool)


def weights(one: SamLearner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in one.model.parameters()])


# Labels


def test_parts_lie_in_objects_and_objects_in_groups() -> None:
    for number in range(6):
        scene = Miniworld("train", 96, 5, (2, 9))[number]
        part, whole, group = label_levels(scene)
        for outer, inner in ((whole, part), (group, whole)):
            for value in np.unique(inner[(inner > 0) & (outer > 0)]):
                assert len(np.unique(outer[(inner == value) & (outer > 0)])) == 1
        assert not (part[scene.instances == 0].any() or group[scene.instances == 0].any())
        stuff = np.unique(whole[(scene.instances == 0) & (whole > 0)])
        assert len(stuff) and not np.isin(stuff, scene.instances).any()
        areas = [np.bincount(level.ravel())[1:] for level in (part, whole)]
        assert all((area[area > 0] >= LEAST_AREA).all() for area in areas)


def test_groups_are_chains_of_neighbors_or_share_a_name() -> None:
    for number in range(12):
        scene = Miniworld("train", 96, 6, (3, 8))[number]
        group = label_levels(scene)[2]
        name = {o.instance_id: o.name for o in scene.objects}
        for value in np.unique(group[group > 0]):
            members = set(np.unique(scene.instances[group == value]).tolist())
            assert len({name[m] for m in members}) == 1 or members == _reached(scene, members)


def _reached(scene, members):
    """All objects in reach of the first one, by growing from neighbor to neighbor."""
    found = {min(members)}
    while True:
        mask = np.isin(scene.instances, list(found))
        grown = set()
        for axis in (0, 1):
            for shift in (-GAP, GAP):
                moved = np.roll(mask, shift, axis)
                edge = [slice(None), slice(None)]
                edge[axis] = slice(0, shift) if shift > 0 else slice(shift, None)
                moved[tuple(edge)] = False
                grown |= set(np.unique(scene.instances[moved]).tolist())
        if grown - {0} <= found:
            return found
        found |= grown - {0}


# Prompts


def test_prompts_lie_in_what_they_mean(pool: SamPool) -> None:
    labels = torch.from_numpy(np.array(pool.labels[:5]))
    asked = draw_prompts(labels, 9, 6, SIDE, torch.Generator().manual_seed(0))
    assert asked.points.shape == (5, 9, 2) and asked.boxes.shape == (5, 6, 4)
    for picture in range(5):
        for click, (x, y) in enumerate(asked.points[picture].long().tolist()):
            values = labels[picture, :, y, x]
            assert asked.valid[picture, click].tolist() == (values > 0).tolist()
            for level in torch.nonzero(values)[:, 0].tolist():
                region = (labels[picture, level] == values[level]).float()
                assert torch.equal(asked.truth[picture, click, level], region)
    assert (asked.valid[:, 9:].sum(dim=2) <= 1).all()
    meant = asked.valid.gather(2, asked.drawn[..., None])[..., 0]
    assert torch.equal(meant, asked.valid.any(dim=2))


def test_truth_is_the_covered_share_of_cells(pool: SamPool) -> None:
    labels = torch.from_numpy(np.array(pool.labels[:3]))
    fine, coarse = (
        draw_prompts(labels, 5, 2, cells, torch.Generator().manual_seed(1)) for cells in (SIDE, 16)
    )
    blocks = fine.truth.unflatten(-1, (16, 4)).unflatten(-3, (16, 4))
    torch.testing.assert_close(coarse.truth, blocks.mean(dim=(-1, -3)))


def test_truth_of_a_corner_is_one_cell_of_every_four(pool: SamPool) -> None:
    labels = torch.from_numpy(np.array(pool.labels[:3]))
    whole = draw_prompts(labels, 5, 2, 32, torch.Generator().manual_seed(1))
    for row, column in CORNERS:
        chance = torch.Generator().manual_seed(1)
        part = draw_prompts(labels, 5, 2, 32, chance, (row, column))
        assert torch.equal(part.truth, whole.truth[..., row::2, column::2])
        assert torch.equal(part.boxes, whole.boxes) and torch.equal(part.valid, whole.valid)


def test_every_corner_is_drawn() -> None:
    chance = torch.Generator().manual_seed(0)
    assert {draw_corner(chance) for _ in range(60)} == set(CORNERS)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_bounding_boxes(a: int, b: int, c: int, d: int) -> None:
    (left, right), (top, bottom) = sorted((a, b)), sorted((c, d))
    region = torch.zeros(7, 7, dtype=torch.bool)
    region[top, left] = region[bottom, right] = True
    both = torch.stack([region, torch.zeros_like(region)])
    assert bounding_boxes(both).tolist() == [[left, top, right, bottom], [0, 0, 0, 0]]


# Losses


def test_losses_of_pairs_equal_the_plain_formulas() -> None:
    chance = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 30, generator=chance)
    truth = torch.rand(2, 3, 30, generator=chance)
    found = pairwise_loss(logits, truth)
    for p, m, k in np.ndindex(2, 4, 3):
        p1, t = logits[p, m].sigmoid(), truth[p, k]
        hit = -((1 - p1) ** 2) * p1.log() * t
        miss = -(p1**2) * (1 - p1).log() * (1 - t)
        dice = 1 - (2 * (p1 * t).sum() + 1) / (p1.sum() + t.sum() + 1)
        plain = FOCAL * (hit + miss).mean() + DICE * dice
        torch.testing.assert_close(found[p, m, k], plain, atol=1e-5, rtol=1e-5)
        mask, region = logits[p, m] > 0, truth[p, k] >= 0.5
        iou = (mask & region).sum() / max(1, (mask | region).sum())
        torch.testing.assert_close(pairwise_iou(logits, truth)[p, m, k], iou)


def test_only_the_nearest_candidate_learns_from_a_truth() -> None:
    truth = torch.zeros(1, 3, 16)
    truth[0, 0, :4] = truth[0, 1, :10] = 1
    valid = torch.tensor([[True, True, False]])
    logits = torch.full((1, 4, 16), -1.0)
    logits[0, 0], logits[0, 1, :4], logits[0, 2, :10] = 0.3, 1.0, 1.0
    logits.requires_grad_()
    scores = torch.full((1, 4), 0.5, requires_grad=True)
    losses = decoder_losses(logits, scores, truth, valid, torch.tensor([1]))
    losses["mask"].backward(retain_graph=True)
    assert [bool(g.any()) for g in logits.grad[0]] == [False, True, True, False]
    losses["score"].backward()
    # The single mask covers all 16 cells, the last candidate none; part and object share 4 of 10.
    # So the part's mask is to be the surer one although both fit what they show.
    part, whole = 2 / 3 + 1 / 3 * 0.4, 1 / 3 + 2 / 3 * 0.4
    wanted = torch.tensor([10 / 16, part, whole, 0])
    torch.testing.assert_close(scores.grad[0], 2 * (0.5 - wanted) / 4)


@pytest.mark.parametrize(
    ("exists", "odds"),
    [
        ((True, True, True), (0.6, 0.3, 0.1)),
        ((True, True, False), (2 / 3, 1 / 3, 0)),
        ((False, True, False), (0.0, 1.0, 0.0)),
        ((False, False, False), (0.0, 0.0, 0.0)),
    ],
)
def test_parts_are_meant_most_often(exists: tuple[bool, ...], odds: tuple[float, ...]) -> None:
    torch.testing.assert_close(level_odds(torch.tensor(exists)), torch.tensor(odds))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_score_learns_the_mean_over_draws_of_what_is_meant(seed: int, exists: int) -> None:
    # The slow twin draws one region after the other, as SAM's own training does.
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 4, 20, generator=chance)
    scores = torch.rand(1, 4, generator=chance)
    levels = torch.tensor([[bool(exists & 1), True, bool(exists & 4)]])
    truth = (torch.rand(1, 3, 20, generator=chance) > 0.5).float() * levels[..., None]
    found = decoder_losses(logits, scores, truth, levels, torch.tensor([1]))
    overlaps = pairwise_iou(logits, truth)[0]
    odds = level_odds(levels)[0]
    targets = sum(odds[k] * overlaps[1:, k] for k in range(3))
    errors = (scores[0] - torch.cat([overlaps[:1, 1], targets])) ** 2
    torch.testing.assert_close(found["score"], errors.mean())


# Training


def prompted() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two pictures with three clicks and a box each."""
    pixels, points = torch.randn(2, 3, SIDE, SIDE), SIDE * torch.rand(2, 3, 2)
    return pixels, points, torch.tensor([[[3.0, 4, 30, 40]], [[0, 0, 9, 50]]])


def test_training_runs_the_network_as_transformers_does(pool: SamPool) -> None:
    one, (pixels, points, boxes) = learner(pool), prompted()
    with torch.no_grad():
        logits, scores = one.sam.answer(pixels, points, boxes, one.autocast())
        for prompt, part in (
            ({"input_points": points[:, :, None]}, slice(0, 3)),
            ({"input_boxes": boxes}, slice(3, 4)),
        ):
            theirs = one.model.eval()(pixels, multimask_output=True, **prompt)
            torch.testing.assert_close(logits[:, part, 1:], theirs.pred_masks, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(scores[:, part, 1:], theirs.iou_scores, atol=1e-4, rtol=1e-4)


def test_a_corner_of_the_masks_is_one_cell_of_every_four(pool: SamPool) -> None:
    one, (pixels, points, boxes) = learner(pool), prompted()
    with torch.no_grad():
        whole, scores = one.sam.answer(pixels, points, boxes, one.autocast())
        for row, column in CORNERS:
            part, same = one.sam.answer(pixels, points, boxes, one.autocast(), (row, column))
            torch.testing.assert_close(part, whole[..., row::2, column::2])
            assert torch.equal(same, scores)


def test_the_loss_falls(pool: SamPool) -> None:
    one = learner(pool, rate=5e-3, batch=4)
    losses = [one.advance(0.2) for _ in range(24)]
    for name in ("mask", "score"):
        assert sum(step[name] for step in losses[-6:]) < sum(step[name] for step in losses[:6])


def test_only_scores_leaves_the_masks_as_they_are(pool: SamPool) -> None:
    one, (pixels, points, boxes) = learner(pool, only_scores=True), prompted()
    with torch.no_grad():
        before = one.sam.answer(pixels, points, boxes, one.autocast())
        with torch.enable_grad():
            one.advance(0.2)
        after = one.sam.answer(pixels, points, boxes, one.autocast())
    assert torch.equal(before[0], after[0]) and not torch.equal(before[1], after[1])


def test_scores_alone_are_trained_only_where_there_are_masks(tmp_path: Path) -> None:
    arguments = ["sam", "--out", str(tmp_path), "--steps", "1", "--only-scores"]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2 and not list(tmp_path.iterdir())


def test_resumed_training_equals_uninterrupted_training(pool: SamPool, tmp_path: Path) -> None:
    plan, whole = Budget(steps=4), learner(pool)
    train(whole, plan, _made(tmp_path / "whole"))
    part = learner(pool)
    part.advance(0.0)
    part.advance(0.25)
    part.save(tmp_path / "checkpoint.pt")
    later = learner(pool)
    later.resume(tmp_path / "checkpoint.pt")
    train(later, plan, _made(tmp_path / "later"))
    assert torch.equal(weights(whole), weights(later))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_held_out_measures_are_shares(pool: SamPool) -> None:
    one = learner(pool)
    found = Validation(count=2, side=SIDE)(one.sam, one.autocast())
    assert list(found) == ["val_part", "val_object", "val_group", "val_box"]
    assert all(0 <= value <= 1 for value in found.values())


def test_command_trains_resumes_and_writes_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw_small(folder: Path, config: SamPoolConfig) -> SamPool:
        return open_sam_pool(folder, replace(config, size=SIDE), workers=1)

    monkeypatch.setattr(sam, "open_sam_pool", draw_small)
    monkeypatch.setattr(sam, "Validation", lambda: Validation(1, SIDE))
    common = ["sam", "--out", str(tmp_path), "--scenes", "4", "--batch", "1", "--device", "cpu"]
    run = CliRunner()
    run.invoke(app, [*common, "--steps", "1"], catch_exceptions=False)
    with pytest.raises(UsageError, match="--resume"):
        run.invoke(app, [*common, "--steps", "2"], catch_exceptions=False)
    run.invoke(app, [*common, "--steps", "2", "--resume"], catch_exceptions=False)
    folder = tmp_path / "sam" / "weights"
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert [s["last_step"] for s in record["sessions"]] == [1, 2]
    arguments = ["evaluate-sam", str(folder), "--scenes", "1", "--card"]
    run.invoke(app, arguments, catch_exceptions=False)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "IoU of the best of three" in card and "| 1 to 2 | 4 (0) | 1 |" in card


# What ships


def test_shipped_size() -> None:
    folder = bundled_folder("mini-sam")
    network = SamModel.from_pretrained(folder, local_files_only=True)
    assert sum(p.numel() for p in network.parameters()) <= 6_000_000
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 13_000_000


def test_transformers_gives_the_same_masks() -> None:
    folder = bundled_folder("mini-sam")
    theirs = SamModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    ours = load_segmenter("mini-sam", "cpu", "float32")
    image = Miniworld("val", 256, 4)[0].image
    answer = ours.predict(ours.encode(image), points=[[[120.0, 90.0]]])
    pixels = ours.preprocessing(image)
    with torch.no_grad():
        plain = theirs(pixels, input_points=torch.tensor([[[[120.0, 90.0]]]]))
    torch.testing.assert_close(answer.logits, plain.pred_masks[0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(answer.scores, plain.iou_scores[0], atol=1e-3, rtol=1e-3)


def test_shipped_masks_reach_what_the_card_says_with_room_for_chance() -> None:
    # The card has 0.79, 0.84 and 0.17 on 441 objects; these scenes hold some 60 of them, so a
    # mean moves by about 0.04, a share by 0.05, and three times that is allowed.
    figures = measure_sam(bundled_folder("mini-sam"), scenes=8, split="val")
    assert figures["best"] >= 0.67 and figures["boxed"] >= 0.72
    assert figures["chosen"] < figures["best"] - 0.02
    assert 0.03 <= figures["ranked_wrong"] <= 0.33
    few, crowded, share = figures["best_few"], figures["best_crowded"], figures["crowded"]
    assert figures["best"] == pytest.approx(share * crowded + (1 - share) * few, abs=1e-3)


def test_shipped_scores_are_biased_to_parts_as_the_card_says() -> None:
    # The card has 0.07 on 441 objects of 60 scenes; the share moves by 0.012 there and by 0.014
    # here, and three times that is allowed. Scores that learned the best fit of all had 0.016.
    figures = measure_sam(bundled_folder("mini-sam"), scenes=40, split="val")
    assert 0.03 <= figures["prefers_part"] <= 0.12


def test_the_card_was_written_from_measurements() -> None:
    card = (bundled_folder("mini-sam") / "README.md").read_text(encoding="utf-8")
    assert "best of three" in card and "highest score" in card and "Open Font License" in card
