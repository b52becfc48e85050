"""Settings of FC-CLIP and MAFT+, with the papers' symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lexiseg.config import check_ranges, check_templates
from lexiseg.methods.mask_proposals.trained_names import Training, trained_names
from lexiseg.models.fc_clip import InputSize

SIZES = ("small", "medium", "large")
TEMPLATES = (
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    *(f"a photo of a {size} {{}}." for size in SIZES),
    *(f"This is a photo of a {size} {{}}." for size in SIZES),
    *(f"There is a {size} {{}} in the scene." for size in SIZES),
)


@dataclass(frozen=True)
class ProposalConfig:
    """What both methods can be told.

    Attributes:
        short_side: the image's shorter side becomes so many pixels ...
        long_side: ... unless its longer side would exceed this.
        templates: sentences whose features are averaged for each wording.
        min_score: a segment's class probability exceeds this.
        min_overlap: a segment keeps at least this share of its mask against the others.
        void_bias: added to the logit of "no object"; below 0 fewer candidates are discarded.
        stuff: names that are amorphous regions; none of them has more than one segment.
        regions: what the answer lists: the "segments" of the panoptic division, or "ranked" single
            objects, the papers' instances, among them masks that overlap and many that are unsure.
        semantic: "every-pixel" has a name, as the papers count it; "found" names share with void
            and leave pixels without a name, as does what is refused.
        top: pairs of candidate and name that are ranked.
    """

    short_side: int = 800
    long_side: int = 1333
    templates: tuple[str, ...] = TEMPLATES
    min_score: float = 0.0
    min_overlap: float = 0.8
    void_bias: float = 0.0
    stuff: tuple[str, ...] = trained_names("coco-panoptic").stuff
    regions: Literal["segments", "ranked"] = "segments"
    semantic: Literal["found", "every-pixel"] = "found"
    top: int = 100

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or a template without room for a name.
        """
        check_ranges(
            self, ("min_score", 0, 1), ("min_overlap", 0, 100), ("void_bias", -100, 100),
            ("top", 1, 1_000_000),
        )  # fmt: skip
        check_templates(self.templates)
        self.input_size  # noqa: B018 - checks both sides

    @property
    def input_size(self) -> InputSize:
        """How large an image is looked at."""
        return InputSize(self.short_side, self.long_side)


@dataclass(frozen=True)
class FcClipConfig(ProposalConfig):
    """FC-CLIP's settings.

    Attributes:
        alpha: share of CLIP's probabilities for names that the decoder was trained on.
        beta: the same for all others.
        trained_on: whose names those are.
        valid_masks: candidates whose mask holds no cell of CLIP's map go by the decoder alone, as
            the ResNet models were published.
    """

    alpha: float = 0.4
    beta: float = 0.8
    trained_on: Training = "coco-panoptic"
    valid_masks: bool = False

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        super().__post_init__()
        check_ranges(self, ("alpha", 0, 1), ("beta", 0, 1))


@dataclass(frozen=True)
class MaftPlusConfig(ProposalConfig):
    """MAFT+'s settings.

    Attributes:
        mixed_cells: the transfer sees the picture as the released code hands it over, with channels
            and places mixed; the published weights were trained so. False is what the paper says.
    """

    min_score: float = 0.2
    min_overlap: float = 0.7
    mixed_cells: bool = True
