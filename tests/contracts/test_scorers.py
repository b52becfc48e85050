"""What every registered dense scorer must do, asked of each on a tiny random CLIP."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from lexiseg.errors import LexisegError
from lexiseg.registry import SCORERS
from lexiseg.types import DenseFeatures, DenseScorer

TINY = Path(__file__).parents[1] / "scorers" / "conftest.py"
NAMES = ["dog", "red apple", "zebra"]


def tiny_clip(**options: int) -> Any:
    spec = importlib.util.spec_from_file_location("tiny_clip", TINY)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_clip(**options)


@pytest.fixture(scope="module", params=list(SCORERS))
def scorer(request: pytest.FixtureRequest) -> Any:
    return SCORERS[request.param](tiny_clip())


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(3, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def assert_same(ours: DenseFeatures, other: DenseFeatures) -> None:
    for name in ("patches", "cls", "clip_cls"):
        torch.testing.assert_close(getattr(ours, name), getattr(other, name), atol=2e-5, rtol=0)


def test_fulfils_the_protocol(scorer: Any) -> None:
    assert isinstance(scorer, DenseScorer)
    assert (scorer.input_size, scorer.patch_size) == (48, 8)


def test_features_are_unit_float32_on_the_grid_of_a_wide_image(scorer: Any, pixels: Any) -> None:
    features = scorer.encode(pixels)
    assert features.patches.shape == (3, 6, 8, 20) and features.grid_hw == (6, 8)
    assert features.cls.shape == features.clip_cls.shape == (3, 20)
    for part in (features.patches, features.cls, features.clip_cls):
        assert part.dtype == torch.float32 and not part.requires_grad
        torch.testing.assert_close(part.norm(dim=-1), torch.ones(part.shape[:-1]))


def test_windows_of_a_batch_do_not_touch_each_other(scorer: Any, pixels: Any) -> None:
    alone = DenseFeatures.concatenate([scorer.encode(one[None]) for one in pixels])
    assert_same(scorer.encode(pixels), alone)


def test_encoding_repeats_itself_and_changes_nothing(scorer: Any, pixels: Any) -> None:
    before, state = pixels.clone(), scorer.clip.network.state_dict()
    kept = {key: value.clone() for key, value in state.items()}
    first = scorer.encode(pixels)
    scorer.encode(pixels[:, :, :40, :40])
    second = scorer.encode(pixels)
    assert torch.equal(first.patches, second.patches) and torch.equal(pixels, before)
    assert all(torch.equal(value, kept[key]) for key, value in state.items())


def test_clip_cls_is_plain_clips(scorer: Any, pixels: Any) -> None:
    plain = F.normalize(scorer.clip.image_features(pixels[:, :, :, :48]), dim=-1)
    ours = scorer.encode(pixels[:, :, :, :48]).clip_cls
    torch.testing.assert_close(ours, plain, atol=2e-5, rtol=0)


def test_scores_follow_the_order_of_texts(scorer: Any, pixels: Any) -> None:
    features, texts = scorer.encode(pixels), scorer.embed_texts(NAMES)
    torch.testing.assert_close(texts.norm(dim=-1), torch.ones(3))
    scores = scorer.score(features, texts)
    assert scores.shape == (3, 6, 8, 3) and torch.isfinite(scores).all()
    torch.testing.assert_close(
        scorer.score(features, texts.flip(0)), scores.flip(-1), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("size", [(8, 8), (8, 64), (50, 17)])
def test_small_and_odd_sizes(scorer: Any, size: tuple[int, int]) -> None:
    features = scorer.encode(torch.randn(1, 3, *size))
    assert features.grid_hw == (size[0] // 8, size[1] // 8)
    assert torch.isfinite(features.patches).all()


def test_uniform_image_stays_finite(scorer: Any) -> None:
    features = scorer.encode(torch.zeros(1, 3, 48, 48))
    assert torch.isfinite(scorer.score(features, scorer.embed_texts(NAMES))).all()


@pytest.mark.parametrize("layers", [1, 2, 13])
def test_any_depth(layers: int) -> None:
    clip = tiny_clip(layers=layers, patch=16)
    for name in SCORERS:
        features = SCORERS[name](clip).encode(torch.randn(1, 3, 48, 48))
        assert torch.isfinite(features.patches).all(), name


def test_unknown_option_is_refused(scorer: Any) -> None:
    with pytest.raises(LexisegError, match="no_such_option"):
        type(scorer)(scorer.clip, no_such_option=1)
