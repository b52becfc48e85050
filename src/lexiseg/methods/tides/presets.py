"""Which scorer and which segmenter work together, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lexiseg.config import look_up
from lexiseg.datasets.miniworld.stuff import all_stuff


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        clip: weights of the scorer's CLIP.
        segmenter: name in `lexiseg.registry.SEGMENTERS`.
        scorer: name in `lexiseg.registry.SCORERS`.
        options: fields of `TidesConfig` that differ from the variant's.
    """

    clip: str
    segmenter: str
    scorer: str = "clip-surgery"
    options: Mapping[str, Any] = field(default_factory=dict)


B16 = "openai/clip-vit-base-patch16"
# For the bundled weights, which know Miniworld alone; chosen on scenes of the val split. Things are
# as large in the windows as the tower learnt them, and compete with all that can lie behind them.
# Small towers leave cells where neither a class nor the background speaks, and scenes hold several
# equal objects: the paper's foreground and its assignment to the whole of it would lose both. A
# mask is described by how probable the class is in its cells. The small SAM draws one object a
# little differently from every point: already a smaller overlap makes two masks the same object.
MINIWORLD: Mapping[str, Any] = {
    "long_side": 288,
    "background": tuple(all_stuff()),
    "foreground_rule": "joint-background",
    "values": "probability",
    "assignment": "component",
    "point_stride": 2,
    "nms_iou": 0.15,
}
PRESETS: dict[str, Preset] = {
    "paper": Preset(B16, "sam-vit-h"),
    "table2": Preset(B16, "sam-vit-b"),
    "mini": Preset("mini-clip-proposal", "mini-sam", options=MINIWORLD),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", PRESETS, name)
