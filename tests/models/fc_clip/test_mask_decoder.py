"""The decoder against the same steps with torch's own attention, one picture at a time."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lexiseg.models.fc_clip import MaskDecoder, PixelFeatures
from lexiseg.models.fc_clip.mask_decoder import hidden_cells
from lexiseg.ops.mask_pooling import pool_masks
from lexiseg.ops.sine_positions import sine_positions
from tests.models.published_fc_clip import head_config, make_proposer


@pytest.fixture(scope="module")
def decoder() -> MaskDecoder:
    return make_proposer().mask_decoder


@pytest.fixture(scope="module")
def features() -> PixelFeatures:
    torch.manual_seed(1)
    scales = tuple(torch.randn(2, 32, 2 * k, 3 * k) for k in (1, 2, 4))
    return PixelFeatures(torch.randn(2, 32, 16, 24), scales)


def attend(layer, query, key, value, blocked=None):
    """torch's own module with the same weights."""
    theirs = nn.MultiheadAttention(32, 8)
    theirs.load_state_dict(layer.state_dict())
    return theirs(query, key, value, attn_mask=blocked, need_weights=False)[0]


def written(decoder: MaskDecoder, mask_features: torch.Tensor, scales: list[torch.Tensor]):
    """The decoder of one picture; yields normed queries and masks after every layer."""
    state = decoder.state_dict()
    queries, places = state["query_feat.weight"], state["query_embed.weight"]
    for number in range(5):
        normed = decoder.decoder_norm(queries)
        masks = torch.einsum("qc,chw->qhw", decoder.mask_embed(normed), mask_features)
        yield normed, masks
        if number == 4:
            return
        scale = scales[number % 3]
        values = scale.flatten(1).T + state["level_embed.weight"][number % 3]
        keys = values + sine_positions(scale[None])[0].flatten(1).T
        small = F.interpolate(masks[None], scale.shape[1:], mode="bilinear", align_corners=False)
        blocked = small[0].flatten(1).sigmoid() < 0.5
        blocked[blocked.all(dim=1)] = False
        cross = decoder.transformer_cross_attention_layers[number]
        seen = attend(cross.multihead_attn, queries + places, keys, values, blocked)
        queries = cross.norm(queries + seen)
        own = decoder.transformer_self_attention_layers[number]
        placed = queries + places
        queries = own.norm(queries + attend(own.self_attn, placed, placed, queries))
        think = decoder.transformer_ffn_layers[number]
        queries = think.norm(queries + think.linear2(F.relu(think.linear1(queries))))


def test_every_step_equals_the_written_out_decoder(decoder, features) -> None:
    steps = list(decoder.steps(features))
    for picture in range(2):
        scales = [scale[picture] for scale in features.scales]
        twin = list(written(decoder, features.mask[picture], scales))
        assert len(steps) == len(twin) == 5
        for (queries, masks), (normed, expected) in zip(steps, twin, strict=True):
            torch.testing.assert_close(queries[picture], normed, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(masks[picture], expected, atol=1e-3, rtol=1e-4)


def test_candidates_are_those_after_the_last_layer(decoder, features) -> None:
    *_, (queries, masks) = decoder.steps(features)
    decoded = decoder(features)
    torch.testing.assert_close(decoded.masks, masks)
    project = decoder._mask_pooling_proj
    covered = project(pool_masks(features.mask, masks))
    torch.testing.assert_close(decoded.embeddings, decoder.class_embed(covered + queries))


def test_a_query_whose_mask_is_empty_looks_everywhere() -> None:
    masks = torch.tensor([[[[-1.0, 1.0]], [[-1.0, -1.0]]]])
    assert hidden_cells(masks, (1, 2)).tolist() == [[[True, False], [False, False]]]


def test_half_is_not_hidden() -> None:
    assert not hidden_cells(torch.tensor([[[[0.0, 3.0]]]]), (1, 2)).any()


def test_sizes_follow_the_config() -> None:
    decoder = MaskDecoder(head_config(queries=3, embed_dim=11))
    shapes = {name: tuple(tensor.shape) for name, tensor in decoder.state_dict().items()}
    assert shapes["query_feat.weight"] == (3, 32)
    assert shapes["class_embed.layers.2.weight"] == (11, 32)
    assert shapes["logit_scale"] == ()
