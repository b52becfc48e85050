"""Which weights and settings go together, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lexiseg.models.bundled import bundled_names
from lexiseg.models.hub import PublishedFile

CONVNEXT_L = "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup"
CONVNEXT_B = "laion/CLIP-convnext_base_w_320-laion_aesthetic-s13B-b82K-augreg"
STREETS: Mapping[str, object] = {"short_side": 1024, "long_side": 2560}


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        file: the published checkpoint, which its authors offer outside the hub, or bundled weights.
        backbone: CLIP, for heads that lack it, and its tokenizer.
        options: fields of the config that differ from its defaults.
        form: of MAFT+'s transfer.
        variant: of MAFT+, as its weights were trained.
    """

    file: PublishedFile | str
    backbone: str | None = CONVNEXT_L
    options: Mapping[str, object] = field(default_factory=dict)
    form: Literal["panoptic", "semantic"] = "panoptic"
    variant: Literal["released", "paper"] = "released"

    def find(self, weights: str | Path | None) -> str | Path:
        """The checkpoint that was given, or that of the preset.

        Raises:
            WeightsNotFoundError: nothing was given where something must be, or it is nowhere.
        """
        if isinstance(self.file, PublishedFile):
            return self.file.find(weights)
        return self.file if weights is None else weights


def _drive(name: str, file: str, number: str, size: str, home: str) -> PublishedFile:
    place = f"https://drive.google.com/file/d/{number} (about {size}, linked at github.com/{home})"
    return PublishedFile(name, file, place)


def _fc_clip(network: str, file: str, number: str, size: str) -> PublishedFile:
    return _drive(f"FC-CLIP on {network}", file, number, size, "bytedance/fc-clip")


def _resnet(network: str, number: str, size: str) -> Preset:
    file = _fc_clip(network, "its checkpoint", number, size)
    return Preset(file, None, {"valid_masks": True})


_LARGE = _fc_clip("ConvNeXt-L", "fcclip_cocopan.pth", "1-91PIns86vyNaL3CzMmDD39zKGnPMtvj", "1.5 GB")
# For the bundled weights, which know Miniworld alone.
_MINIWORLD: Mapping[str, object] = {
    "short_side": 192,  # as in training
    "long_side": 384,
    "stuff": bundled_names().stuff,
}
# The balance of "no object" and the overlap were chosen on validation scenes (docs/presets.md).
_MINI: Mapping[str, object] = {
    **_MINIWORLD,
    "void_bias": -1.0,
    "min_overlap": 0.4,
    "trained_on": "miniworld",
}
FC_CLIP: Mapping[str, Preset] = {
    "paper": Preset(_LARGE),
    "mini": Preset("mini-fc-clip", "mini-convnext-clip", _MINI),
    "cityscapes": Preset(_LARGE, options=STREETS),
    "mapillary": Preset(_LARGE, options=STREETS),
    "rn50": _resnet("RN50", "1tcB-8FNON-LwckXQbUyKcBA2G7TU65Zh", "0.5 GB"),
    "rn101": _resnet("RN101", "1P0mdgftReWzVbPQ0O0CSBfW3krHhTOj0", "0.6 GB"),
    "rn50x4": _resnet("RN50x4", "1nUpUsNUE22eOV9skxv9IyIkmCbg5jrIF", "0.8 GB"),
    "rn50x16": _resnet("RN50x16", "1rJu2UwwtI0VLDl9CyB8Mkgw9qHlnX70W", "1.2 GB"),
    "rn50x64": _resnet("RN50x64", "1rvfFVp5p3PZQsHp2NGVEBeYYcqgVVaZX", "2.6 GB"),
}


def _maft(kind: str, file: str, number: str, size: str) -> PublishedFile:
    return _drive(f"MAFT+ ({kind})", file, number, size, "jiaosiyu1999/MAFT-Plus")


_PANOPTIC = _maft(
    "panoptic, large", "maftp_l_pano.pth", "1znk_uco8fwvbA0kndy4kGyVp22KbQr6g", "2.9 GB"
)
_MINI_MAFT: Mapping[str, object] = {**_MINIWORLD, "min_score": 0.3, "min_overlap": 0.6}
MAFT_PLUS: Mapping[str, Preset] = {
    "paper": Preset(_PANOPTIC),
    "mini": Preset("mini-maft-plus", "mini-convnext-clip", _MINI_MAFT, variant="paper"),
    "cityscapes": Preset(_PANOPTIC, options=STREETS),
    "mapillary": Preset(_PANOPTIC, options=STREETS),
    "semantic-large": Preset(
        _maft("semantic, large", "maftp_l.pth", "1EQo5guVuKkSSZj4bv0FQN_4X9h_Rwfe5", "2.9 GB"),
        form="semantic",
    ),
    "semantic-base": Preset(
        _maft("semantic, base", "maftp_b.pth", "1BeEeKOnWWIWIH-QWK_zLhAPUzCOnHuFG", "1.5 GB"),
        CONVNEXT_B,
        form="semantic",
    ),
}
