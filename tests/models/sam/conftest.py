"""Tiny segmenters with random weights, one for each family."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from lexiseg.models.sam import FAMILIES, Preprocessing

PROMPT = {"hidden_size": 32, "mask_input_channels": 8}
DECODER = {"hidden_size": 32, "mlp_dim": 40, "num_attention_heads": 4, "iou_head_hidden_dim": 24}


def sam_settings(size=64, patch=8):
    return {
        "model_type": "sam",
        "vision_config": {
            "hidden_size": 24, "output_channels": 32, "num_hidden_layers": 3,
            "num_attention_heads": 4, "image_size": size, "patch_size": patch, "window_size": 3,
            "global_attn_indexes": [1], "num_pos_feats": 16, "mlp_dim": 36,
        },
        "prompt_encoder_config": {**PROMPT, "image_size": size, "patch_size": patch},
        "mask_decoder_config": dict(DECODER),
    }  # fmt: skip


def hq_settings():
    settings = sam_settings()
    return {
        **settings,
        "model_type": "sam_hq",
        "mask_decoder_config": {**DECODER, "vit_dim": 24},
    }


def sam2_settings():
    return {
        "model_type": "sam2",
        "vision_config": {
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model", "hidden_size": 16, "num_attention_heads": 1,
                "image_size": [64, 64], "blocks_per_stage": [1, 2, 2, 1],
                "embed_dim_per_stage": [16, 32, 64, 128],
                "num_attention_heads_per_stage": [1, 2, 4, 8],
                "window_size_per_stage": [4, 2, 4, 2], "global_attention_blocks": [4],
                "window_positional_embedding_background_size": [4, 4],
            },
            "backbone_channel_list": [128, 64, 32, 16],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {**PROMPT, "image_size": 64, "patch_size": 16},
        "mask_decoder_config": dict(DECODER),
    }  # fmt: skip


def sam3_settings():
    return {
        "model_type": "sam3_tracker",
        "vision_config": {
            "model_type": "sam3_vision_model",
            "backbone_config": {
                "model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 48,
                "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 56,
                "patch_size": 14, "window_size": 2, "global_attn_indexes": [1],
                "pretrain_image_size": 28,
            },
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        "prompt_encoder_config": {**PROMPT, "image_size": 56, "patch_size": 14},
        "mask_decoder_config": dict(DECODER),
    }  # fmt: skip


class PyramidConfig(PreTrainedConfig):
    model_type = "tiny_pyramid"


class Pyramid(PreTrainedModel):
    """Four strided convolutions in the place of the RepViT that EdgeTAM takes from timm."""

    config_class = PyramidConfig

    def __init__(self, config):
        super().__init__(config)
        widths = (3, 8, 12, 16, 24)
        self.stages = nn.ModuleList(
            nn.Conv2d(a, b, s, s) for a, b, s in zip(widths, widths[1:], (4, 2, 2, 2), strict=False)
        )
        self.post_init()

    def forward(self, pixel_values, **_):
        maps = []
        for stage in self.stages:
            pixel_values = stage(pixel_values).tanh()
            maps.append(pixel_values)
        return BaseModelOutput(last_hidden_state=maps)


AutoConfig.register("tiny_pyramid", PyramidConfig, exist_ok=True)
AutoModel.register(PyramidConfig, Pyramid, exist_ok=True)


def edgetam_settings():
    return {
        "model_type": "edgetam",
        "vision_config": {
            "model_type": "edgetam_vision_model",
            "backbone_config": {"model_type": "tiny_pyramid"},
            "backbone_channel_list": [24, 16, 12, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {**PROMPT, "image_size": 64, "patch_size": 16},
        "mask_decoder_config": dict(DECODER),
    }


SETTINGS = {
    "sam": sam_settings,
    "sam_hq": hq_settings,
    "sam2": sam2_settings,
    "edgetam": edgetam_settings,
    "sam3_tracker": sam3_settings,
}


def randomize(network, seed=0):
    """Weights that let every part matter: masks differ by prompt, candidate and pixel."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(noise * 1.5 / parameter[0].numel() ** 0.5)
            elif "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.2 * noise)
            if name.endswith(("positional_embedding", "token.weight", "tokens.weight")):
                parameter.copy_(noise)
    shared = network.prompt_encoder.shared_embedding.positional_embedding
    with torch.no_grad():
        network.shared_image_embedding.positional_embedding.copy_(shared)
    return network.eval()


def build_network(kind, seed=0):
    torch.manual_seed(seed)
    return randomize(FAMILIES[kind].build(SETTINGS[kind](), device="cpu"), seed)


def build_segmenter(kind, seed=0, dtype=torch.float32):
    network = build_network(kind, seed).to(dtype)
    default = FAMILIES[kind].preprocessing
    size = network.config.prompt_encoder_config.image_size
    frame = Preprocessing(size, default.keep_aspect, default.mean, default.std)
    return FAMILIES[kind].assemble(network, frame)


# The contract test runs over these; in double precision no count of threads rounds past its bounds.
TINY_SEGMENTERS = {
    kind: (lambda kind=kind: build_segmenter(kind, dtype=torch.float64)) for kind in SETTINGS
}


def picture(height, width, seed=0):
    generator = np.random.default_rng(seed)
    smooth = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    noise = generator.integers(0, 40, (height, width, 3))
    return np.clip(smooth[rows][:, columns] + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def network_of():
    return build_network


@pytest.fixture(scope="session")
def segmenter_of():
    return build_segmenter


@pytest.fixture(scope="session")
def settings_of():
    return lambda kind: SETTINGS[kind]()


@pytest.fixture(scope="session")
def picture_of():
    return picture
