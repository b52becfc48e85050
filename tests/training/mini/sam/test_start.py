import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import ViTConfig, ViTModel
from typer.testing import CliRunner

from lexiseg.errors import UsageError
from lexiseg.training.engine.learner import TrainingConfig
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.sam import network as sam_network
from lexiseg.training.mini.sam import recipe as sam
from lexiseg.training.mini.sam import start as sam_start
from lexiseg.training.mini.sam.network import build_sam, sam_config
from lexiseg.training.mini.sam.pool import SamPool, SamPoolConfig, open_sam_pool
from lexiseg.training.mini.sam.recipe import SamLearner, SamTraining, export
from lexiseg.training.mini.sam.start import TAKEN, EncoderLearner, take_blocks, take_decoder
from lexiseg.training.mini.sam.validation import Validation

SIDE, WIDTH, LAYERS, HEADS = 64, 32, 3, 2


def tiny_config():
    return sam_config(WIDTH, LAYERS, HEADS, patch=8, channels=32, window=4, whole=(1,))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, dino: Path) -> None:
    monkeypatch.setattr(sam_network, "SIDE", SIDE)
    monkeypatch.setattr(sam, "SIDE", SIDE)
    monkeypatch.setattr(sam, "sam_config", tiny_config)
    monkeypatch.setattr(sam_start, "sam_config", tiny_config)
    monkeypatch.setattr(sam_start, "bundled_folder", lambda _: dino)
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT of one block less, for pictures of 48 pixels."""
    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=WIDTH, num_hidden_layers=LAYERS - 1, num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH, image_size=48, patch_size=8, layer_norm_eps=1e-6,
        initializer_range=0.3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("dino")
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> SamPool:
    config = SamPoolConfig(scenes=6, size=SIDE, seed=3)
    return open_sam_pool(tmp_path_factory.mktemp("pool"), config, workers=1)


@pytest.fixture
def teacher(tmp_path: Path, pool: SamPool) -> Path:
    """A small SAM with patches of 16 pixels."""
    network = build_sam(sam_config(16, 1, 2, patch=16, channels=32, window=4))
    export(SamLearner(SamTraining(seed=5), pool, network), tmp_path / "teacher")
    return tmp_path / "teacher"


def test_blocks_compute_what_the_vision_transformers_do(dino: Path) -> None:
    encoder = build_sam(tiny_config()).vision_encoder
    take_blocks(encoder, dino)
    vit = ViTModel.from_pretrained(dino, add_pooling_layer=False).eval()
    tokens = torch.randn(2, 8, 8, WIDTH)
    with torch.no_grad():
        for ours, theirs in zip(encoder.layers, vit.layers, strict=False):
            ours.window_size = 0  # the whole picture, as there
            found, wanted = ours(tokens), theirs(tokens.flatten(1, 2))
            found = found[0] if isinstance(found, tuple) else found
            torch.testing.assert_close(found.flatten(1, 2), wanted, atol=1e-5, rtol=1e-5)


def test_patches_and_positions_are_those_of_the_vision_transformer(dino: Path) -> None:
    encoder = build_sam(tiny_config()).vision_encoder
    take_blocks(encoder, dino)
    vit = ViTModel.from_pretrained(dino, add_pooling_layer=False).embeddings
    pixels = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        found = encoder.patch_embed.projection(pixels)
        wanted = vit.patch_embeddings.projection(pixels)
    assert torch.equal(found, wanted)
    corner, first = encoder.pos_embed[0, 0, 0], vit.position_embeddings[0, 1]
    assert torch.nn.functional.cosine_similarity(corner, first, dim=0) > 0.9


def test_the_decoder_is_taken_whole_or_not_at_all() -> None:
    torch.manual_seed(0)
    network, teacher = build_sam(tiny_config()), build_sam(tiny_config())
    take_decoder(network, teacher)
    for name in TAKEN:
        ours, theirs = (getattr(one, name).state_dict() for one in (network, teacher))
        assert ours and all(torch.equal(ours[key], theirs[key]) for key in theirs)
    with pytest.raises(UsageError, match="other sizes"):
        take_decoder(network, build_sam(sam_config(16, 1, 2, channels=16, window=4)))


def test_the_encoder_learns_the_embedding_and_nothing_else_changes(
    pool: SamPool, teacher: Path
) -> None:
    one = EncoderLearner(TrainingConfig(batch=4, rate=3e-3, warmup=1), pool, teacher)
    before = {k: v.clone() for k, v in one.model.mask_decoder.state_dict().items()}
    losses = [one.advance(0.2)["embedding"] for _ in range(20)]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
    after = one.model.mask_decoder.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_command_begins_with_a_teacher_and_resumes_without(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw_small(folder: Path, config: SamPoolConfig) -> SamPool:
        return open_sam_pool(folder, replace(config, size=SIDE), workers=1)

    monkeypatch.setattr(sam, "open_sam_pool", draw_small)
    monkeypatch.setattr(sam, "Validation", lambda: Validation(1, SIDE))
    out = tmp_path / "run"
    common = ["sam", "--out", str(out), "--scenes", "4", "--batch", "1", "--device", "cpu"]
    common += ["--teacher", str(teacher), "--head-start", "0.001"]
    run = CliRunner()
    run.invoke(app, [*common, "--steps", "1"], catch_exceptions=False)
    run.invoke(app, [*common, "--steps", "2", "--resume"], catch_exceptions=False)
    record = json.loads((out / "sam" / "weights" / "training.json").read_text(encoding="utf-8"))
    notes = ["note" in session for session in record["sessions"]]
    assert notes == [False, True, False, False]


@pytest.mark.parametrize("arguments", [["--teacher", "nowhere"], ["--bundled", "--teacher", "."]])
def test_command_refuses_no_teacher_and_two_beginnings(tmp_path: Path, arguments) -> None:
    common = ["sam", "--out", str(tmp_path / "run"), "--steps", "1"]
    result = CliRunner().invoke(app, [*common, *arguments])
    assert result.exit_code == 2 and not (tmp_path / "run").exists()
