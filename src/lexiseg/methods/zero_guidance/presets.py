"""Which weights work together, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lexiseg.config import look_up


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        dino: weights of the self-supervised transformer.
        clip: weights of CLIP.
        language_model: weights of the language model that ZeroCap needs.
        variant: reading of the paper that is taken where none is asked for.
        options: fields of `ZeroGuidanceConfig` that differ from its defaults; a variant's win.
        decoders: name of a captioner -> its options that differ from its defaults.
    """

    dino: str
    clip: str
    language_model: str
    variant: str = "recommended"
    options: Mapping[str, object] = field(default_factory=dict)
    decoders: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


BARE = "{}"
MINIWORLD = {"words": "miniworld", "templates": (BARE,)}
# The small CLIP was trained on recolored pictures and cannot tell colors: almost any adjective
# raises its cosines by 0.03 to 0.16, so that only a margin beyond that keeps guesses out.
MINIWORLD_ATTRIBUTES = {**MINIWORLD, "attributes": "miniworld-attributes", "margin": 0.2}
# The small language model has four layers and three tokens before the first new one, so the paper's
# steps of 0.3 hardly move it; longer steps move it out of its grammar, to which fusion brings it
# back. Nouns of Miniworld are one token, and captions of Miniworld are short.
MINI_ZEROCAP = {
    "iterations": 15,
    "step_size": 1.5,
    "fusion": 0.8,
    "end_factor": 2.0,
    "beams": 3,
    "max_tokens": 6,
}
# Chosen on Miniworld's validation scenes (docs/presets.md). Subtracting as much as the paper does
# costs IoU here (docs/replication-zero-guidance.md). Siblings
# of one thing are less alike than in the paper. The small CLIP hears bare words best.
MINI_PRESET = Preset(
    "mini-dino",
    "mini-clip-classifier",
    "mini-gpt2",
    options={
        "stride": 4,
        "masked_blocks": 2,
        "sigma_squared": 0.4,
        "saliency": "outputs",
        "min_similarity": 0.55,
        "template": BARE,
    },
    decoders={
        "vocabulary": MINIWORLD,
        "vocabulary+attributes": MINIWORLD_ATTRIBUTES,
        "zerocap": MINI_ZEROCAP,
    },
)

PUBLISHED = Preset("dino-vits8", "clip-vit-l14-336", "gpt2-medium", variant="paper")
# The published weights under what is quicker and steadier than captions: words of a list.
WORD_LIST = replace(PUBLISHED, variant="recommended")

PRESETS: Mapping[str, Preset] = {
    "paper": PUBLISHED,
    "word-list": WORD_LIST,
    "mini": MINI_PRESET,
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", PRESETS, name)
