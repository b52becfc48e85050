"""Which networks belong together, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.config import look_up
from lexiseg.models.bundled import bundled_names


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        adapter: hub id or bundled name of the trained part.
        sam2: known or bundled name of the segmenter.
        beit3: hub id or bundled name of the encoder of pictures and texts.
        clip: hub id or bundled name of what presence="clip" asks.
        options: fields of `OpenWorldSamConfig` that differ from its defaults.
    """

    adapter: str
    sam2: str
    beit3: str
    clip: str
    options: Mapping[str, object] = field(default_factory=dict)


# BEiT-3 is that of EVF-SAM 2, which was fine-tuned on sentences about objects: the released
# program loads it, though the paper speaks of the public BEiT-3.
PRESETS: Mapping[str, Preset] = {
    "paper": Preset(
        "Voxel51/openworld-sam",
        "sam2-large",
        "YxZhang/evf-sam2-multitask",
        "openai/clip-vit-base-patch16",
    ),
    # Chosen on Miniworld's validation scenes (docs/presets.md). The small SAM 2 expects little of
    # its masks, so that the published least score would leave no thing at all.
    "mini": Preset(
        "mini-openworldsam",
        "mini-sam2",
        "mini-beit3",
        "mini-clip-classifier",
        {
            "presence": "learned",
            "stuff": bundled_names().stuff,
            "min_score": 0.2,
            "min_share": 0.3,
            "two_stage": True,
        },
    ),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", PRESETS, name)
