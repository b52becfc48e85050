"""Bundles of candidates: what is written is read, and what is odd is told."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lexiseg.analysis.oracles.case import SURE
from lexiseg.analysis.oracles.inputs.bundles import read_bundle, write_bundle
from lexiseg.errors import OutputError, UsageError
from lexiseg.types import Mask

PAGE = Path(__file__).parents[4] / "docs" / "oracles.md"


def test_what_is_written_is_read(tmp_path) -> None:
    rng = np.random.default_rng(0)
    masks, classes = rng.normal(size=(3, 4, 5)), rng.dirichlet(np.ones(4), 3)
    path = write_bundle(
        tmp_path, "street", masks, classes[:, :3], classes[:, 3], wordings=["a", "b", "c"]
    )
    found = read_bundle(path, 3)
    np.testing.assert_allclose(found.masks, masks, rtol=1e-6)
    np.testing.assert_allclose(found.probabilities, classes, rtol=1e-6)
    assert found.wordings == ("a", "b", "c")
    with pytest.raises(OutputError, match="exists already"):
        write_bundle(tmp_path, "street", masks, classes)


def test_void_is_what_is_missing_from_one(tmp_path) -> None:
    path = write_bundle(tmp_path, "a", np.zeros((2, 3, 3)), np.array([[0.2, 0.3], [0.0, 1.0]]))
    np.testing.assert_allclose(read_bundle(path, 2).void, [0.5, 0.0], atol=1e-6)


def test_binary_masks_and_run_lengths_say_the_same(tmp_path) -> None:
    masks = np.random.default_rng(1).random((3, 6, 7)) < 0.5
    scores = np.full((3, 2), 0.5)
    path = write_bundle(tmp_path, "plain", masks, scores)
    runs = [str(Mask.from_array(mask).to_coco()["counts"]) for mask in masks]
    np.savez(tmp_path / "rle.npz", rle=np.array(runs), size=np.array([6, 7]), classes=scores)
    for found in (read_bundle(path, 2), read_bundle(tmp_path / "rle.npz", 2)):
        np.testing.assert_array_equal(found.masks, np.where(masks, SURE, -SURE))


GOOD = {"masks": np.zeros((2, 3, 3)), "classes": np.full((2, 2), 0.5)}
ODD = [
    ({"masks": np.zeros((2, 3))}, "expected \\(Q, h, w\\)"),
    ({"masks": np.full((2, 3, 3), 2)}, "must be 0 and 1"),
    ({"masks": np.full((2, 3, 3), np.nan)}, "NaN"),
    ({"masks": np.zeros((3, 3, 3))}, "void \\(2,\\)"),
    ({"classes": np.full((2, 2), 0.9)}, "not within 0 to 1"),
    ({"classes": np.full((2, 2), -0.1)}, "not within 0 to 1"),
    ({"classes": np.full((2, 3), 0.1)}, "the truth has 2"),
    ({"void": np.full(2, 0.5)}, "not within 0 to 1"),
]


@pytest.mark.parametrize(("change", "expected"), ODD)
def test_odd_arrays_are_told_with_the_file(tmp_path, change, expected) -> None:
    np.savez(tmp_path / "odd.npz", **(GOOD | change))
    with pytest.raises(UsageError, match=rf"odd\.npz is no bundle.*{expected}"):
        read_bundle(tmp_path / "odd.npz", 2)


def test_a_missing_array_is_named(tmp_path) -> None:
    np.savez(tmp_path / "odd.npz", masks=GOOD["masks"])
    with pytest.raises(UsageError, match="has no array 'classes'"):
        read_bundle(tmp_path / "odd.npz", 2)


def test_the_example_of_the_page_writes_a_bundle(tmp_path, monkeypatch) -> None:
    code = re.search(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert code is not None
    names: dict = {}
    exec(code[1], names)
    monkeypatch.chdir(tmp_path)
    output = SimpleNamespace(
        class_queries_logits=torch.randn(1, 5, 4), masks_queries_logits=torch.randn(1, 5, 8, 8)
    )
    names["keep_candidates"](lambda pixel_values: output, None, "street")
    assert len(read_bundle(tmp_path / "bundles" / "street.npz", 3)) == 5
