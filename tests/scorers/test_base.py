"""Dense scorers on a SigLIP: which are defined, and what they compute."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lexiseg.errors import UsageError
from lexiseg.models.siglip import Siglip
from lexiseg.registry import SCORERS
from lexiseg.types import DenseScorer
from tests.models.published_siglip import make_siglip

DEFINED = ("maskclip", "sclip", "clearclip", "naclip")
NAMES = ["dog", "red apple", "zebra"]


@pytest.fixture(scope="module", params=["siglip", "siglip2"])
def siglip(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make_siglip(folder, request.param)
    return Siglip.load(folder, "cpu", "float32")


def pixels(height=32, width=48):
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def attention(query, key, bias=0.0):
    return (query @ key.mT * query.shape[-1] ** -0.5 + bias).softmax(dim=-1)


def gaussian(rows, columns, sigma=5.0):
    places = [(r, c) for r in range(rows) for c in range(columns)]
    squared = torch.tensor([[(a - r) ** 2 + (b - c) ** 2 for r, c in places] for a, b in places])
    return (-squared / (2 * sigma**2)).exp()


@torch.no_grad()
def by_hand(name, siglip, scorer, batch, grid):
    """The last layer and the head for one patch at a time, with transformers' modules."""
    network = siglip.network.vision_model
    layer = network.encoder.layers[-1]
    x = scorer.tower.run(scorer.embed(batch), stop=2)
    normed = layer.layer_norm1(x)
    own = layer.self_attn
    query, key, value = (
        m(normed).unflatten(-1, (2, -1)).transpose(1, 2)
        for m in (own.q_proj, own.k_proj, own.v_proj)
    )
    weights = {
        "maskclip": lambda: attention(query, key),
        "sclip": lambda: attention(query, query) + attention(key, key),
        "clearclip": lambda: attention(query, query),
        "naclip": lambda: attention(key, key, gaussian(*grid)),
    }[name]()
    x2 = own.out_proj((weights @ value).transpose(1, 2).flatten(2))
    if name in ("maskclip", "sclip"):
        x2 = x + x2
        x2 = x2 + layer.mlp(layer.layer_norm2(x2))
    normed = network.post_layernorm(x2)
    alone = [network.head(normed[:, n : n + 1]) for n in range(normed.shape[1])]
    return F.normalize(torch.stack(alone, dim=1), dim=-1)


@pytest.mark.parametrize("name", DEFINED)
def test_patches_are_the_head_on_each_changed_token(siglip, name):
    scorer = SCORERS[name](siglip)
    assert isinstance(scorer, DenseScorer) and scorer.input_size == 32
    batch = pixels()
    features = scorer.encode(batch)
    wanted = by_hand(name, siglip, scorer, batch, (4, 6))
    assert features.grid_hw == (4, 6)
    torch.testing.assert_close(features.patches.flatten(1, 2), wanted, atol=2e-5, rtol=1e-4)
    texts = scorer.embed_texts(NAMES)
    scores = scorer.score(features, texts)
    assert scores.shape == (2, 4, 6, 3) and scores.std() > 1e-3


@pytest.mark.parametrize("name", DEFINED)
def test_the_image_feature_is_plain(siglip, name):
    batch = pixels(32, 32)
    features = SCORERS[name](siglip).encode(batch)
    whole = F.normalize(siglip.image_features(batch), dim=-1)
    torch.testing.assert_close(features.clip_cls, whole, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(features.cls, features.clip_cls)


@pytest.mark.parametrize("name", sorted(set(SCORERS) - set(DEFINED)))
def test_methods_that_read_cls_are_refused(siglip, name):
    with pytest.raises(UsageError, match="CLS token.*choose maskclip, sclip, clearclip or naclip"):
        SCORERS[name](siglip)
