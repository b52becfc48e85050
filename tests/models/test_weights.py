import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models import weights


@pytest.fixture
def state():
    torch.manual_seed(0)
    return {"a.weight": torch.randn(2, 3), "a.bias": torch.randn(2), "b.scale": torch.tensor(2.5)}


def write(folder, kind, state):
    path = folder / f"weights{kind}"
    if kind == ".safetensors":
        save_file(state, path)
    elif kind == ".npz":
        np.savez(path, **{key: tensor.numpy() for key, tensor in state.items()})
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("kind", [".safetensors", ".npz", ".pt", ".bin", ".pth"])
def test_every_kind_of_file_reads_the_same(tmp_path, state, kind):
    read = weights.read_state(write(tmp_path, kind, state))
    assert set(read) == set(state)
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_prefix_selects_and_is_cut(tmp_path, state):
    read = weights.read_state(write(tmp_path, ".safetensors", state), prefix="a.")
    assert set(read) == {"weight", "bias"}


def test_absent_prefix_is_reported(tmp_path, state):
    with pytest.raises(CheckpointError, match="keys start with a, b"):
        weights.read_state(write(tmp_path, ".safetensors", state), prefix="c.")


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_training_checkpoints_are_unwrapped(tmp_path, state, wrapper):
    torch.save({wrapper: state, "epoch": 3}, tmp_path / "last.pt")
    assert set(weights.read_state(tmp_path / "last.pt")) == set(state)


@pytest.mark.parametrize("kind", [".safetensors", ".npz", ".pt"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_broken_files_are_reported(tmp_path, state, kind, damage):
    path = write(tmp_path, kind, state)
    content = {"truncated": path.read_bytes()[:60], "empty": b"", "text": b"not weights"}[damage]
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        weights.read_state(path)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_pickled_code_is_not_executed(tmp_path, capsys):
    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        weights.read_state(tmp_path / "evil.pt")
    assert "executed" not in capsys.readouterr().out


def test_unknown_kind_is_reported(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="unknown kind"):
        weights.read_state(tmp_path / "weights.h5")


def test_safetensors_win_over_pickles(tmp_path, state):
    save_file(state, tmp_path / "model.safetensors")
    torch.save({"other": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    assert set(weights.read_state(tmp_path)) == set(state)


def test_empty_folder_is_reported(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="has no weights"):
        weights.read_state(tmp_path)


def make_network() -> nn.Module:
    network = nn.Module()
    network.a = nn.Linear(3, 2)
    network.b = nn.Module()
    network.b.scale = nn.Parameter(torch.tensor(1.0))
    return network


def test_strict_load_fills_a_network_without_storage(state):
    with torch.device("meta"):
        network = make_network()
    weights.load_strictly(network, state, "here", torch.bfloat16)
    assert torch.equal(network.a.weight, state["a.weight"].bfloat16())
    assert network.b.scale.dtype == torch.float32  # scalars keep their precision


def test_strict_load_does_not_share_memory(state):
    network = make_network()
    weights.load_strictly(network, state, "here", torch.float32)
    state["a.weight"].zero_()
    assert network.a.weight.abs().sum() > 0


def test_strict_load_reports_all_that_does_not_fit(state):
    state["a.bias"] = torch.zeros(5)
    state["c"] = state.pop("b.scale")
    with pytest.raises(CheckpointError) as caught:
        weights.load_strictly(make_network(), state, "file.pt", torch.float32)
    message = str(caught.value)
    assert message.startswith("file.pt does not fit Module")
    assert "1 missing (b.scale)" in message and "1 unexpected (c)" in message
    assert "1 mis-shaped (a.bias (5,) instead of (2,))" in message


def test_strict_load_report_stays_short():
    state = {f"x{i}": torch.zeros(1) for i in range(100)}
    with pytest.raises(CheckpointError, match="100 unexpected .*and 96 more") as caught:
        weights.load_strictly(make_network(), state, "file.pt", torch.float32)
    assert len(str(caught.value)) < 400


def test_strict_load_that_fails_changes_nothing(state):
    network = make_network()
    before = network.a.weight.clone()
    del state["b.scale"]
    with pytest.raises(CheckpointError):
        weights.load_strictly(network, state, "file.pt", torch.float32)
    assert torch.equal(network.a.weight, before)


def test_fingerprint_of_a_file_is_its_sha256(tmp_path, state):
    path = write(tmp_path, ".safetensors", state)
    assert weights.fingerprint(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_fingerprint_of_a_cached_file_is_the_name_of_its_blob(tmp_path):
    blob = tmp_path / ("ab" * 32)
    blob.write_bytes(b"content")
    (tmp_path / "model.safetensors").symlink_to(blob)
    assert weights.fingerprint(tmp_path) == "ab" * 32


def test_fingerprint_of_tensors_sees_every_change(state):
    original = weights.fingerprint(state)
    assert weights.fingerprint(dict(reversed(state.items()))) == original
    assert weights.fingerprint({**state, "a.bias": state["a.bias"] + 1}) != original
    assert weights.fingerprint({**state, "a.bias": state["a.bias"].double()}) != original
    assert weights.fingerprint({**state, "a.weight": state["a.weight"].view(3, 2)}) != original


def test_reading_weights_leaves_the_compiler_of_torch_alone() -> None:
    """It takes a second to load, and random numbers on the meta device ask for it."""
    program = """
import sys, lexiseg
lexiseg.load("car", preset="mini")
lexiseg.load("zero-guidance", preset="mini")
print(*(name for name in ("sympy", "torch._dynamo", "torch._inductor") if name in sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


def test_networks_without_numbers_have_all_shapes() -> None:
    def build() -> nn.Module:
        attention = nn.MultiheadAttention(8, 2)
        convolution = nn.Sequential(nn.Conv2d(3, 8, 2), nn.BatchNorm2d(8), nn.LayerNorm(4))
        return nn.ModuleList([nn.Embedding(5, 8), attention, convolution, nn.Linear(8, 3)])

    with weights.empty_weights():
        empty = build()
    full = build()
    assert all(tensor.is_meta for tensor in empty.state_dict().values())
    shapes = {key: tensor.shape for key, tensor in full.state_dict().items()}
    assert {key: tensor.shape for key, tensor in empty.state_dict().items()} == shapes
    assert full[0].weight.abs().min() > 0  # outside, numbers are drawn as ever
