"""The parity program on the public pack, and on packs of other sizes made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.parity import check
from benchmarks.parity_car import Pack
from lexiseg.models.clip import ClipNetwork, TextConfig, VisionConfig


def test_reference_pack(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(shared / "reference" / "car"), capsys.readouterr().out


def write_pack(folder: Path, patch: int, size_hw: tuple[int, int]) -> None:
    """A pack whose expected arrays are our own: it tests the program, not the numbers."""
    torch.manual_seed(patch)
    state = {}
    for prefix, width, layers in (("gen.", 64, 10), ("cls.", 64, 3)):
        vision = VisionConfig(width, layers, 1, patch, 4 * patch, 16)
        network = ClipNetwork(vision, TextConfig(64, 2, 1, 30, 200, 16))
        state |= {prefix + key: tensor.half() for key, tensor in network.state_dict().items()}
    save_file(state, folder / "weights.safetensors")
    templates = ["a clean origami {}.", "a photo of a {}."]
    queries = ["cat", "red car", "boat, ship", "lamp"]
    meta = {
        "queries": queries, "background": ["sky", "sea"], "templates": templates, "eta": "0.4",
        "theta": "0.25", "theta_many": "0.1", "lam": "0.5", "prompts": "gray,rectangle",
    }  # fmt: skip
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "README.md").write_text("`run_none_pass` theta 1.5 (nothing passes)")
    rng = np.random.default_rng(0)
    arrays = {
        "image_u8": rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8),
        "prompt.masks": rng.integers(0, 2, (2, *size_hw), dtype=np.uint8),
        "cls.tokens": np.zeros((2, 2, 30)),
    }
    for prefix in ("gen", "cls"):
        arrays[f"openai_{prefix}.image_in"] = rng.normal(size=(1, 3, 4 * patch, 4 * patch)).astype(
            np.float32
        )
        arrays[f"openai_{prefix}.tokens"] = rng.integers(0, 200, (4, 30))
    arrays["cls.image"] = np.zeros((2, 3, 4 * patch, 4 * patch), np.float32)
    arrays["crf.q"] = np.zeros((5, *size_hw))
    wanted = ("run.scores", "run_many.scores", "run_none_pass.masks", "prompt.all4")
    np.savez(folder / "arrays.npz", **arrays, **dict.fromkeys(wanted, np.zeros(1)))
    with torch.no_grad():
        made = {name: np.asarray(value) for name, value in Pack(folder).rebuild()}
    np.savez(folder / "arrays.npz", **made)


@pytest.mark.parametrize(("patch", "size_hw"), [(16, (70, 45)), (14, (40, 60)), (32, (33, 90))])
def test_other_sizes_and_what_a_difference_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], patch: int, size_hw: tuple[int, int]
) -> None:
    write_pack(tmp_path, patch, size_hw)
    assert check(tmp_path), capsys.readouterr().out
    arrays = dict(np.load(tmp_path / "arrays.npz"))
    arrays["aff.W"] = arrays["aff.W"] + 1e-3
    arrays["cam.unheard_of"] = np.zeros(3)
    np.savez(tmp_path / "arrays.npz", **arrays)
    capsys.readouterr()
    assert not check(tmp_path)
    printed = capsys.readouterr().out
    assert "FAIL aff.W" in printed and "FAIL cam.unheard_of" in printed


def test_pictures_to_judge_may_be_marked_otherwise_than_in_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(tmp_path, 16, (70, 45))
    arrays = dict(np.load(tmp_path / "arrays.npz"))
    told = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps({**told, "prompts": ["circle", "blur"]}))
    pack = Pack(tmp_path)
    pack.fitting_prompts = lambda name, prepare: ("blur", "circle")  # type: ignore[method-assign]
    with torch.no_grad():
        judged = {name: np.asarray(value) for name, value in pack.classifier()}
    (tmp_path / "meta.json").write_text(json.dumps(told))
    assert np.abs(judged["cls.image"] - arrays["cls.image"]).max() > 0.1
    np.savez(tmp_path / "arrays.npz", **{**arrays, **judged})
    assert check(tmp_path), capsys.readouterr().out
    judged["cls.image"] = judged["cls.image"] + np.float32(1e-3)
    np.savez(tmp_path / "arrays.npz", **{**arrays, **judged})
    assert not check(tmp_path)


def test_a_pack_without_judged_pictures_or_a_crf(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(tmp_path, 16, (70, 45))
    arrays = dict(np.load(tmp_path / "arrays.npz"))
    left = {k: v for k, v in arrays.items() if not k.startswith(("cls.", "crf.", "run_many"))}
    np.savez(tmp_path / "arrays.npz", **left)
    assert check(tmp_path), capsys.readouterr().out


def test_a_folder_of_something_else_fails(tmp_path: Path) -> None:
    assert not check(tmp_path)
