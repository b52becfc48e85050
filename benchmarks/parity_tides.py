"""Rebuild a TIDES reference pack: a random CLIP under three scorers, and the steps on masks.

Nothing but the weights, config.json and the arrays named in `INPUTS` is read; sizes, depth, number
of classes and templates follow from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match
from lexiseg.methods.dense.labels import LabelRule, label_pixels
from lexiseg.models.clip import Clip
from lexiseg.ops.foreground import (
    foreground_overlap,
    foreground_probability,
    normalize_scores,
    semantic_scores,
)
from lexiseg.ops.instance_score import (
    HistogramRule,
    dense_enough,
    instance_scores,
    main_cluster,
    score_histograms,
)
from lexiseg.ops.local_outlier import find_outliers
from lexiseg.ops.mask_nms import mask_iou, rank, suppress
from lexiseg.ops.surgery import (
    multi_text_surgery,
    select_points,
    similarity_maps,
    single_text_surgery,
)
from lexiseg.ops.windows import CellGrid, WindowGrid, cell_side, fuse_windows
from lexiseg.scorers.base import ClipScorer
from lexiseg.scorers.clip_surgery import ClipSurgery
from lexiseg.scorers.dense_maps import DenseMaps, WindowConfig
from lexiseg.scorers.plain import PlainClip
from lexiseg.scorers.sc_clip import ScClip
from lexiseg.scorers.sclip import SClip
from lexiseg.scorers.slide import PixelScores, pixel_scores
from lexiseg.scorers.text import embed_names

INPUTS = (
    "image_*", "tokens*", "slide_query_idx", "windows", "window_scores", "masks", "psm_scores",
    "scores", "score_bg", "c*_use",
)  # fmt: skip
EXACT = Tolerance(0.0)
TOKENS = Tolerance(2e-5)
COSINES = Tolerance(2e-6)
TOLERANCES = {
    "image_*": EXACT,
    "tokens*": EXACT,
    "slide_query_idx": EXACT,
    "text_per_prompt": TOKENS,
    "text_features": COSINES,
    "redundant_feature": COSINES,
    "*_map_*": Tolerance(1e-4),
    "*_points_label_*": EXACT,
    "*_points_*": Tolerance(0.0, "set"),
    "*_sim_*": COSINES,
    "*_slide_logits": COSINES,
    "*_slide_pred": Tolerance(1e-3, "pixels"),
    "*_lof_*": Tolerance(1e-5, "relative"),
    "*_outliers_*": EXACT,
    "openai_cls*": TOKENS,
    "*_tokens_*": TOKENS,
    "*_cls_*": TOKENS,
    "*_penultimate_*": TOKENS,
    "windows": EXACT,
    "window_scores": EXACT,
    "masks": EXACT,
    "psm_scores": EXACT,
    "scores": EXACT,
    "score_bg": EXACT,
    "fg_*": EXACT,
    "fused_cells": Tolerance(1e-6),
    "norm_scores": Tolerance(1e-6),
    "prob_*": Tolerance(1e-6),
    "mask_iou": Tolerance(1e-6),
    "c*_hist_*": Tolerance(1e-6),
    "c*_fg_io*": Tolerance(1e-9),
    "c*_io_*": Tolerance(1e-9),
    "c*_sem_*": Tolerance(1e-9),
    "c*": EXACT,
}
DIVISORS: dict[str, Literal["mask", "foreground"]] = {"over_mask": "mask", "over_fg": "foreground"}
HISTOGRAMS = {
    "fg_fg": HistogramRule(),
    "fg_mask": HistogramRule(divisor="mask"),
    "all_mask": HistogramRule(cells="mask", divisor="mask"),
    "fg_fg_lo01": HistogramRule(low=0.1),
}
FOREGROUND = 0.1
TEMPERATURE = 100.0  # of the foreground that the later steps are computed on
FEWEST = 6  # a class with fewer proposals goes on with the ids that the pack gives
Arrays = Iterator[tuple[str, Any]]


def recognizes(folder: Path) -> bool:
    """Whether a folder is a TIDES pack."""
    return all((folder / name).is_file() for name in ("clip_io.npz", "tides_rederived.npz"))


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the pack with ours; what we do not make counts as infinitely off."""
    for part in (ScorerPack(folder), StepPack(folder)):
        with torch.no_grad():
            ours = list(part.rebuild())
        yield from compare_all(ours, part.arrays, part.names, first_match(TOLERANCES))


class PackFile:
    """One file of a pack."""

    def __init__(self, file: Path) -> None:
        self.arrays = np.load(file)
        self.names = list(self.arrays.files)

    def expected(self, name: str) -> NDArray[Any]:
        """An output of the reference; only for the final comparison."""
        array: NDArray[Any] = self.arrays[name]
        return array

    def input(self, name: str) -> Tensor:
        """An array that is given, not to be rebuilt."""
        assert any(fnmatch(name, pattern) for pattern in INPUTS), name
        return torch.from_numpy(self.expected(name))

    def given(self) -> Arrays:
        """Inputs that nothing can be compared with."""
        for name in self.names:
            if any(fnmatch(name, pattern) for pattern in INPUTS):
                yield name, self.expected(name)


class ScorerPack(PackFile):
    """What the official scorers made of a few images."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "clip_io.npz")
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        with np.load(folder / "clip_state_dict_fp16.npz") as state:
            tensors = {name: torch.from_numpy(state[name].astype(np.float32)) for name in state}
        self.clip = Clip.from_state_dict(tensors, self.given_tokens, "cpu", "float32")

    def given_tokens(self, texts: Sequence[str]) -> Tensor:
        """Token ids of the texts ``"array row"``, which stand for a row of a given array."""
        places = (text.split() for text in texts)
        return torch.stack([self.input(name)[int(row)] for name, row in places]).long()

    @cached_property
    def texts(self) -> Tensor:
        """(C, E) unit class features."""
        return self.class_features("tokens", self.expected_shape("text_features")[0])

    @cached_property
    def redundant(self) -> Tensor:
        """(1, E) unit feature of nothing."""
        return self.class_features("tokens_redundant", 1)

    def expected_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an output."""
        return tuple(self.expected(name).shape)

    def class_features(self, array: str, classes: int) -> Tensor:
        """Rows of an array as `classes` names with equally many templates each."""
        per_class = len(self.input(array)) // classes
        rows = [
            embed_names(self.clip, [array], [f"{{}} {c * per_class + t}" for t in range(per_class)])
            for c in range(classes)
        ]
        return torch.cat(rows)

    def rebuild(self) -> Arrays:
        """Every array we can make, by its name in the pack."""
        yield from self.given()
        rows = [f"tokens {row}" for row in range(len(self.input("tokens")))]
        yield "text_per_prompt", self.clip.text_features(rows)
        yield "text_features", self.texts
        yield "redundant_feature", self.redundant
        for name in self.names:
            if name.startswith("image_") and f"cs_tokens_{name[6:]}" in self.names:
                yield from self.surgery(name[6:])
            if name.startswith("image_") and f"sclip_tokens_{name[6:]}" in self.names:
                yield from self.sclip(name[6:])
            if name.startswith("image_") and f"scclip_tokens_{name[6:]}" in self.names:
                yield from self.sc_clip(name[6:])
        yield from self.slide("sclip", SClip(self.clip))
        yield from self.slide("scclip", self.calibrated)

    def pixels(self, key: str) -> Tensor:
        """(B, 3, H, W) float32."""
        return self.input(f"image_{key}").float()

    def grid_hw(self, key: str) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.pixels(key).shape[-2:]
        patch = self.clip.visual.config.patch_size
        return height // patch, width // patch

    def surgery(self, key: str) -> Arrays:
        """CLIP Surgery on one image."""
        scorer = ClipSurgery(self.clip)
        tokens, cls = scorer.tokens(self.pixels(key))
        unit = scorer.to_unit(tokens)
        legacy = ClipSurgery(self.clip, legacy_token_norm=True).to_unit(tokens)
        multi = multi_text_surgery(unit, unit[:, 0], self.texts)
        redundant = single_text_surgery(unit, self.texts, self.redundant)
        yield f"openai_cls_{key}", cls
        yield f"cs_tokens_{key}", tokens
        yield f"cs_sim_multi_{key}", multi
        yield f"cs_sim_redundant_{key}", redundant
        yield (
            f"cs_sim_redundant_oldnorm_{key}",
            single_text_surgery(legacy, self.texts, self.redundant),
        )
        size_hw, grid = tuple(self.config["similarity_map_shape"]), self.grid_hw(key)
        yield f"cs_map_multi_{key}", similarity_maps(multi[:, 1:], grid, size_hw)
        yield f"cs_map_redundant_{key}", similarity_maps(redundant[:, 1:], grid, size_hw)
        points, labels = select_points(multi[0, 1:, 0], grid, size_hw)
        yield f"cs_points_{key}", points
        yield f"cs_points_label_{key}", labels

    def sclip(self, key: str) -> Arrays:
        """SCLIP and plain CLIP on one image."""
        yield f"sclip_tokens_{key}", SClip(self.clip).tokens(self.pixels(key))[0]
        tokens, cls = PlainClip(self.clip).tokens(self.pixels(key))
        yield f"vanilla_tokens_{key}", tokens
        yield f"vanilla_cls_{key}", cls

    @cached_property
    def calibrated(self) -> ScClip:
        """SC-CLIP with the pack's layers."""
        return ScClip(
            self.clip,
            similarity_layer=self.config["scc_pre"],
            gathering_layer=self.config["scc_post"],
            multi_start=self.config["scc_multi_start"],
            multi_end=self.config["scc_multi_end"],
            depth=self.config["vl"],
        )

    def sc_clip(self, key: str) -> Arrays:
        """SC-CLIP on one image."""
        levels = self.calibrated.levels(self.pixels(key))
        factors = self.calibrated.outlier_factors(levels)
        outliers = find_outliers(factors, self.calibrated.config.quantile)
        yield f"scclip_penultimate_{key}", levels.last[0, 1:]
        yield f"scclip_lof_{key}", factors[0]
        yield f"scclip_outliers_{key}", outliers[0].nonzero()[:, 0]
        yield f"scclip_tokens_{key}", self.calibrated.tokens(self.pixels(key))[0][:, 1:]

    def slide(self, name: str, scorer: ClipScorer) -> Arrays:
        """Sliding window and post-processing of a segmentor."""
        scores = self.slide_scores(scorer)
        logits = torch.cat([strip.clone() for _, strip in scores.strips()], dim=1)
        yield f"{name}_slide_logits", logits[None]
        rule = LabelRule(
            logit_scale=float(self.config["logit_scale"]), min_area=self.threshold("area_thd")
        )
        labels = label_pixels(scores, self.input("slide_query_idx").long(), rule)
        shown = labels.probability >= self.threshold("prob_thd")
        yield f"{name}_slide_pred", (labels.classes * shown)[None]

    def threshold(self, name: str) -> float:
        """A threshold of the segmentors; one that is null or not told is not applied."""
        return float(self.config.get(name) or 0)

    def slide_scores(self, scorer: ClipScorer) -> PixelScores:
        """Scores at the original size."""
        image, crop = self.pixels("slide"), int(self.config["slide_crop"])
        canvas_hw = (image.shape[2], image.shape[3])
        grid = WindowGrid.over(canvas_hw, crop, int(self.config["slide_stride"]))
        crops = torch.cat([image[:, :, y0:y1, x0:x1] for x0, y0, x1, y1 in grid.boxes])
        cells = CellGrid(canvas_hw, Fraction(1))
        windows = WindowConfig(sizes=(crop,), input="own", expansion="bilinear")
        maps = DenseMaps(scorer, (scorer.encode(crops),), (grid,), cells, windows)
        height, width = self.config["slide_ori"]
        return pixel_scores(maps, self.texts, (height, width))


class StepPack(PackFile):
    """Steps A and C to E of TIDES on synthetic scores and masks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "tides_rederived.npz")

    def rebuild(self) -> Arrays:
        """Every array we can make, by its name in the pack."""
        yield from self.given()
        yield from self.fusion()
        yield "norm_scores", self.maps(self.normal)
        yield from self.foregrounds()
        yield "mask_iou", mask_iou(self.masks, self.masks)
        for number in range(len(self.scores)):
            yield from self.instances(number)

    def fusion(self) -> Arrays:
        """Step A."""
        windows = self.input("windows")
        scores = self.input("window_scores").double()
        reach = windows[:, :1] + windows[:, 1:]
        canvas_hw = (int(reach[:, 0].max()), int(reach[:, 1].max()))
        sizes = sorted(set(windows[:, 0].tolist()))
        grids = [WindowGrid.over(canvas_hw, size, size // 2) for size in sizes]
        yield "windows", [(x1 - x0, y0, x0) for g in grids for x0, y0, x1, _ in g.boxes]
        side = round(scores.shape[1] ** 0.5)
        square = scores.view(len(scores), side, side, -1)
        parts = torch.split(square, [len(grid) for grid in grids])
        cells = CellGrid(canvas_hw, cell_side(sizes, side))
        yield "fused_cells", fuse_windows(parts, grids, cells)

    @cached_property
    def scores(self) -> Tensor:
        """(C, cells) float64."""
        return self.input("scores").double().flatten(1)

    @cached_property
    def background(self) -> Tensor:
        """(cells,) float64."""
        return self.input("score_bg").double().flatten()

    @cached_property
    def masks(self) -> Tensor:
        """(N, cells) bool."""
        return self.input("masks").flatten(1)

    @cached_property
    def normal(self) -> Tensor:
        """(C, cells) min-max normalized."""
        return normalize_scores(self.scores)

    @cached_property
    def foreground(self) -> Tensor:
        """(C, cells) bool, what steps C to E go on with."""
        shares = foreground_probability(self.scores, self.background, "background", TEMPERATURE)
        return shares > FOREGROUND

    def maps(self, rows: Tensor) -> Tensor:
        """Flat rows as maps."""
        return rows.view(len(rows), *self.input("score_bg").shape)

    def foregrounds(self) -> Arrays:
        """Step C.1 under several rules."""
        yield "fg_minmax", self.maps(self.normal > FOREGROUND)
        for name in self.names:
            if name.startswith("prob_softmax_"):
                key = name.removeprefix("prob_")
                shares = foreground_probability(
                    self.scores, self.background, "background", float(key.removeprefix("softmax_"))
                )
                yield name, self.maps(shares)
                yield f"fg_{key}", self.maps(shares > FOREGROUND)
        raw = foreground_probability(self.scores, self.background, "raw-background", TEMPERATURE)
        yield "fg_softmax_then_minmax", self.maps(raw > FOREGROUND)

    def instances(self, number: int) -> Arrays:
        """Steps C.3 to E of one class."""
        fore, key = self.foreground[number], f"c{number}"
        overlap = foreground_overlap(self.masks, fore[None])
        union = overlap.mask_area + overlap.foreground_area - overlap.shared[:, 0]
        yield f"{key}_fg_iou", overlap.shared[:, 0].double() / union
        yield f"{key}_fg_iom", overlap.shared[:, 0].double() / overlap.mask_area
        proposals = (overlap.iou[:, 0] > 0.2).nonzero()[:, 0]
        yield f"{key}_proposals", proposals
        use = proposals if len(proposals) >= FEWEST else self.input(f"{key}_use")
        yield f"{key}_use", use
        masks, scores = self.masks[use], self.normal[number]
        for rule_name, rule in HISTOGRAMS.items():
            histograms = score_histograms(masks, scores, fore, rule)
            yield f"{key}_hist_{rule_name}", histograms
            yield f"{key}_io_{rule_name}", instance_scores(histograms)
        yield from self.selection(key, use, score_histograms(masks, scores, fore))
        for name, divisor in DIVISORS.items():
            means = semantic_scores(self.masks, scores[None], fore[None], divisor)
            yield f"{key}_sem_{name}", means[:, 0]

    def selection(self, key: str, use: Tensor, histograms: Tensor) -> Arrays:
        """Thresholds, cluster and suppression."""
        density = instance_scores(histograms)
        for rule in ("relative", "absolute", "quantile"):
            yield f"{key}_keep_{rule}", use[dense_enough(density, rule)]
        kept = dense_enough(density)
        yield f"{key}_keep_component", use[kept][main_cluster(histograms[kept], density[kept])]
        confidence = self.input("psm_scores")
        order = use[kept][rank(density[kept], confidence[use[kept]])]
        yield f"{key}_nms_keep", suppress(order, self.overlap)
        yield f"{key}_nms_keep_raw", suppress(use[rank(confidence[use])], self.overlap)

    def overlap(self, first: Tensor, second: Tensor) -> Tensor:
        """IoU of masks by id."""
        return mask_iou(self.masks[first], self.masks[second])
