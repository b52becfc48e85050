"""Both towers of a convolutional CLIP, and the sizes that a checkpoint's shapes tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.clip.layout import infer_text_config
from lexiseg.models.clip.model import TwoTowers
from lexiseg.models.clip.text import TextConfig, TextTower
from lexiseg.models.conv_clip.convnext import ConvNextConfig, ConvNextTower
from lexiseg.models.conv_clip.resnet import EXPANSION, ResNetConfig, ResNetTower
from lexiseg.models.conv_clip.tower import ConvTower

# Of the published ConvNeXts only the largest normalizes with a larger epsilon.
XXLARGE_WIDTH, XXLARGE_EPS = 384, 1e-5
# No tensor tells the size of a ConvNeXt's pictures: first width -> pixels per side, as published.
PICTURES = {128: 320, 192: 320, 384: 256}
RESNET_HEAD = 64


@dataclass(frozen=True)
class ConvClipConfig:
    """Sizes of both towers."""

    vision: ConvNextConfig | ResNetConfig
    text: TextConfig


class ConvClipNetwork(TwoTowers):
    """A CLIP with a convolutional image tower.

    Example:
        >>> import torch
        >>> vision = ConvNextConfig((8, 16, 24, 32), (1, 1, 2, 1), embed_dim=16, hidden=32)
        >>> text = TextConfig(24, layers=2, heads=2, context=20, vocabulary=99, embed_dim=16)
        >>> network = ConvClipNetwork(ConvClipConfig(vision, text))
        >>> network(torch.zeros(2, 3, 64, 64), torch.ones(5, 20, dtype=torch.long)).shape
        torch.Size([2, 5])
    """

    visual: ConvTower

    def __init__(self, config: ConvClipConfig) -> None:
        vision = config.vision
        tower = ConvNextTower(vision) if isinstance(vision, ConvNextConfig) else ResNetTower(vision)
        super().__init__(tower, TextTower(config.text))
        self.config = config


def is_conv_clip(state: Mapping[str, Tensor]) -> bool:
    """Whether tensors are those of a convolutional CLIP."""
    return "visual.trunk.stem.0.weight" in state or "visual.layer1.0.conv1.weight" in state


def infer_config(state: Mapping[str, Tensor], head_dim: int = 64) -> ConvClipConfig:
    """Read all sizes off a state dict in open_clip's or OpenAI's layout.

    Args:
        state: key -> tensor.
        head_dim: width of one attention head of the text tower, which no shape tells.

    Raises:
        CheckpointError: the tensors are not those of a convolutional CLIP.
    """
    try:
        if "visual.trunk.stem.0.weight" in state:
            return ConvClipConfig(_convnext(state), infer_text_config(state, head_dim, "gelu"))
        return ConvClipConfig(_resnet(state), infer_text_config(state, head_dim, "quick_gelu"))
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise CheckpointError(
            "The weights are not those of a CLIP with a ConvNeXt in open_clip's layout or a ResNet "
            f"in OpenAI's (missing or mis-shaped: {error})."
        ) from error


def _convnext(state: Mapping[str, Tensor]) -> ConvNextConfig:
    stages = [f"visual.trunk.stages.{number}.blocks." for number in range(4)]
    first, second, third, fourth = (len(state[f"{stage}0.gamma"]) for stage in stages)
    a, b, c, d = (_count(state, stage, ".gamma") for stage in stages)
    single = state.get("visual.head.proj.weight")
    last = state["visual.head.mlp.fc2.weight"] if single is None else single
    return ConvNextConfig(
        widths=(first, second, third, fourth),
        depths=(a, b, c, d),
        embed_dim=len(last),
        hidden=last.shape[1] if single is None else None,
        image_size=PICTURES.get(first, ConvNextConfig.image_size),
        eps=XXLARGE_EPS if first == XXLARGE_WIDTH else ConvNextConfig.eps,
    )


def _resnet(state: Mapping[str, Tensor]) -> ResNetConfig:
    a, b, c, d = (_count(state, f"visual.layer{n}.", ".conv1.weight") for n in range(1, 5))
    width = len(state["visual.layer1.0.conv1.weight"])
    cells = len(state["visual.attnpool.positional_embedding"]) - 1
    return ResNetConfig(
        layers=(a, b, c, d),
        width=width,
        heads=max(1, 8 * EXPANSION * width // RESNET_HEAD),
        embed_dim=len(state["visual.attnpool.c_proj.weight"]),
        image_size=32 * round(cells**0.5),
    )


def _count(state: Mapping[str, Tensor], start: str, end: str) -> int:
    """How many numbered parts have a tensor of this name."""
    named = re.compile(rf"{re.escape(start)}\d+{re.escape(end)}")
    return sum(bool(named.fullmatch(key)) for key in state)
