import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ViTModel
from typer.testing import CliRunner

from lexiseg.errors import UsageError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.dino import Dino
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.session import Budget, train
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.dino.learner import DinoLearner, DinoTraining, Distiller, TeacherTarget
from lexiseg.training.mini.dino.losses import Centre, balanced, distillation, grouped
from lexiseg.training.mini.dino.measure import (
    best_iou,
    color_features,
    held_out,
    measure_features,
    top_nodes,
)
from lexiseg.training.mini.dino.network import normalize, read, resize_positions
from lexiseg.training.mini.dino.views import View, carry, centres, draw_view
from lexiseg.training.mini.pool import Pool

TINY = DinoTraining(
    width=64,
    layers=2,
    heads=1,
    global_size=32,
    local_size=16,
    locals=1,
    picture_prototypes=16,
    key_prototypes=8,
    batch=4,
    held_out_scenes=1,
    checkpoint_every=2,
)


@pytest.fixture(autouse=True)
def single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_places_in_two_views_show_the_same_place_of_the_picture(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(-1, 1, 64)
    x, y = torch.meshgrid(ramp, ramp, indexing="xy")
    picture = torch.stack([x, y, 0 * x])[None]
    coordinates = F.pad(picture, (1,) * 4, mode="replicate")  # of a picture slightly larger
    views = [draw_view(coordinates.clone(), 32, (0.1, 0.9), generator) for _ in range(2)]
    maps = [places_shown(view) for view in views]
    carried, shared = carry(maps[1], views[0].locate(views[1], 32))
    inner = shared & (carried.abs() < 0.95).all(dim=-1)
    torch.testing.assert_close(carried[inner], maps[0][inner], atol=0.06, rtol=0)


def places_shown(view: View) -> torch.Tensor:
    """Coordinates (B, s, s, 2) in the picture of a view's pixels, by definition."""
    return view.place[:, None, None] + view.reach[:, None, None] * centres(view.pixels.shape[-1])


def test_a_view_shows_the_pixels_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexiseg.training.mini.dino.views.recolor", lambda pixels, *_: pixels)
    ramp = (torch.arange(64) + 0.5) / 32 - 1
    picture = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"))
    pictures = torch.cat([picture, picture[:1]])[None].repeat(6, 1, 1, 1)
    view = draw_view(pictures, 16, (0.05, 0.6), torch.Generator().manual_seed(0))
    shown = view.pixels.permute(0, 2, 3, 1)[..., :2]
    torch.testing.assert_close(shown, places_shown(view), atol=0.02, rtol=0)
    assert (view.reach[:, 0] < 0).any() and (view.reach[:, 0] > 0).any()


def test_balanced_targets_are_distributions_that_use_all_prototypes_alike() -> None:
    scores = 0.02 * torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    scores[:, 0] += 0.1  # a prototype that would win most
    targets = balanced(scores)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(400))
    usage = targets.mean(dim=0) * 8
    assert usage.min() > 0.8 and usage.max() < 1.2
    assert ((scores / 0.025).softmax(dim=1).mean(dim=0) * 8).max() > 4


def test_patches_with_equal_keys_get_equal_targets() -> None:
    keys = torch.tensor([[[1.0, 0], [1, 0], [0, 1]]])
    targets = torch.tensor([[[1.0, 0], [0, 1], [0, 1]]])
    shared = grouped(targets, keys)
    torch.testing.assert_close(shared[0, 0], torch.tensor([0.5, 0.5]), atol=1e-4, rtol=0)
    torch.testing.assert_close(shared[0, 2], torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)


def test_the_centre_takes_away_what_all_pictures_share() -> None:
    centre = Centre(3)
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]])
    for _ in range(60):
        centre.update(scores, ProcessGroup())
    torch.testing.assert_close(centre.mean, scores.mean(dim=0), atol=2e-3, rtol=0)
    assert centre.sharpen(scores).argmax(dim=1).tolist() == [1, 2]


def test_distillation_is_cross_entropy_at_the_students_temperature() -> None:
    scores, target = torch.tensor([[0.2, 0.1]]), torch.tensor([[0.3, 0.7]])
    p = np.exp([2.0, 1.0]) / np.exp([2.0, 1.0]).sum()
    expected = -(0.3 * np.log(p[0]) + 0.7 * np.log(p[1]))
    assert float(distillation(target, scores)) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_class_token_and_keys_are_those_of_the_whole_network() -> None:
    backbone = Distiller(TINY).backbone.eval()
    pixels = torch.rand(2, 3, 32, 32)
    whole = backbone(normalize(pixels)).last_hidden_state
    torch.testing.assert_close(read(backbone, pixels).cls, whole[:, 0], atol=1e-5, rtol=1e-4)
    kept = torch.arange(16).expand(2, -1)
    shuffled = read(backbone, pixels, kept.flip(1))
    keys = read(backbone, pixels).keys
    torch.testing.assert_close(shuffled.keys.flip(1), keys, atol=1e-5, rtol=1e-4)


def test_position_tables_keep_the_class_token_and_smooth_places() -> None:
    line = torch.arange(8.0)
    table = torch.cat([torch.full((1, 1, 2), 99.0), torch.cartesian_prod(line, line)[None]], dim=1)
    large = resize_positions(table, 16)
    assert large.shape == (1, 257, 2) and (large[:, 0] == 99).all()
    inner = large[0, 1:].view(16, 16, 2)[4:12, 4:12]
    fine = torch.arange(4, 12) / 2 - 0.25  # where the centres of half cells lie
    expected = torch.cartesian_prod(fine, fine).view(8, 8, 2)
    torch.testing.assert_close(inner, expected, atol=0.06, rtol=0)  # cubic, not linear
    torch.testing.assert_close(resize_positions(table, 8), table)


def test_key_losses_count_shared_places_only() -> None:
    view = View(torch.zeros(1, 3, 32, 32), torch.zeros(1, 2), torch.ones(1, 2))
    aside = View(torch.zeros(1, 3, 32, 32), torch.tensor([[1.0, 0.0]]), torch.ones(1, 2))
    target = torch.zeros(1, 4, 4, 2)
    target[..., 0] = 1
    target[:, :, :2] = torch.tensor([0.0, 1.0])  # left half, which the other view does not show
    scores = torch.tensor([1.0, -1.0]).expand(1, 16, 2)
    target = TeacherTarget(view, torch.zeros(1, 1), target)
    assert float(target.key_loss(aside, scores, None)) < 1e-3
    kept = torch.tensor([[0, 4]])  # left column of the other view: the middle of the picture
    assert float(target.key_loss(view, scores[:, :2], kept)) > 10


def test_resumed_training_equals_uninterrupted_training(pool: Pool, tmp_path: Path) -> None:
    whole = DinoLearner(TINY, pool)
    train(whole, Budget(steps=4), tmp_path)
    part = DinoLearner(TINY, pool)
    while part.step < 2:
        part.advance(part.step / 4)
    part.save(tmp_path / "part.pt")
    later = DinoLearner(replace(TINY, seed=0), pool)
    later.resume(tmp_path / "part.pt")
    train(later, Budget(steps=4), tmp_path)
    for ours, theirs in zip(whole.teacher.parameters(), later.teacher.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 4] and 0 < rows[0]["things_iou"] <= 1


def test_the_student_learns_what_the_teacher_says(pool: Pool) -> None:
    learner = DinoLearner(replace(TINY, warmup=1, momentum=(1.0, 1.0)), pool)
    losses = []
    for _ in range(20):
        losses.append(learner.advance(0.5))
        learner.step = 0  # the same views again
    for part in ("picture", "keys"):
        assert losses[-1][part] < losses[8][part] - 0.02  # the centre has settled by then


def test_the_tree_of_clear_groups_has_them_as_nodes() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(4, size=120)
    rows = (np.eye(4)[group] + 0.01 * rng.standard_normal((120, 4))).astype(np.float32)
    nodes = top_nodes(rows, leaves=6)
    assert nodes[-1].all() and len(nodes) == 11  # six leaves and what joins them
    for number in range(4):
        assert any(np.array_equal(node, group == number) for node in nodes)
    assert len(top_nodes(rows[:3])) == 5


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 5), columns=st.integers(1, 5))
def test_the_best_iou_is_that_of_painted_nodes(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    nodes, region = rng.random((3, rows, columns)) < 0.5, rng.random((11, 13)) < 0.4
    region[0, 0] = True
    y, x = np.arange(11) * rows // 11, np.arange(13) * columns // 13
    painted = nodes[:, y][:, :, x]
    ious = [(node & region).sum() / (node | region).sum() for node in painted]
    assert best_iou(nodes, region) == pytest.approx(max(ious))


def test_training_resumes_writes_weights_and_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = lambda seed, batch: replace(TINY, seed=seed, batch=batch)  # noqa: E731
    monkeypatch.setattr("lexiseg.training.mini.dino.learner.DinoTraining", tiny)
    common = ("dino", "--scenes", "4", "--batch", "2", "--device", "cpu", "--out", str(tmp_path))

    def run(*arguments: str) -> None:
        CliRunner().invoke(app, arguments, catch_exceptions=False)

    run(*common, "--steps", "1")
    with pytest.raises(UsageError, match="--resume"):
        run(*common, "--steps", "2")
    run(*common, "--steps", "2", "--resume")
    folder = tmp_path / "dino" / "weights"
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert [s["last_step"] for s in record["sessions"]] == [1, 2]
    image = np.zeros((40, 32, 3), np.uint8)
    assert Dino.load(folder, "cpu").describe_patches(image, 4).shape == (9, 7, 64)
    monkeypatch.undo()
    monkeypatch.setattr("lexiseg.training.mini.dino.card.STRIDE", 8)
    run("evaluate-dino", str(folder), "--scenes", "1", "--card")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| 1 to 2 | 4 (0) | 2 | " in card
    assert "mean colors" in card and "Open Font License" in card


def test_the_shipped_one_keeps_its_budget_and_was_measured() -> None:
    folder = bundled_folder("mini-dino")
    model = ViTModel.from_pretrained(folder, local_files_only=True, add_pooling_layer=False)
    assert model.num_parameters() <= 6_000_000 and model.dtype == torch.float16
    assert "Measured on held-out" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_shipped_one_finds_more_than_colors_do() -> None:
    dino = Dino.load("mini-dino", "cpu", "float32")
    scenes = held_out("val", 12, seed=31)
    keys = measure_features(
        lambda image: F.normalize(dino.describe_patches(image), dim=-1).numpy(), scenes
    )
    colors = measure_features(color_features(), scenes)
    assert keys["things_iou"] > colors["things_iou"]
    assert keys["stuff_iou"] > colors["stuff_iou"] - 0.02
