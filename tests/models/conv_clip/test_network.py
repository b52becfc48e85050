from __future__ import annotations

import pytest
import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import (
    ConvClipConfig,
    ConvClipNetwork,
    ConvNextConfig,
    ResNetConfig,
    infer_config,
    is_conv_clip,
    to_ours,
)
from lexiseg.models.weights import empty_weights

PUBLISHED = {
    "base": (ConvNextConfig((128, 256, 512, 1024), embed_dim=640, hidden=None), 640, 10),
    "large": (ConvNextConfig(), 768, 12),
    "xxlarge": (
        ConvNextConfig(
            (384, 768, 1536, 3072), (3, 4, 30, 3), 1024, hidden=None, image_size=256, eps=1e-5
        ),
        1024,
        16,
    ),
    "RN50": (ResNetConfig(), 512, 8),
    "RN50x4": (ResNetConfig((4, 6, 10, 6), 80, 40, 640, 288), 640, 10),
    "RN50x64": (ResNetConfig((3, 15, 36, 10), 128, 64, 1024, 448), 1024, 16),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_read_off_the_shapes(name: str) -> None:
    vision, width, heads = PUBLISHED[name]
    activation = "quick_gelu" if isinstance(vision, ResNetConfig) else "gelu"
    text = TextConfig(width, 2, heads, embed_dim=vision.embed_dim, activation=activation)
    config = ConvClipConfig(vision, text)
    with empty_weights():
        state = ConvClipNetwork(config).state_dict()
    assert infer_config(state) == config
    assert is_conv_clip(state)


def test_state_dict_has_the_published_names(network: ConvClipNetwork) -> None:
    state = network.state_dict()
    own = {key.split(".")[0] for key in state}
    assert own == {
        *("visual", "token_embedding", "positional_embedding", "transformer", "ln_final"),
        *("text_projection", "logit_scale"),
    }
    again = ConvClipNetwork(network.config)
    again.load_state_dict(state)


def test_scaled_cosines(network: ConvClipNetwork) -> None:
    pixels, ids = torch.randn(2, 3, 64, 64), torch.randint(1, 500, (3, 24))
    images, texts = network.visual(pixels), network.text(ids)
    for i in range(2):
        for j in range(3):
            cosine = images[i] @ texts[j] / images[i].norm() / texts[j].norm()
            expected = network.logit_scale.exp() * cosine
            torch.testing.assert_close(network(pixels, ids)[i, j], expected)


def test_other_tensors_are_refused() -> None:
    assert not is_conv_clip({"visual.conv1.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="not those of a CLIP with a ConvNeXt"):
        infer_config({"visual.trunk.stem.0.weight": torch.zeros(1)})


def test_counters_that_a_file_lacks_are_filled_in(network: ConvClipNetwork) -> None:
    state = network.state_dict()
    bare = {k: t for k, t in state.items() if not k.endswith("num_batches_tracked")}
    extra = {"input_resolution": torch.tensor(224), "attn_mask": torch.zeros(2, 2)}
    assert set(to_ours({**bare, **extra})) == set(state)
