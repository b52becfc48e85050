"""Archives are read as torch.jit reads them, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from lexiseg.errors import CheckpointError
from lexiseg.models.torchscript import is_torchscript, read_torchscript
from lexiseg.models.weights import read_state


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.Linear(3, 4).half()
        self.norm = nn.BatchNorm1d(4)  # with statistics, and a count of whole numbers
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.register_buffer("mask", torch.arange(6).view(2, 3).T)  # not in one piece
        self.size: int = 7

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale * self.size


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())
        self.shared = nn.Parameter(torch.randn(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x) + self.shared.sum()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "whole.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is going out of use
        torch.jit.script(Whole()).save(str(file))
    return file


def test_the_tensors_are_those_that_torch_reads(archive: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = torch.jit.load(str(archive)).state_dict()
    assert is_torchscript(archive)
    found = read_torchscript(archive)
    assert found.keys() == wanted.keys()
    for key, tensor in wanted.items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor), key
    assert read_state(archive).keys() == wanted.keys()


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "plain.pt")
    (tmp_path / "text.pt").write_text("x")
    assert not is_torchscript(tmp_path / "plain.pt") and not is_torchscript(tmp_path / "text.pt")


class Evil:
    def __reduce__(self):
        return os.system, ("echo was run",)


def test_nothing_but_tensors_is_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "evil.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("evil/constants.pkl", pickle.dumps(()))
        archive.writestr("evil/data.pkl", pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match="system"):
        read_state(file)
    assert "was run" not in capfd.readouterr().out


def test_a_damaged_archive_is_one_sentence(archive: Path) -> None:
    content = archive.read_bytes()
    for part in (content[:200], content[:-30]):
        archive.write_bytes(part)
        with pytest.raises(CheckpointError, match=r"whole\.pt cannot be read as weights"):
            read_state(archive)
