from __future__ import annotations

import torch

from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import ConvClipConfig, ConvNextConfig
from lexiseg.models.fc_clip import ProposalNetwork
from lexiseg.training.mini.fc_clip.start import begin_decoders, look_around, small_head


def test_heads_look_different_ways_and_points_ever_further() -> None:
    offsets = look_around(4).view(4, 3, 4, 2)
    ways = offsets[:, 0, 0]
    expected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    torch.testing.assert_close(ways, expected, atol=1e-6, rtol=0)
    for level in range(3):
        for point in range(4):
            torch.testing.assert_close(offsets[:, level, point], (point + 1) * ways)


def test_decoders_begin_with_numbers_everywhere() -> None:
    clip = ConvClipConfig(
        ConvNextConfig((8, 16, 24, 32), (1, 1, 1, 1), 20, hidden=40),
        TextConfig(64, 1, 1, 24, 50, 20, activation="gelu"),
    )
    network = ProposalNetwork(clip, small_head((8, 16, 24, 32), 20))
    begin_decoders(network)
    for name, tensor in network.state_dict().items():
        assert tensor.isfinite().all(), name
    state = network.pixel_decoder.state_dict()
    assert state["decoder.level_embed"].std() > 0.5
    attention = "decoder.encoder.layers.0.self_attn."
    assert not state[f"{attention}attention_weights.weight"].any()
    torch.testing.assert_close(state[f"{attention}sampling_offsets.bias"], look_around(3))
