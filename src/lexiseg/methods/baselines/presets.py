"""Which weights a baseline loads, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.config import look_up
from lexiseg.models.bundled import bundled_names


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        weights: hub id or bundled name of the network that knows words.
        segmenter: name in `lexiseg.registry.SEGMENTERS`; "" for a baseline without one.
        options: fields of the config that differ from its defaults.
    """

    weights: str
    segmenter: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", presets, name)


# Of the bundled weights: masks of the small SAM are less sure and less stable, the small CLIP knows
# things in their surroundings, and behind things is ground. Chosen on scenes of the val split.
MINIWORLD: Mapping[str, object] = {
    "points_per_side": 16,
    "min_mask_score": 0.3,
    "min_stability": 0.3,
    "margin": 0.5,
    "templates": ("a photo of a {}.",),
    "background": bundled_names().stuff,
}
# The paper's comparison runs ViT-B networks.
SAM_CLIP: Mapping[str, Preset] = {
    "paper": Preset("openai/clip-vit-base-patch16", "sam-vit-b"),
    "mini": Preset("mini-clip-classifier", "mini-sam", MINIWORLD),
}
GROUNDED_SAM: Mapping[str, Preset] = {
    "paper": Preset("IDEA-Research/grounding-dino-base", "sam-vit-h"),
    "small": Preset("IDEA-Research/grounding-dino-tiny", "sam-vit-b"),
}
OWL_SAM: Mapping[str, Preset] = {
    "paper": Preset("google/owlv2-large-patch14-ensemble", "sam-vit-h"),
    "small": Preset("google/owlv2-base-patch16-ensemble", "sam-vit-b"),
}
CLIPSEG: Mapping[str, Preset] = {
    "paper": Preset("CIDAS/clipseg-rd64-refined"),
}
