"""Published layouts of BEiT-3: which keys are its own, and sizes read off the tensors."""

from __future__ import annotations

import pytest
import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.beit3 import Beit3
from lexiseg.models.beit3.config import config_of


@pytest.mark.parametrize(
    ("prefix", "others", "ignored"),
    [
        ("", (), ()),
        ("beit3.", ("mlm_head.weight", "logit_scale"), ("logit_scale", "mlm_head")),
        (
            "mm_extractor.beit3.",
            ("visual_model.no_mem_embed", "text_hidden_fcs.0.0.weight"),
            ("text_hidden_fcs", "visual_model"),
        ),
    ],
)
def test_layouts(network, pixels, prefix, others, ignored):
    state = {prefix + key: tensor for key, tensor in network.state_dict().items()}
    state.update({key: torch.zeros(2) for key in others})
    loaded = Beit3.from_state_dict(state, "cpu", "float32", heads=network.config.heads)
    assert loaded.ignored == ignored
    tokens = torch.tensor([[0, 8, 2]])
    with torch.no_grad():
        assert torch.equal(loaded.network(pixels, tokens), network(pixels, tokens))


def test_sizes_are_read_off(network):
    assert config_of(network.state_dict(), network.config.heads) == network.config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("text_embed.weight"), "holds no BEiT-3"),
        (lambda state: state.pop("encoder.layers.0.ffn.A.fc1.weight"), "not those of a BEiT-3"),
        (lambda state: state.pop("encoder.layers.1.ffn.A.fc1.weight"), "1 missing"),
        (lambda state: state.update({"vision_embed.proj.bias": torch.zeros(3)}), "mis-shaped"),
    ],
)
def test_what_does_not_fit_is_named(network, change, words):
    state = dict(network.state_dict())
    change(state)
    with pytest.raises(CheckpointError, match=words):
        Beit3.from_state_dict(state, "cpu", "float32", heads=network.config.heads)
