"""CLIPs with convolutional image towers: ConvNeXt (open_clip) and ResNet (OpenAI)."""

from lexiseg.models.conv_clip.convnext import ConvNextConfig, ConvNextTower
from lexiseg.models.conv_clip.encoder import ConvClip
from lexiseg.models.conv_clip.layout import to_ours
from lexiseg.models.conv_clip.network import (
    ConvClipConfig,
    ConvClipNetwork,
    infer_config,
    is_conv_clip,
)
from lexiseg.models.conv_clip.reading import fingerprint_towers, read_towers
from lexiseg.models.conv_clip.resnet import ResNetConfig, ResNetTower
from lexiseg.models.conv_clip.sizes import read_sizes, with_stated
from lexiseg.models.conv_clip.tower import ConvTower, Levels

__all__ = [
    "ConvClip",
    "ConvClipConfig",
    "ConvClipNetwork",
    "ConvNextConfig",
    "ConvNextTower",
    "ConvTower",
    "Levels",
    "ResNetConfig",
    "ResNetTower",
    "fingerprint_towers",
    "infer_config",
    "is_conv_clip",
    "read_sizes",
    "read_towers",
    "to_ours",
    "with_stated",
]
