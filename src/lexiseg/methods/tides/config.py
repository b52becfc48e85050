"""Settings of TIDES, with the paper's symbols and every reading its text leaves open.

The paper's main part fixes the numbers below but not every rule around them. Each open rule is a
field: the default is the reading that works best or loses nothing, `PAPER_READINGS` are the most
literal ones where those differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lexiseg.config import check_ranges, look_up, override
from lexiseg.errors import UsageError
from lexiseg.ops.foreground import ForegroundRule
from lexiseg.ops.instance_score import DensityRule
from lexiseg.ops.windows import Blend, Expansion
from lexiseg.scorers.dense_maps import WindowConfig

# What SCLIP and its kin take for the background (class 0 of Pascal VOC and COCO-Object).
BACKGROUND_WORDS = (
    *("sky", "wall", "tree", "wood", "grass", "road", "sea", "river", "mountain", "sands"),
    *("desk", "bed", "building", "cloud", "lamp", "door", "window", "wardrobe", "ceiling"),
    *("shelf", "curtain", "stair", "floor", "hill", "rail", "fence"),
)
PERSON_WORDINGS = tuple(
    f"person in {garment}" for garment in ("shirt", "jeans", "dress", "sweater", "skirt", "jacket")
)


@dataclass(frozen=True)
class TidesConfig:
    """Settings of one run, in the order of the steps.

    Attributes:
        long_side: the image is resized so that its longer side has so many pixels.
        windows: sides of the square windows in pixels.
        stride: of the windows, as a share of their side.
        window_input: windows are resized to the scorer's "native" size, the only reading under
            which its patches cover three sizes with a common divisor; "own" feeds them unresized,
            cut to whole patches.
        cell: side of a cell in pixels; None is the greatest common divisor of the patch sizes
            (4 for B/16), or half the smallest patch where they have none.
        short_side: the shorter side is rounded to whole "cells", so that fusion is exact, or kept
            "exact" with a last partial cell, so that the aspect is.
        narrow: of an image less wide than a window, "stretch" the piece to the scorer's
            square, which wastes no tokens, or "pad" it by its border, which keeps the aspect.
        expansion: what a patch is between its center and the next: "constant" makes averaging
            pixels and pooling cells the same thing; "bilinear" is how SCLIP enlarges maps.
        blend: mean over all "windows" of a cell, so that each observation counts once, or first
            per window size and then over "scales", which is what the text says literally.
        scored: texts that share in CLIP-Surgery's feature surgery: "all" asked ones, as the
            steps are ordered in the paper, or the "survivors" of step B.
        background: texts that stand for absence; several compete as one. The paper only says
            that there is a background class; ("",) is CLIP-Surgery's redundant text,
            `BACKGROUND_WORDS` SCLIP's list.
        min_margin: a class survives where its image-text score (a cosine) exceeds the background's
            by more than this. 0 is the paper's rule; below it doubtful names have their chance in
            the later steps, which helps where many background texts compete with each name.
        cls: image feature of step B: plain "clip", since the paper leaves global alignment
            unchanged, or that of the "method", which some methods distort.
        person_wordings: add SCLIP's wordings for "person" (by clothes); the paper names none.
        foreground_rule: how class and background become a probability (`foreground_probability`).
        temperature: T before that softmax; 100 is CLIP's own scale. With the literal 1 the rule
            is never below 0.26 and keeps every cell.
        min_probability: cells above it are foreground.
        normalization: min-max over each "class" in the image; over each class in each "window";
            or over all "survivors" together, which keeps weak classes weak.
        values: scores that histograms and averages are made of: "normalized" as the text says, or
            the foreground "probability".
        assignment: a mask belongs to classes whose foreground it meets by IoU with the whole of
            it ("foreground", literal; of k equal objects none can exceed 1/k, so crowds need
            another), by its own "coverage", or by IoU with the connected "component" prompted.
        min_overlap: masks above it become proposals.
        point_stride: every so many-th cell of rows and columns is prompted, 1 = all. Points are
            what takes most time, and neighbors bring up the same masks.
        max_points: so many scattered cells of the foreground are prompted, which bounds that time
            whatever the picture; 0 = no limit.
        min_mask_score: drop masks whose own score is lower; None as in the paper. 0.88 is what
            SAM's automatic generator asks.
        min_stability: the same for stability; SAM asks 0.95.
        ranking: step D ("io") or the segmenter's own score with step D skipped ("segmenter", the
            paper's Raw).
        bins: B of the histograms.
        histogram_cells: cells of a mask in the "foreground" count, or all of the "mask".
        histogram_divisor: the "counted" cells, so that histograms sum to 1, or all cells of the
            "mask", which keeps its purity.
        histogram_low: where the first bin starts; 0.1 spends no bins below the foreground.
        bandwidth: h of the kernel.
        density_rule: how 0.90 is meant (`dense_enough`): "relative" to the densest mask of the
            class; "absolute", which empties a class of scattered masks, or "absolute-or-best",
            which then leaves it the densest one; or a "quantile".
        min_density: 0.90.
        cluster: the "largest" connected component of dense masks stays, which needs no more than
            the kernel at hand; the one with the largest summed density ("densest"), that of the
            main mode ("mean-shift"), or "all".
        min_kernel: masks with at least this kernel value are connected.
        identity: what f_IO gives to the final score: itself ("density"), or its "share" of the
            densest mask's of the class, which does not fall with the number of a class's objects.
        nms_overlap: IoU of the "mask" or of its "box", which is cheaper and merges thin things.
        nms_iou: masks that overlap a better one more are suppressed.
        semantic_divisor: the semantic score averages over all cells of a "mask", so that impure
            masks fall, or over its "foreground" cells, after which the bound is almost void.
        min_semantic: 0.1.
        drop: what is dropped below it: "masks", or single "cells" before averaging.
        confidence: final score. The paper is silent and ranking across images matters for AP:
            "semantic*identity" (identity is IO, or the segmenter's score in Raw), either alone,
            the "segmenter"'s, "semantic*segmenter", which leaves to step D what stays and not how
            it ranks, or "semantic*identity*class" with the class's probability.
        min_score: objects with a lower final score are left out. 0 as in the paper, whose measure,
            AP, ranks them all; who looks at pictures wants the sure ones.
        across_classes: suppress duplicates of several classes by "semantic" score, or "none", as
            steps C and D speak of single classes.
        min_region: fill holes and remove islands of fewer pixels; 0 leaves masks as they are.
    """

    # A. semantic features
    long_side: int = 512
    windows: tuple[int, ...] = (112, 168, 224)
    stride: float = 0.5
    window_input: Literal["native", "own"] = "native"
    cell: float | None = None
    short_side: Literal["cells", "exact"] = "cells"
    narrow: Literal["stretch", "pad"] = "stretch"
    expansion: Expansion = "constant"
    blend: Blend = "windows"
    scored: Literal["all", "survivors"] = "all"
    # B. in-context class filter
    background: tuple[str, ...] = ("background",)
    min_margin: float = 0.0
    cls: Literal["clip", "method"] = "clip"
    person_wordings: bool = False
    # C. mask proposals
    foreground_rule: ForegroundRule = "background"
    temperature: float = 100.0
    min_probability: float = 0.1
    normalization: Literal["class", "window", "survivors"] = "class"
    values: Literal["normalized", "probability"] = "normalized"
    assignment: Literal["foreground", "coverage", "component"] = "foreground"
    min_overlap: float = 0.2
    point_stride: int = 1
    max_points: int = 0
    min_mask_score: float | None = None
    min_stability: float | None = None
    # D. instance identification
    ranking: Literal["io", "segmenter"] = "io"
    bins: int = 40
    histogram_cells: Literal["foreground", "mask"] = "foreground"
    histogram_divisor: Literal["counted", "mask"] = "counted"
    histogram_low: float = 0.0
    bandwidth: float = 0.5
    density_rule: DensityRule = "relative"
    min_density: float = 0.9
    cluster: Literal["largest", "densest", "mean-shift", "all"] = "largest"
    min_kernel: float = 0.9
    identity: Literal["density", "share"] = "density"
    nms_overlap: Literal["mask", "box"] = "mask"
    nms_iou: float = 0.7
    # E. post-processing
    semantic_divisor: Literal["mask", "foreground"] = "mask"
    min_semantic: float = 0.1
    drop: Literal["masks", "cells"] = "masks"
    confidence: Literal[
        "semantic*identity",
        "semantic",
        "identity",
        "segmenter",
        "semantic*segmenter",
        "semantic*identity*class",
    ] = "semantic*identity"
    min_score: float = 0.0
    across_classes: Literal["none", "semantic"] = "none"
    min_region: int = 0

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        check_ranges(
            self,
            ("long_side", 16, 4096), ("stride", 0.05, 1), ("cell", 1, 512),
            ("min_margin", -2, 2), ("temperature", 0, 10_000), ("min_probability", 0, 1),
            ("min_overlap", 0, 1), ("point_stride", 1, 512), ("max_points", 0, 1_000_000),
            ("bins", 1, 1000), ("histogram_low", 0, 0.99), ("bandwidth", 1e-3, 1000),
            ("min_density", 0, 1), ("min_kernel", 0, 1), ("nms_iou", 0, 1),
            ("min_semantic", 0, 1), ("min_score", 0, 1), ("min_stability", 0, 1),
            ("min_region", 0, 10**9),
        )  # fmt: skip
        if not self.windows or not all(16 <= side <= 4096 for side in self.windows):
            raise UsageError(
                f"Option 'windows' was given {self.windows}; expected sides of 16 to 4096 pixels."
            )
        if not self.background:
            raise UsageError("Option 'background' was given no text; give at least one.")

    @property
    def window_config(self) -> WindowConfig:
        """The part that says how the image is seen through windows."""
        return WindowConfig(
            sizes=self.windows,
            stride=self.stride,
            input=self.window_input,
            cell=self.cell,
            short_side=self.narrow,
            expansion=self.expansion,
            blend=self.blend,
        )


PAPER_READINGS: Mapping[str, object] = {
    "short_side": "exact",
    "blend": "scales",
    "temperature": 1.0,
    "density_rule": "absolute",
    "semantic_divisor": "foreground",
}
VARIANTS: Mapping[str, Mapping[str, object]] = {"recommended": {}, "paper": PAPER_READINGS}


def variant_config(variant: str, options: Mapping[str, object]) -> TidesConfig:
    """The settings of a variant with some fields replaced.

    Raises:
        UnknownNameError: the variant is neither "recommended" nor "paper".
    """
    return override(TidesConfig(), {**look_up("variant", VARIANTS, variant), **options})
