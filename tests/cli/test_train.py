"""Data in, adapter out: a run of `lexiseg train`, its files, and what a user can get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.io.image import image_size
from lexiseg.models.openworldsam import load_adapter
from lexiseg.training.openworldsam import learner as learners
from tests.models.tiny_openworldsam import make_openworldsam
from tests.training.openworldsam.data_files import annotation, write_coco


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_miniworld(folder, 8, Miniworld("train", 64, 5, things=(1, 4)))
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    parts = make_openworldsam(tmp_path_factory.mktemp("tiny"))
    options = {"--sam2": "sam2", "--encoder": "beit3", "--init": "adapter"}
    return [word for flag, part in options.items() for word in (flag, str(parts[part]))]


def settings(**values: object) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


SHORT = settings(batch=2, checkpoint_every=2, rate="1e-3")


def test_a_run_leaves_an_adapter_its_curve_and_its_card(
    lexiseg_command, world: Path, tiny: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ask = ("train", "openworldsam", "--data", world, "-o", out, *tiny, *SHORT, "--hold-out", "0.3")
    code, said, err = lexiseg_command(*ask, "--steps", "5", "--keep-maps", "disk")
    assert code == 0 and said.strip() == str(out), err
    adapter, ignored = load_adapter(out)
    assert not ignored and adapter.config.layout == "released"  # as that which it began with
    rows = (out / "curve.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4", "5"]
    assert "val_matched_iou" in rows[0] and image_size(out / "curve.png")[1] > 100
    card = (out / "README.md").read_text()
    assert "| 0 to 5 | 6 (42) |" in card and "training.rate: 0.001" in card
    assert len(list((out / "cache" / "maps").rglob("*.safetensors"))) > 4
    assert not list(out.rglob("*.partial")) and not list(out.rglob(".lexiseg-part-*"))

    code, _, err = lexiseg_command(*ask, "--steps", "7")
    assert code == 2 and "--resume" in err
    code, _, err = lexiseg_command(*ask, "--steps", "7", "--resume", "-q")
    assert code == 0 and err == ""
    sessions = json.loads((out / "training.json").read_text())["sessions"]
    assert [session["first_step"] for session in sessions] == [0, 5]
    code, _, err = lexiseg_command(*ask, "--steps", "9", "--resume", "--set", "clip=1")
    assert code == 2 and "begun with config.clip 0.005, not 1.0" in err


def test_a_new_adapter_has_the_sizes_that_are_set(
    lexiseg_command, world: Path, tiny: list[str], tmp_path: Path
) -> None:
    sizes = {"adapter.tie_breakers": 2, "adapter.layers": 0, "scope": "each"}
    ask = ("train", "openworldsam", "--data", world, "--task", "referring", "-o", tmp_path, "-q")
    code, _, err = lexiseg_command(
        *ask, *tiny[:4], "--init", "new", "--fusion", "text", *SHORT, *settings(**sizes),
        "--steps", "1", "--hold-out", "0",
    )  # fmt: skip
    assert code == 0, err
    config = load_adapter(tmp_path)[0].config
    assert (config.tie_breakers, config.layers, config.scope) == (2, 0, "each")
    assert (config.layout, config.encoder_width, config.width) == ("one_token", 48, 32)
    code, _, err = lexiseg_command(*ask, *tiny, *settings(**{"adapter.tie_breakers": 2}))
    assert code == 2 and "has sizes of its own" in err


def test_interrupted_it_says_how_to_go_on(
    lexiseg_command, world: Path, tiny: list[str], tmp_path: Path, monkeypatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(learners.AdapterLearner, "advance", interrupt)
    ask = ("train", "openworldsam", "--data", world, "-o", tmp_path, *tiny, *SHORT)
    code, _, err = lexiseg_command(*ask, "--steps", "2", "-q")
    assert code == 130 and "--resume" in err and str(tmp_path) in err


def test_a_dry_run_needs_no_weights(lexiseg_command, tmp_path: Path) -> None:
    rows = [annotation(n, 1, n) for n in (1, 2)]
    rows += [annotation(3, 2, 5, segmentation=[[1.0, 2.0]]), annotation(4, 2, 1)]
    file = write_coco(tmp_path, rows)
    out = tmp_path / "dry"
    code, said, err = lexiseg_command(
        "train", "openworldsam", "--data", file, "--dry-run", "-o", out, "--hold-out", "0",
        *settings(negatives=1, presence_weight=1),
    )  # fmt: skip
    assert code == 0 and "2 pictures, 3 texts that mean 3 masks" in said, err
    assert "1 records left out" in said and "annotation 3" in err
    assert "fewer than three corners" in (out / "left_out.txt").read_text()
    assert image_size(out / "batch.png")[1] > 256
    assert not (out / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "none.json"), "none.json does not exist"),
        (("--data", "WORLD", "--init", "none.pt"), "none.pt"),
        (("--data", "WORLD", "--preset", "none"), "Unknown preset 'none'"),
        (("--data", "WORLD", "--set", "speed=1"), "Unknown option 'speed'"),
        (("--data", "WORLD", "--set", "rate=fast"), "expected float"),
        (("--data", "WORLD", "--set", "batch=0"), "expected 1 to"),
        (("--data", "WORLD", "--set", "negatives=1"), "presence_weight"),
        (("--data", "WORLD", "--split", "val"), "no sentence of split 'val'"),
    ],
)
def test_what_is_wrong_is_one_sentence(lexiseg_command, world: Path, tmp_path, words, said) -> None:
    typed = [str(world) if word == "WORLD" else word for word in words]
    code, out, err = lexiseg_command("train", "openworldsam", *typed, "-o", tmp_path / "run", "-q")
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""
    assert not (tmp_path / "run").exists()


def test_adapters_fit_their_networks_or_are_refused(
    lexiseg_command, world: Path, tiny: list[str], tmp_path: Path
) -> None:
    from lexiseg.models.openworldsam import Adapter, AdapterConfig, save_adapter

    torch.manual_seed(0)
    save_adapter(Adapter(AdapterConfig(encoder_width=40, width=32, heads=4)), tmp_path / "other")
    code, _, err = lexiseg_command(
        "train", "openworldsam", "--data", world, *tiny[:4], "--init", tmp_path / "other",
        "-o", tmp_path / "run", "-q",
    )  # fmt: skip
    assert code == 2 and "takes vectors of 40 numbers" in err and "gives 48" in err
