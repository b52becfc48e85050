"""Every kind of map against a slow twin: autograd, or the value path token by token."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.config import override
from lexiseg.errors import UnknownNameError
from lexiseg.methods.car.config import MAPS, CarConfig
from lexiseg.methods.car.maps import map_maker
from lexiseg.methods.car.scene import encode_scene
from lexiseg.ops.cam import min_max
from lexiseg.registry import SCORERS

KINDS = [*MAPS, *(name for name in SCORERS if name != "car")]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture
def texts(car) -> torch.Tensor:
    width = car.proposal.visual.config.embed_dim
    return F.normalize(torch.randn(5, width, generator=torch.Generator().manual_seed(3)), dim=-1)


def gradients(car, scene, texts: torch.Tensor, count: int, separate: bool):
    """Gradients (N, n, D) of softmax probabilities, by autograd through the last block."""
    tower = car.proposal.visual
    block, end = tower.blocks[-1], scene.last_block
    x = _input_of_last_block(car, scene)
    normed = block.ln_1(x).detach().requires_grad_(True)
    mixed = x + block.attend(normed)
    out = mixed + block.mlp(block.ln_2(mixed))
    embedding = F.normalize(tower.project(out[:, 1:]).mean(dim=1), dim=-1)
    logits = car.proposal.logit_scale * (embedding @ texts.T)[0]
    rows = []
    for query in range(count):
        rivals = [query, *range(count, len(texts))] if separate else range(len(texts))
        share = logits[list(rivals)].softmax(0)[0 if separate else query]
        rows.append(torch.autograd.grad(share, normed, retain_graph=True)[0][0, 1:])
    return torch.stack(rows), end.activation


def _input_of_last_block(car, scene):
    tower = car.proposal.visual
    pixels = car.proposal.preprocessing.normalize(_fitted(car, scene))
    return tower.run(tower.embed(pixels), stop=len(tower.blocks) - 1)


def _fitted(car, scene):
    from lexiseg.methods.car.scene import fit_to_patches

    patch = car.proposal.visual.config.patch_size
    return fit_to_patches(scene.canvas, patch, patch)


def formula(kind: str, gradient: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
    """The map of one score as the papers write it, not normalised."""
    if kind == "gradcam":
        weights = gradient.mean(dim=0)
    elif kind == "gradcam++":
        below = 2 * gradient**2 + activation.sum(dim=0) * gradient**3
        weights = (gradient**2 / below * F.relu(gradient)).nan_to_num().sum(dim=0)
    else:
        return F.relu((F.relu(gradient) * activation).sum(dim=1))
    return F.relu(activation @ weights)


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("kind", ["gradcam", "gradcam++", "layercam"])
def test_gradient_maps_equal_autograd(car, image, texts, kind: str, separate: bool) -> None:
    config = override(car.config, {"proposals": kind})
    scene = encode_scene(image, car.proposal, config)
    with torch.no_grad():
        maps, retried = map_maker(car.proposal, config, separate)(scene, texts[:3], texts[3:])
    expected, activation = gradients(car, scene, texts, 3, separate)
    twin = torch.stack([formula(kind, row, activation) for row in expected])
    assert not retried.any()
    torch.testing.assert_close(maps, min_max(twin.detach()), atol=2e-3, rtol=2e-2)


@torch.no_grad()
@pytest.mark.parametrize("separate", [False, True])
def test_value_maps_equal_the_value_path_token_by_token(car, image, texts, separate) -> None:
    config = override(car.config, {"proposals": "value"})
    scene = encode_scene(image, car.proposal, config)
    maps, _ = map_maker(car.proposal, config, separate)(scene, texts[:3], texts[3:])
    tower = car.proposal.visual
    block = tower.blocks[-1]
    tokens = _input_of_last_block(car, scene)[0, 1:]
    width = tokens.shape[1]
    packed, bias = block.attn.in_proj_weight[2 * width :], block.attn.in_proj_bias[2 * width :]
    expected = torch.zeros(3, len(tokens))
    for place, token in enumerate(tokens):
        value = packed @ block.ln_1(token) + bias
        feature = F.normalize(tower.project(block.attn.out_proj(value)), dim=0)
        cosines = texts @ feature
        for query in range(3):
            rivals = torch.cat([cosines[query : query + 1], cosines[3:]]) if separate else cosines
            expected[query, place] = max(float(cosines[query] - rivals.mean()), 0.0)
    torch.testing.assert_close(maps, min_max(expected), atol=1e-4, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in SCORERS if name != "car"])
def test_scorers_maps_are_their_scores_above_the_mean_of_all_texts(car, image, texts, name) -> None:
    config = override(car.config, {"proposals": name})
    scene = encode_scene(image, car.proposal, config)
    maps, _ = map_maker(car.proposal, config, False)(scene, texts[:3], texts[3:])
    scorer = SCORERS[name](car.proposal)
    pixels = car.proposal.preprocessing.normalize(_fitted(car, scene))
    scores = scorer.score(scorer.encode(pixels), texts)[0]
    assert scores.shape[:2] == scene.grid_hw
    above = F.relu(scores[..., :3] - scores.mean(dim=-1, keepdim=True))
    expected = min_max(above.permute(2, 0, 1).flatten(1))
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("affinity", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_method_answers_by_every_kind(car, image, kind: str, affinity: bool) -> None:
    other = car.configured(proposals=kind, affinity=affinity)
    result = other.segment(image, ["dog", "cat"])
    assert len(result.presence) == 2 and result.recipe.settings["proposals"] == kind


@torch.no_grad()
def test_one_text_without_rivals_has_a_map(car, image, texts) -> None:
    config = override(car.config, {"proposals": "value"})
    scene = encode_scene(image, car.proposal, config)
    maps, _ = map_maker(car.proposal, config, False)(scene, texts[:1], texts[:0])
    assert maps.min() == 0 and maps.max() == pytest.approx(1)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="layercam"):
        CarConfig(proposals="layer-cam")
    with pytest.raises(UnknownNameError):
        CarConfig(proposals="car")
