"""Settings of zero-guidance segmentation (Rewatbowornwong et al., ICCV 2023).

Where the paper, its appendix and the released code leave a point open or disagree, a field decides
and its line says how. The defaults are the paper's, except where its code must have made its
tables; `VARIANTS` are the two literal readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lexiseg.config import check_ranges, look_up
from lexiseg.errors import UsageError
from lexiseg.ops.crf import CrfConfig
from lexiseg.ops.masked_attention import Saliency


@dataclass(frozen=True)
class ZeroGuidanceConfig:
    """Settings of one run, in the order of the stages.

    Attributes:
        short_side: the picture's shorter side in pixels as DINO sees it. The paper's grid of
            111 x 111 cannot come from its 224 pixels, which give 109 x 109; 228 would do.
        stride: of the patch convolution in pixels; any divisor of the patch size.
        facet: what describes a patch: the last block's "key", as in the paper, "query" or "value".
        max_tokens: patches at most (our bound). A longer picture gets the next larger stride up
            to the patch; if that is not enough either, it is shrunk.
        normalize: bring keys to unit length before clustering; only the code says so.
        linkage: "ward", minimum variance without connectivity, which is what the paper's
            "smallest combined variance" means in the code; "fast", the same on 32 principal
            components; "grid" lets only neighbours join, so that likes apart never meet.
        segments: n, leaves at which the first cut of the tree stops.
        splits: of the tree that are visited: "all" n - 1 of them, or the first "half", n // 2, as
            in the code, whose loop steps over every other one.
        max_sibling_cosine: T, a pair at least as similar is not split. The code's parts name 0.9
            and 0.95; the paper says 0.9.
        use_crf: sharpen the leaves with a dense CRF.
        crf: its parameters; the weights of the paper's code are huge on purpose. The features'
            first authors used 15 and 50 with deviations of 5 and 3 pixels.
        embedding: attention "masked" to the segment inside CLIP, or the baseline: the segment cut
            out on black and its bounding "crop" encoded.
        masked_blocks: last vision blocks with masked attention, blocks 21 to 24 of ViT-L/14.
        sigma_squared: sigma^2 of the subtraction's weight, 2 sigma^2 = 5 as in the code; larger
            subtracts more; None subtracts nothing (plain masked attention).
        saliency: what S compares with and without the mask: attention "rows" as in the code,
            whose tables were published; "outputs" of all heads joined, the paper's formula;
            "head-outputs" one by one; or "projected", after the output projection.
        square: the picture is brought to CLIP's square by "squash", which keeps every pixel, or
            by "pad" with its mean colour, which keeps the aspect.
        merge: join siblings of the tree that are alike.
        merge_rule: siblings are joined by "similarity", as in the paper, or as the code can do it
            too: if the union fits its own words better than the siblings fit theirs, the better
            one of them ("score-max") or their mean ("score-mean").
        image_weight: share of the image cosine in the similarity of siblings; the rest is the
            text cosine. 1 and 0 are the code's rules by image and by text alone.
        min_similarity: siblings at least so similar are merged. The code names the union before
            it tests the pair and throws the name away where the test fails; testing first gives
            the same answer.
        lone: a segment whose sibling lost all its pixels in the CRF can "rise" to their parent's
            place and be compared there, or "block" every merge above. The code mixes ids up in
            this case and the paper is silent.
        refine: text cosine from which any two survivors are united, wherever they are, in a second
            pass that the code has and the paper does not mention (0.95 there); None leaves it out.
        template: sentence around a label when texts are compared.
    """

    # Candidates: DINO keys, tree, cut, refinement
    short_side: int = 224
    stride: int = 2
    facet: Literal["key", "query", "value"] = "key"
    max_tokens: int = 25_000
    normalize: bool = True
    linkage: Literal["ward", "fast", "grid"] = "ward"
    segments: int = 20
    splits: Literal["all", "half"] = "all"
    max_sibling_cosine: float = 0.9
    use_crf: bool = True
    crf: CrfConfig = field(
        default_factory=lambda: CrfConfig(
            iterations=10,
            spatial_sigma=1.0,
            spatial_weight=25.0,
            bilateral_sigma=5.0,
            color_sigma=13.0,
            bilateral_weight=100.0,
            image="rgb",
        )
    )
    # Embeddings: masked attention with global subtraction
    embedding: Literal["masked", "crop"] = "masked"
    masked_blocks: int = 4
    sigma_squared: float | None = 2.5
    saliency: Saliency = "rows"
    square: Literal["squash", "pad"] = "squash"
    # Merging
    merge: bool = True
    merge_rule: Literal["similarity", "score-max", "score-mean"] = "similarity"
    image_weight: float = 0.5
    min_similarity: float = 0.8
    lone: Literal["rise", "block"] = "rise"
    refine: float | None = None
    template: str = "Image of a {}."

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or a template without {}.
        """
        check_ranges(
            self,
            ("short_side", 8, 4096), ("stride", 1, 512), ("max_tokens", 16, 1_000_000),
            ("segments", 1, 10_000), ("max_sibling_cosine", -1, 2), ("masked_blocks", 1, 1000),
            ("sigma_squared", 1e-6, 1e6), ("image_weight", 0, 1), ("min_similarity", -1, 2),
            ("refine", -1, 2),
        )  # fmt: skip
        if "{}" not in self.template:
            raise UsageError("Option 'template' needs {} where the label goes.")

    @property
    def max_splits(self) -> int:
        """Splits of the tree that are visited."""
        return self.segments - 1 if self.splits == "all" else self.segments // 2


@dataclass(frozen=True)
class Variant:
    """A reading of the paper: what differs from the defaults.

    Attributes:
        decoder: name of the captioner; words of a list are quicker and steadier than the paper's
            captions, so they are recommended.
        options: fields of `ZeroGuidanceConfig`.
        zerocap: fields of `ZeroCapConfig`.
    """

    decoder: str
    options: Mapping[str, object] = field(default_factory=dict)
    zerocap: Mapping[str, object] = field(default_factory=dict)


VARIANTS: Mapping[str, Variant] = {
    "recommended": Variant("vocabulary"),
    "paper": Variant("zerocap", {"saliency": "outputs", "splits": "all"}, {"clean_up": "dot"}),
    "released": Variant(
        "zerocap", {"saliency": "rows", "splits": "half"}, {"clean_up": "released"}
    ),
}


def find_variant(name: str) -> Variant:
    """The variant of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("variant", VARIANTS, name)
