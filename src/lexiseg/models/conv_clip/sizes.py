"""Sizes of a checkpoint: from its shapes, and from the file beside it what no shape tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.conv_clip.convnext import ConvNextConfig
from lexiseg.models.conv_clip.network import ConvClipConfig, infer_config
from lexiseg.models.side_files import CONFIG, OPEN_CLIP_CONFIG, read_config, stated_count
from lexiseg.models.weights import read_json


def read_sizes(path: Path, state: Mapping[str, Tensor]) -> ConvClipConfig:
    """Sizes of both towers.

    Args:
        path: folder or file of the checkpoint; a config.json of ours or an open_clip_config.json
            beside the weights says how many heads the text tower has, and how large pictures are.
        state: its tensors.

    Raises:
        CheckpointError: they are not those of a convolutional CLIP, or the file makes no sense.
    """
    config = infer_config(state)
    folder = path if path.is_dir() else path.parent
    theirs = folder / OPEN_CLIP_CONFIG
    if path.is_dir() and (folder / CONFIG).is_file():
        return with_stated(config, read_config(folder), ("text", "vision"), folder / CONFIG)
    if theirs.is_file():
        stated = read_json(theirs).get("model_cfg")
        return with_stated(config, stated, ("text_cfg", "vision_cfg"), theirs)
    return config


def with_stated(
    config: ConvClipConfig, stated: object, sections: tuple[str, str], file: Path
) -> ConvClipConfig:
    """Sizes with the number of text heads and the side of pictures as a file states them.

    Args:
        config: as shapes tell.
        stated: content of the file.
        sections: where it speaks of texts and of pictures.
        file: for messages.

    Raises:
        CheckpointError: an entry is no whole number, or does not divide what it should.
    """
    text, vision = sections
    heads = stated_count(stated, text, "heads", file) or config.text.heads
    side = stated_count(stated, vision, "image_size", file)
    if config.text.width % heads:
        raise CheckpointError(
            f"{file}: {text}.heads is {heads}, which does not divide the width "
            f"{config.text.width} of the weights; take the file that belongs to them."
        )
    seeing = config.vision
    if side and isinstance(seeing, ConvNextConfig):  # a ResNet's table of positions tells its own
        seeing = replace(seeing, image_size=side)
    return ConvClipConfig(seeing, replace(config.text, heads=heads))
