"""Settings of OpenWorldSAM, with the paper's symbols where it has some."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lexiseg.config import check_ranges
from lexiseg.errors import UsageError
from lexiseg.methods.openworldsam.instances import ObjectOverlap
from lexiseg.methods.openworldsam.semantic import SemanticRule
from lexiseg.models.openworldsam import Layout, Scope

PresenceRule = Literal["none", "clip", "learned"]


@dataclass(frozen=True)
class ClipFilter:
    """How CLIP decides which names are in a picture: TIDES' in-context filter.

    Attributes:
        long_side: the picture is resized so that its longer side has so many pixels.
        windows: sides of the square windows in pixels.
        stride: of the windows, as a share of their side.
        background: words for what else could be there; those that are asked for do not compete.
        min_margin: a name stays where a window's cosine with it exceeds that with the loudest
            background word by more than this.
    """

    long_side: int = 512
    windows: tuple[int, ...] = (112, 168, 224)
    stride: float = 0.5
    background: tuple[str, ...] = ("background",)
    min_margin: float = 0.0

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        check_ranges(
            self, ("long_side", 16, 4096), ("stride", 0.05, 1), ("min_margin", -2, 2)
        )  # fmt: skip
        if not self.windows or not all(16 <= side <= 4096 for side in self.windows):
            raise UsageError(
                f"Option 'windows' was given {self.windows}; expected sides of 16 to 4096 pixels."
            )
        if not self.background:
            raise UsageError("Option 'background' was given no text; give at least one.")


@dataclass(frozen=True)
class OpenWorldSamConfig:
    """Settings of one run; the defaults are those of the released evaluation.

    Attributes:
        layout: tokens that the mask decoder gets for each query; see `Queries.tokens`. None takes
            that which the adapter was trained with; the published one, "released".
        scope: prompts of a picture see each other ("joint", as released) or each is asked alone
            ("each"), so that no name changes another's answer. None takes what the adapter was
            trained with; the published one, "joint".
        joint_prompts: so many prompts see each other at most; more are asked in groups. 20 is the
            largest number of the released evaluation.
        fallback: a mask that is not stable gives way to the best of the decoder's three others.
        two_stage: sure masks go through the decoder once more, as mask prompts.
        top_k: only so many best answers are looked at for single objects; 0 = all.
        classes: C of the released rule for semantic maps, the size of the list that the names come
            from; 0 = as many as are asked.
        semantic_rule: see `semantic.votes`.
        min_score: answers below it are no objects and no segments.
        nms: overlap of single objects is that of "box"es, as released, or "mask"s, as in the paper.
        nms_iou: of two answers that overlap more, the better stays.
        min_share: of its area that a panoptic segment must win: 0.5 as released, 0.8 in
            Mask2Former.
        min_referring: answers to sentences below it are left out.
        stuff: names of kinds of ground, which have no single objects.
        presence: which names are taken to be in the picture: all ("none", the paper's protocol),
            those that "clip" sees, or those for which SAM 2's object token speaks ("learned"),
            which needs an adapter that was trained with absent names.
        min_object: a name is present whose best query has at least this probability of an object.
        clip: of presence="clip".
    """

    layout: Layout | None = None
    scope: Scope | None = None
    joint_prompts: int = 20
    fallback: bool = True
    two_stage: bool = False
    top_k: int = 0
    classes: int = 0
    semantic_rule: SemanticRule = "released"
    min_score: float = 0.7
    nms: ObjectOverlap = "box"
    nms_iou: float = 0.5
    min_share: float = 0.5
    min_referring: float = 0.0
    stuff: tuple[str, ...] = ()
    presence: PresenceRule = "none"
    min_object: float = 0.5
    clip: ClipFilter = field(default_factory=ClipFilter)

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        check_ranges(
            self,
            ("joint_prompts", 1, 1000), ("top_k", 0, 1_000_000), ("classes", 0, 1_000_000),
            ("min_score", 0, 1), ("nms_iou", 0, 1), ("min_share", 0, 1), ("min_referring", 0, 1),
            ("min_object", 0, 1),
        )  # fmt: skip
