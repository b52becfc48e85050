"""Settings of a dense scorer as a semantic segmenter, and those of each data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.config import override
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.methods.dense.labels import LabelRule

B16 = "openai/clip-vit-base-patch16"
MINI = "mini-clip-proposal"
# What class 0 of Pascal VOC and COCO-Object stands for in SCLIP and its followers.
BACKGROUND_WORDS = (
    "sky", "wall", "tree", "wood", "grass", "road", "sea", "river", "mountain", "sands", "desk",
    "bed", "building", "cloud", "lamp", "door", "window", "wardrobe", "ceiling", "shelf",
    "curtain", "stair", "floor", "hill", "rail", "fence",
)  # fmt: skip
CLOTHES = ("shirt", "jeans", "dress", "sweater", "skirt", "jacket")
PERSON = ("person", *(f"person in {garment}" for garment in CLOTHES))
PERSON_BODY = (*PERSON, "body")


@dataclass(frozen=True)
class DenseConfig:
    """Settings of one run; the defaults are SCLIP's for data sets without background.

    Attributes:
        short_side: the image's shorter side becomes so many pixels (bilinear) ...
        long_side: ... unless its longer side would exceed this.
        window: side of the sliding window in pixels.
        stride: by which it is shifted.
        background: words that together are the background; () makes every pixel a name.
        synonyms: name followed by the texts that stand for it; they compete as one class.
        labels: scale and thresholds.
        batch: windows encoded together.
    """

    short_side: int = 336
    long_side: int = 2048
    window: int = 224
    stride: int = 112
    background: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    labels: LabelRule = field(default_factory=LabelRule)
    batch: int = 32

    def __post_init__(self) -> None:
        """Check sizes.

        Raises:
            UsageError: one is below 1.
        """
        for name in ("short_side", "long_side", "window", "stride", "batch"):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"Option {name!r} was given {getattr(self, name)}; it must be >= 1."
                )


# Scale, probability and area thresholds of the published configs, by scorer and data set.
LABEL_RULES: Mapping[str, Mapping[str, LabelRule]] = {
    "sclip": {
        "voc21": LabelRule(65, 0.1, 0.1),
        "coco-object": LabelRule(50, 0.1),
        "context60": LabelRule(50, 0.1),
    },
    "sc-clip": {
        "voc21": LabelRule(50, 0.15, 0.1),
        "coco-object": LabelRule(55, 0.35),
        "context60": LabelRule(40, 0.15),
    },
    "clearclip": dict.fromkeys(("voc21", "coco-object", "context60", "other"), LabelRule(50)),
}
DATA_SETS: Mapping[str, Mapping[str, object]] = {
    "voc21": {"background": BACKGROUND_WORDS, "synonyms": (PERSON,)},
    "voc20": {"synonyms": (PERSON,)},
    "coco-object": {"background": BACKGROUND_WORDS, "synonyms": (PERSON_BODY,)},
    "context60": {"background": ("background",)},
    "context59": {},
    "ade150": {},
    "ade847": {},
    "pc459": {},
    "coco-stuff": {"short_side": 448},
    "cityscapes": {"short_side": 560},
}
# "paper" and "mini" ask about any photograph, where most pixels belong to no name.
GENERAL = "coco-object"


def preset_names() -> tuple[str, ...]:
    """All presets."""
    return ("paper", "mini", *DATA_SETS)


def find_config(scorer: str, preset: str) -> DenseConfig:
    """The settings of a scorer for a preset; SCLIP's stand in where a method publishes none.

    Raises:
        UnknownNameError: no such preset.
    """
    if preset not in preset_names():
        raise UnknownNameError("preset", preset, preset_names())
    data_set = GENERAL if preset in ("paper", "mini") else preset
    rules = LABEL_RULES.get(scorer, LABEL_RULES["sclip"])
    options = dict(DATA_SETS[data_set])
    if scorer == "clearclip":
        options |= {"window": 448, "stride": 224, "short_side": 448}
        if options.get("background"):
            options["background"] = ("background",)
    labels = rules.get(data_set, rules.get("other", LabelRule()))
    return override(DenseConfig(), {**options, "labels": labels})
