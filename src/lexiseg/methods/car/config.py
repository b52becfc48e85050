"""Settings of CLIP as RNN (Sun et al., CVPR 2024), with the paper's symbols."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lexiseg.config import check_ranges, check_templates
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.models.clip.vision import PositionTable
from lexiseg.ops.crf import CrfConfig
from lexiseg.registry import SCORERS

VisualPrompt: TypeAlias = Literal["blur", "gray", "black", "circle", "rectangle", "contour"]
# The order in which prompts are drawn, whatever the order in a config.
PROMPTS: tuple[VisualPrompt, ...] = ("blur", "gray", "black", "circle", "rectangle", "contour")

# Kinds of maps that need nothing but the CAM tower's last block.
MAPS = ("gradcam", "gradcam++", "layercam", "value")

ORIGAMI = "a clean origami {}."
# The classifier's ensemble; some lack the final stop in the released code, which is kept.
TEMPLATES = (
    ORIGAMI,
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    *(f"a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"This is a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"There is a {size} {{}} in the scene." for size in ("small", "medium", "large")),
)


@dataclass(frozen=True)
class Procedure:
    """The points on which the paper's text and the authors' released code disagree.

    Attributes:
        size_multiple: image sides are stretched to multiples of so many pixels for the CAM tower,
            whatever its patch; 0 stands for the patch.
        classifier_blocks_left_out: last vision blocks the classifier does not run.
        round_positions: round fitted position tables to half precision in both towers.
        first_template: text of a query in step 1; later steps use ``a clean origami {}.``.
        template_scores: "averaged": mean over templates of the softmax over queries; "summed":
            the sum over templates goes through a second softmax.
        keep_equal: a score equal to theta is kept (eq. 6) or removed (the listing).
        drop_asked_background: background words that are asked for do not compete.
        mutual_background: in thing/stuff splits, "both" parts have the other's names as
            background, or only "stuff" has.
    """

    size_multiple: int = 0
    classifier_blocks_left_out: int = 0
    round_positions: bool = False
    first_template: str = ORIGAMI
    template_scores: Literal["averaged", "summed"] = "averaged"
    keep_equal: bool = True
    drop_asked_background: bool = True
    mutual_background: Literal["both", "stuff"] = "both"

    @property
    def positions(self) -> PositionTable:
        """How both towers fit their position tables to the image."""
        return PositionTable(round_fp16=self.round_positions)


PAPER = Procedure()
RELEASED = Procedure(
    size_multiple=16,
    classifier_blocks_left_out=1,
    round_positions=True,
    first_template="{}",
    template_scores="summed",
    keep_equal=False,
    drop_asked_background=False,
    mutual_background="stuff",
)


@dataclass(frozen=True)
class SegmentEnsemble:
    """Merging with class-agnostic segments of a promptable model (paper, section 3.4).

    Attributes:
        min_overlap: share of a CaR mask that a segment must cover before the share of the
            segment inside the mask counts.
        min_iom: phi_iom, a segment with a larger intersection over minimum joins the union.
        min_iou: phi_iou, the union replaces the mask if their IoU is larger.
    """

    min_overlap: float = 0.05
    min_iom: float = 0.7
    min_iou: float = 0.7


@dataclass(frozen=True)
class CarConfig:
    """Settings of one run; the defaults are the paper's for Pascal VOC.

    Attributes:
        eta: binarization threshold of proposals for visual prompts.
        theta: removal threshold of classifier scores.
        lam: lambda, share of a map's maximum that its boxes enclose.
        prompts: visual prompts; order does not matter.
        stuff: asked names that are amorphous regions; they get a pass of their own.
        stuff_prompts: visual prompts of that pass.
        background: words that compete in the maps; an entry that is a list of
            `background.BACKGROUND_LISTS` stands for its words, any other is a word itself.
        background_factor: exponent of the background score.
        templates: sentences of the mask classifier.
        max_steps: T, end the recurrence after so many steps; 1 judges once, which the paper calls
            no recurrence; 0 judges and removes nothing (ours); None lets the stop rule decide.
        proposals: maps that masks are proposed from: "gradcam" as published, "gradcam++",
            "layercam", "value" (cosines with the last block's value path, without a gradient), or
            a dense scorer's, by its name in `SCORERS` (ours).
        affinity: spread maps from inside their boxes by attention affinity; False is plain
            Grad-CAM.
        refinements: t of Eq. 8, how often a map is multiplied by the affinity; 0 leaves it as it
            is inside its boxes.
        attention_blocks: attention of the last so many blocks makes the affinity, of all where
            the tower has fewer: 8 of the 12 of B/16, but all 6 of the bundled towers.
        use_crf: sharpen the proposals with a dense CRF.
        crf: its parameters; the paper's text has it see the plain picture, the released code a
            shifted one.
        reject_all: judge queries against the background words too, so that nothing may remain
            (our extension: the published rule always keeps the best query).
        prefilter: leave out names whose logit for the whole image is more than this many units
            below the best (our extension); None asks about every name.
        max_side: larger images are worked on at this longest side in pixels (our bound).
        temporal_smoothing: weight of the past in video, 0 = frames on their own (our extension).
        segments: how segments of a promptable model are merged, if one is given.
        procedure: where paper and released code differ.
    """

    eta: float = 0.4
    theta: float = 0.6
    lam: float = 0.4
    prompts: tuple[VisualPrompt, ...] = ("circle", "blur")
    stuff: tuple[str, ...] = ()
    stuff_prompts: tuple[VisualPrompt, ...] = ("blur", "gray")
    background: tuple[str, ...] = ("terrestrial", "aquatic-atmospheric", "man-made")
    background_factor: float = 1.0
    templates: tuple[str, ...] = TEMPLATES
    max_steps: int | None = None
    proposals: str = "gradcam"
    affinity: bool = True
    refinements: int = 2
    attention_blocks: int = 8
    use_crf: bool = True
    crf: CrfConfig = field(default_factory=lambda: CrfConfig(image="rgb"))
    reject_all: bool = False
    prefilter: float | None = None
    max_side: int = 1024
    temporal_smoothing: float = 0.0
    segments: SegmentEnsemble = field(default_factory=SegmentEnsemble)
    procedure: Procedure = PAPER

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, an unknown prompt, or a template without {}.
            UnknownNameError: an unknown kind of proposals.
        """
        check_maps(self.proposals)
        check_ranges(
            self,
            ("eta", 0, 1), ("lam", 0, 1), ("temporal_smoothing", 0, 1),
            ("background_factor", 0, 100), ("max_side", 16, 8192), ("max_steps", 0, 1000),
            ("refinements", 0, 100), ("attention_blocks", 1, 1000),
        )  # fmt: skip
        for prompt in (*self.prompts, *self.stuff_prompts):
            if prompt not in PROMPTS:
                raise UsageError(
                    f"Unknown visual prompt {prompt!r}; choose among {', '.join(PROMPTS)}."
                )
        check_templates(self.templates)


def map_kinds() -> tuple[str, ...]:
    """What proposals can be made from: `MAPS`, and every dense scorer but CaR itself."""
    return (*MAPS, *(scorer for scorer in SCORERS if scorer != "car"))


def check_maps(name: str) -> None:
    """Check the name of a kind of maps.

    Raises:
        UnknownNameError: it is none of `map_kinds`.
    """
    if name not in map_kinds():
        raise UnknownNameError("kind of proposals", name, map_kinds())
