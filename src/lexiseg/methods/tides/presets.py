"""Which scorer and which segmenter work together, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.config import look_up
from lexiseg.models.bundled import bundled_names


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        clip: weights of the scorer's CLIP.
        segmenter: name in `lexiseg.registry.SEGMENTERS`.
        scorer: name in `lexiseg.registry.SCORERS`.
        options: fields of `TidesConfig` that differ from the variant's.
        measured: those of them that differ again where AP is measured, which ranks all answers:
            bounds that keep pictures clear would cut its curve short.
    """

    clip: str
    segmenter: str
    scorer: str = "clip-surgery"
    options: Mapping[str, object] = field(default_factory=dict)
    measured: Mapping[str, object] = field(default_factory=dict)


B16 = "openai/clip-vit-base-patch16"
# For the bundled weights, which know Miniworld alone; chosen on scenes of the val split
# (docs/presets.md). Windows are fed as they are: the tower's patches of 8 pixels are fine enough,
# and cells of 4 pixels are half of them. Things compete with all that can lie behind them; since a
# small thing often speaks a little softer than its ground, names stay that nearly win.
# Small towers leave cells where neither a class nor the background speaks, and scenes hold several
# equal objects: the paper's foreground and its assignment to the whole of it would lose both.
# Their scores are smooth: histograms of a part and of its object differ too little for h = 0.5 to
# tell them apart, and a mask's cells beyond the foreground say the most. With a kernel so
# narrow the density counts how often the same mask came up, which large objects lead by far:
# objects a tenth as dense as the densest stay, of whatever cluster. The density says which masks
# are whole, but ranks by size, so that the segmenter's score weighs what stays. Parts and
# duplicates score low, and a bound on the score balances what is found with what is true.
MINIWORLD: Mapping[str, object] = {
    "long_side": 288,
    "window_input": "own",
    "cell": 4.0,
    "background": bundled_names().stuff,
    "min_margin": -0.04,
    "foreground_rule": "joint-background",
    "assignment": "component",
    "point_stride": 2,
    "histogram_cells": "mask",
    "bandwidth": 0.02,
    "min_density": 0.1,
    "cluster": "all",
    "nms_iou": 0.5,
    "confidence": "semantic*segmenter",
    "min_score": 0.25,
}
PRESETS: dict[str, Preset] = {
    "paper": Preset(B16, "sam-vit-h"),
    "table2": Preset(B16, "sam-vit-b"),
    "mini": Preset(
        "mini-clip-proposal",
        "mini-sam",
        scorer="maskclip",
        options=MINIWORLD,
        measured={"min_density": 0.05, "min_score": 0.0},
    ),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", PRESETS, name)
