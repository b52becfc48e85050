"""Damaged model folders: a model that works, or one sentence about file and entry."""

from __future__ import annotations

import json
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lexiseg.errors import CheckpointError, LexisegError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import Clip
from lexiseg.models.dino import Dino
from lexiseg.models.gpt2 import Gpt2
from lexiseg.models.sam.loading import load_segmenter

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
SIDE_FILES = ("config.json", "preprocessor_config.json")
HOSTILE: tuple[Any, ...] = (
    0, -1, 3, 10**6, 2**63, 1.5, float("nan"), "x", "../../x", None, True, [], {}, [0, 0, 0],
)  # fmt: skip


def use_clip(folder: Path) -> None:
    clip = Clip.load(folder, "cpu", "float32")
    clip.text_features(["dog"])
    clip.image_features(clip.preprocessing.squares([IMAGE]))


def use_dino(folder: Path) -> None:
    dino = Dino.load(folder, "cpu", "float32")
    dino.network.facet(dino.statistics.normalize(IMAGE, torch.device("cpu")), 8)


def use_gpt2(folder: Path) -> None:
    Gpt2.load(folder, "cpu").network.extend(torch.tensor([[1, 2]]))


def use_sam(folder: Path) -> None:
    sam = load_segmenter(folder, "cpu", "float32")
    sam.predict(sam.encode(IMAGE), points=[[[8.0, 9.0]]])


USES: dict[str, Callable[[Path], None]] = {
    "clip-proposal": use_clip, "dino": use_dino, "gpt2": use_gpt2, "sam": use_sam,
}  # fmt: skip


@pytest.fixture(params=sorted(USES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    """A copy of bundled weights whose files may be damaged."""
    return Path(shutil.copytree(bundled_folder(f"mini-{kind}"), tmp_path / kind))


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) of a JSON value."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


def damage(path: Path, rng: random.Random) -> Any:
    """Replace one entry; returns what it is called."""
    content = json.loads(path.read_text(encoding="utf-8"))
    parent, key = rng.choice(list(places(content)))
    parent[key] = rng.choice(HOSTILE)
    path.write_text(json.dumps(content), encoding="utf-8")
    return key


def test_an_odd_entry_is_used_or_named(
    kind: str, folder: Path, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(pytestconfig.getoption("--fuzz-seed", 0))
    end = time.monotonic() + pytestconfig.getoption("--fuzz-seconds", 1.0)
    files = [folder / name for name in SIDE_FILES if (folder / name).is_file()]
    while time.monotonic() < end:
        path = rng.choice(files)
        before = path.read_bytes()
        damage(path, rng)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                USES[kind](folder)
        except LexisegError as error:
            assert "\n" not in str(error) and str(folder) in str(error), path.read_text("utf-8")
        path.write_bytes(before)


SIZES = {
    "clip-proposal": ("num_attention_heads", "num_hidden_layers", "patch_size"),
    "dino": ("num_attention_heads", "num_hidden_layers", "patch_size"),
    "gpt2": ("n_head", "n_layer", "n_embd"),
    "sam": ("num_attention_heads", "num_hidden_layers", "patch_size"),
}


@pytest.mark.parametrize("value", [0, -1, 10**9, 1.5, "x", None, []])
def test_sizes_that_make_no_network_are_named(kind: str, folder: Path, value: object) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in SIZES[kind]:
        changed = json.loads(json.dumps(content))
        for parent, found in list(places(changed)):
            if found == key:
                parent[found] = value
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(CheckpointError, match=rf"config\.json: .*{key} is .*expected a whole"):
            USES[kind](folder)


def test_heads_that_do_not_divide_the_width_are_named(kind: str, folder: Path) -> None:
    path = folder / "config.json"
    heads = "n_head" if kind == "gpt2" else "num_attention_heads"
    content = json.loads(path.read_text(encoding="utf-8"))
    for parent, found in list(places(content)):
        if found == heads:
            parent[found] = 5
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"config\.json: .*{heads} is 5, which does not"):
        USES[kind](folder)


@pytest.mark.parametrize("colors", [[0.2, 0.0, 0.2], [0.2, -1.0, 0.2], [1.0], [1.0, "x", 1.0], 0.5])
def test_colors_that_cannot_be_divided_by_are_named(kind: str, folder: Path, colors: Any) -> None:
    path = folder / "preprocessor_config.json"
    if kind == "gpt2":
        assert not path.exists()
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "image_std": colors}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json: image_std is .*three"):
        USES[kind](folder)


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(kind: str, folder: Path, number: float) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    key = sorted(state)[len(state) // 2]
    state[key].view(-1)[-1] = number
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"damaged: 1 tensors with NaN or infinity \(\w"):
        USES[kind](folder)
