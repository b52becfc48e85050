"""Settings of the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lexiseg.config import check_ranges, check_templates
from lexiseg.scorers.text import IMAGENET_TEMPLATES


@dataclass(frozen=True)
class SamClipConfig:
    """Settings of SAM + CLIP; those of the mask generator are SAM's own.

    Attributes:
        points_per_side: of the grid of point prompts.
        min_mask_score: masks whose expected IoU is not above it are dropped.
        min_stability: masks less stable are dropped.
        max_box_iou: of two masks whose boxes overlap more, the better stays.
        crop: CLIP sees what is in the "box" around a mask, or the "mask" alone before CLIP's mean
            color.
        margin: added to the box on every side, as a share of its longer side.
        templates: sentences whose features are averaged to a class text.
        background: texts that stand for what nobody asked for; a mask they win is dropped.
        min_probability: masks whose name is less probable among names and background are dropped.
        confidence: final score: probability of the name times the segmenter's own score, or the
            "probability" alone.
    """

    points_per_side: int = 32
    min_mask_score: float = 0.88
    min_stability: float = 0.95
    max_box_iou: float = 0.7
    crop: Literal["box", "mask"] = "box"
    margin: float = 0.0
    templates: tuple[str, ...] = IMAGENET_TEMPLATES
    background: tuple[str, ...] = ("background",)
    min_probability: float = 0.0
    confidence: Literal["probability*mask", "probability"] = "probability*mask"

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or a template without {}.
        """
        check_ranges(
            self,
            ("points_per_side", 1, 256), ("min_stability", 0, 1), ("max_box_iou", 0, 1),
            ("margin", 0, 10), ("min_probability", 0, 1),
        )  # fmt: skip
        check_templates(self.templates)


@dataclass(frozen=True)
class BoxConfig:
    """Settings that all baselines with a detector share.

    Attributes:
        min_score: boxes must score above it.
        nms_iou: of two boxes that overlap more, whatever their names, the better stays, so that
            no object is labelled twice; 1 keeps all.
        max_objects: so many best boxes are cut out.
        multimask: take the best of the segmenter's candidates instead of its single answer.
    """

    min_score: float = 0.25
    nms_iou: float = 0.7
    max_objects: int = 300
    multimask: bool = True

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        check_ranges(self, ("min_score", 0, 1), ("nms_iou", 0, 1), ("max_objects", 1, 100_000))


@dataclass(frozen=True)
class GroundedSamConfig(BoxConfig):
    """Settings of Grounded SAM.

    Attributes:
        min_score: of the word that a box answers most (the authors' box threshold).
        min_word_score: of the best word of its name (their text threshold).
    """

    min_word_score: float = 0.25

    def __post_init__(self) -> None:
        """See `BoxConfig`."""
        super().__post_init__()
        check_ranges(self, ("min_word_score", 0, 1))


@dataclass(frozen=True)
class OwlSamConfig(BoxConfig):
    """Settings of OWLv2 + SAM.

    Attributes:
        min_score: the threshold that transformers uses by default.
        template: sentence around a name.
    """

    min_score: float = 0.1
    template: str = "a photo of a {}"

    def __post_init__(self) -> None:
        """See `BoxConfig`."""
        super().__post_init__()
        check_templates((self.template,))


@dataclass(frozen=True)
class ClipSegConfig:
    """Settings of CLIPSeg.

    Attributes:
        min_probability: pixels where no name is more probable are background; 0.5 is where the
            trained maps change sign.
        template: sentence around a name; by default none.
    """

    min_probability: float = 0.5
    template: str = "{}"

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or a template without {}.
        """
        check_ranges(self, ("min_probability", 0, 1))
        check_templates((self.template,))
