"""What every registered method must do, asked of each with the weights inside the package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lexiseg.errors import LexisegError, UsageError
from lexiseg.registry import METHODS
from lexiseg.types import Method, Result, Vocabulary

NAMES = ["dog", "grass", "zebra"]


# These need a detector or weights that do not travel inside the package; their own tests use small
# ones.
UNBUNDLED = ("grounded-sam", "owlv2+sam", "clipseg")
LABELERS = ("zero-guidance",)  # they need no names; see test_labelers.py
BUNDLED = [name for name in METHODS if not name.startswith(UNBUNDLED) and name not in LABELERS]


@pytest.fixture(scope="module", params=BUNDLED)
def method(request: pytest.FixtureRequest) -> Any:
    return METHODS[request.param].load(preset="mini", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)


def test_fulfils_the_protocol(method: Any) -> None:
    assert isinstance(method, Method)


def test_answer_is_complete_and_fits_the_image(method: Any, image: np.ndarray) -> None:
    result = method.segment(image, NAMES)
    assert isinstance(result, Result)
    assert result.size_hw == (48, 80) and result.names == tuple(NAMES)
    assert list(result.presence) == NAMES
    assert set(result.instances.labels) <= set(result.presence.kept)
    assert all(item.mask.size_hw == (48, 80) and item.mask.area for item in result.instances)
    assert all(0 <= entry.score <= 1 and entry.reason for entry in result.presence.values())
    assert result.recipe.weights and result.recipe.timing_ms["total"] > 0


def test_scene_serves_many_vocabularies_and_input_stays_as_it_was(
    method: Any, image: np.ndarray
) -> None:
    before = image.copy()
    scene = method.encode(image)
    first = method.segment(scene, NAMES)
    method.segment(scene, ["cat"])
    again = method.segment(scene, NAMES)
    assert first.instances.items == again.instances.items
    assert np.array_equal(image, before)


def test_one_pixel_and_no_names(method: Any) -> None:
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert method.segment(pixel, NAMES).size_hw == (1, 1)
    with pytest.raises(UsageError):
        method.segment(pixel, [])


def test_unknown_option_is_refused(method: Any) -> None:
    with pytest.raises(LexisegError, match="no_such_option"):
        type(method).load(preset="mini", no_such_option=1)


def test_rivals_compete_in_silence(method: Any, image: np.ndarray) -> None:
    scene = method.encode(image)
    together = method.segment(scene, NAMES)
    alone = method.segment(scene, Vocabulary.parse(NAMES[:2], against=NAMES[2:]))
    asked = [item for item in together.instances if item.label in NAMES[:2]]
    assert alone.names == tuple(NAMES[:2]) == tuple(alone.presence)
    assert list(alone.instances) == asked
    own = together.semantic.ids
    assert np.array_equal(alone.semantic.ids, np.where(own > 2, 0, own)) or len(asked) < len(
        together.instances
    )
    for name in NAMES[:2]:
        assert alone.presence[name].kept == together.presence[name].kept
        assert alone.presence[name].reason.endswith("asked with 1 other against 1 more")


def test_exclusions_and_cutoffs_only_take_away(method: Any, image: np.ndarray) -> None:
    scene = method.encode(image)
    together = method.segment(scene, NAMES)
    without = method.segment(scene, Vocabulary.parse(NAMES[:1], excluded=NAMES[1:]))
    rest = [item.mask.to_array() for item in together.instances if item.label != NAMES[0]]
    assert not any(
        (item.mask.to_array() & mask).any() for item in without.instances for mask in rest
    )
    assert {item.label for item in without.instances} <= {NAMES[0]}
    shown = (*together.instances, *(together.semantic_regions or ()))
    most = max((item.score for item in shown), default=0.0)
    limits = dict.fromkeys(NAMES, min(1.0, most + 1e-6))
    strict = method.segment(scene, Vocabulary.parse(NAMES, cutoffs=limits))
    assert all(item.score >= limits[item.label] for item in strict.instances)
    assert set(strict.instances.labels) == set(strict.presence.kept) & set(strict.instances.labels)
    assert not strict.semantic.ids.any() or len(strict.instances)
