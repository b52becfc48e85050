"""The adapter against torch's own modules, and against the reference pack."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.openworldsam import Adapter, AdapterConfig, load_adapter, save_adapter
from lexiseg.models.openworldsam.loading import sort_keys

SMALL = AdapterConfig(encoder_width=12, width=16, tie_breakers=3, layers=2, heads=4, hidden=20)


@pytest.fixture
def adapter() -> Adapter:
    torch.manual_seed(0)
    return Adapter(SMALL).eval()


def torch_attention(ours) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(SMALL.width, SMALL.heads, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())
    return theirs


@torch.no_grad()
@pytest.mark.parametrize("scope", ["joint", "each"])
def test_equals_torchs_modules_put_together(adapter, scope):
    vectors, picture = torch.randn(2, 12), torch.randn(1, 9, 16)
    projector = adapter.text_hidden_fcs[0]
    start = torch.stack([projector(row) + adapter.positional_tokens for row in vectors])
    groups = [start.flatten(0, 1)] if scope == "joint" else list(start)
    expected = []
    for queries in groups:
        x = queries[None]
        for layer in adapter.cross_attention_transformer.layers:
            normed = layer.self_attn_norm(x)
            x = x + torch_attention(layer.self_attn)(normed, normed, normed)[0]
            asking = layer.cross_attn_norm(x)
            x = x + torch_attention(layer.cross_attn)(asking, picture, picture)[0]
            x = x + layer.mlp[3](nn.functional.gelu(layer.mlp[0](layer.mlp_norm(x))))
        expected.append(x[0])
    queries = adapter(vectors, picture, scope)
    torch.testing.assert_close(queries.projected, start)
    torch.testing.assert_close(queries.soft.flatten(0, 1), torch.cat(expected))


@torch.no_grad()
def test_alone_or_in_company_each_prompt_gets_the_same(adapter):
    vectors, picture = torch.randn(3, 12), torch.randn(1, 9, 16)
    together = adapter(vectors, picture, "each").tokens("released", "each")
    alone = [adapter(row[None], picture, "each").tokens("released", "each") for row in vectors]
    torch.testing.assert_close(together, torch.cat(alone))


def test_token_layouts_query_by_query(adapter):
    queries = adapter(torch.randn(2, 12), torch.randn(1, 9, 16))
    first, soft = queries.projected.flatten(0, 1), queries.soft.flatten(0, 1)
    released, each = (queries.tokens("released", scope) for scope in ("joint", "each"))
    one = queries.tokens("one_token", "joint")
    assert one.shape == (6, 1, 16) and released.shape == (6, 6, 16) and each.shape == (6, 3, 16)
    for i in range(6):
        torch.testing.assert_close(one[i, 0], first[i] + soft[i])
        for j in range(6):
            torch.testing.assert_close(released[i, j], first[i] + soft[j])
        for j in range(3):
            torch.testing.assert_close(each[i, j], first[i] + soft[3 * (i // 3) + j])


def test_published_size():
    with torch.device("meta"):
        parts = dict(Adapter(AdapterConfig()).named_parameters())
    assert sum(part.numel() for part in parts.values()) == 4_477_440
    assert parts["cross_attention_transformer.layers.2.self_attn.in_proj_weight"].shape[0] == 768


def test_dropout_acts_in_training_only(adapter):
    vectors, picture = torch.randn(2, 12), torch.randn(1, 9, 16)
    assert torch.equal(adapter(vectors, picture).soft, adapter(vectors, picture).soft)
    adapter.train()
    assert not torch.equal(adapter(vectors, picture).soft, adapter(vectors, picture).soft)


@pytest.mark.parametrize("prefix", ["", "model.", "module.adapter."])
def test_any_file_with_the_numbers_will_do(adapter, tmp_path, prefix):
    state = {prefix + key: tensor for key, tensor in adapter.state_dict().items()}
    state["mm_extractor.beit3.text_embed.weight"] = torch.zeros(2, 2)
    state["visual_model.no_mem_embed"] = torch.zeros(1)
    file = tmp_path / "model_final.pth"
    torch.save({"model": state, "iteration": 7}, file)
    with pytest.raises(CheckpointError, match="8 heads do not divide|does not fit|not those"):
        # heads cannot be read off a bare file: the published 8 do not fit these widths
        load_adapter(_with_width(file, tmp_path / "odd.pth"))
    found = sort_keys(state, "file")
    assert dict(found.ignored) == {"mm_extractor": 1, "visual_model": 1}
    assert found.state.keys() == adapter.state_dict().keys()


def _with_width(file, target):
    """The same file with tokens 15 wide, which no 8 heads divide."""
    state = torch.load(file, weights_only=True)["model"]
    key = next(key for key in state if key.endswith("positional_tokens"))
    state[key] = state[key][:, :15].clone()
    torch.save({"model": state}, target)
    return target


def test_what_is_written_is_read(adapter, tmp_path):
    save_adapter(adapter, tmp_path)
    loaded, ignored = load_adapter(tmp_path)
    assert loaded.config == SMALL and not ignored and not loaded.training
    for key, tensor in adapter.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor)


def test_a_file_without_adapter_is_refused():
    with pytest.raises(CheckpointError, match="holds no OpenWorldSAM adapter"):
        sort_keys({"beit3.text_embed.weight": torch.zeros(1)}, "file.pth")


def test_sizes_must_come_out_even():
    with pytest.raises(UsageError, match="do not divide"):
        AdapterConfig(width=10, heads=4)


@torch.no_grad()
def test_reference_pack(shared):
    pack = shared / "reference" / "openworldsam"
    arrays = np.load(pack / "arrays.npz")
    adapter, ignored = load_adapter(pack / "weights.safetensors")
    assert set(ignored) == {"mm_extractor", "visual_model"}
    for number in range(2):
        at = f"eval.img{number}"
        vectors = torch.from_numpy(arrays[f"{at}.beit_cls"])[:, 0]
        picture = torch.from_numpy(arrays[f"{at}.image_embed"])
        queries = adapter(vectors, picture)
        alone = adapter(vectors[:1], picture)
        for ours, theirs, tolerance in (
            (queries.projected, "queries", 1e-4),
            (queries.soft, "soft_out", 1e-3),
            (alone.soft, "prompt0_alone.soft_out", 1e-3),
        ):
            expected = torch.from_numpy(arrays[f"{at}.{theirs}"]).view_as(ours)
            assert (ours - expected).abs().max() < tolerance


@pytest.mark.parametrize(
    ("entry", "value", "said"),
    [
        ("heads", 0, "heads is 0; expected a whole number from 1"),
        ("heads", "four", "heads is 'four'; expected a whole number from 1"),
        ("heads", 1.5, "heads is 1.5; expected a whole number from 1"),
        ("width", -16, "width is -16; expected a whole number from 1"),
        ("dropout", "much", "dropout is 'much'; expected a number from 0 to 1"),
        ("layers", "two", "describes no OpenWorldSAM adapter"),
        ("heads", 5, "5 heads do not divide"),
        ("colour", 3, "describes no OpenWorldSAM adapter"),
    ],
)
def test_a_damaged_config_is_one_sentence_that_names_it(adapter, tmp_path, entry, value, said):
    save_adapter(adapter, tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), entry: value}))
    with pytest.raises(CheckpointError, match=said) as caught:
        load_adapter(tmp_path)
    assert "\n" not in str(caught.value)
    if value != 5:  # of these the tensors are to blame just as well
        assert str(config) in str(caught.value)
