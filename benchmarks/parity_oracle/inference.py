"""Rebuild the inference of FC-CLIP and MAFT+ from the arrays of their networks.

The two extra training losses of MAFT+ (``loss_ma``, ``loss_rc``) are no part of an answer and are
left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.methods.mask_proposals import TEMPLATES
from lexiseg.methods.mask_proposals.class_texts import split_wordings
from lexiseg.models.fc_clip import ContentTransfer
from lexiseg.models.fc_clip.transfer import Form, mixed_cells
from lexiseg.models.weights import load_strictly
from lexiseg.ops.class_logits import (
    average_prompts,
    class_logits,
    geometric_ensemble,
    void_probability,
    with_void,
)
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import panoptic_division, ranked_objects, semantic_strips
from lexiseg.ops.mask_pooling import pool_masks, resize_masks
from lexiseg.types import Frame

FILES = ("fcclip_inference", "maft_inference")
INPUTS = (
    *("raw_prompt_text", "void_embedding", "class_embed", "*_logit_scale", "pred_masks"),
    *("clip_vis_dense", "head_*", "image", "*_size", "*__w__*", "loss_*"),
)
EXACT, CLOSE, PIXELS = Tolerance(0.0), Tolerance(1e-5, "scaled"), Tolerance(1e-3, "pixels")
RULES = {
    "*mask_cls_log": Tolerance(1e-4),
    "*panoptic_seg": PIXELS,
    "*sem_seg_argmax": PIXELS,
    "*inst_masks": PIXELS,
    "*inst_classes": EXACT,
    "*inst_mask_area": Tolerance(1e-3, "relative"),
    "*segments": EXACT,
    "num_synonyms": EXACT,
    "category_overlapping_mask": EXACT,
    "prompts": EXACT,
    "*": CLOSE,
}
LARGEST_SCALE = 100.0
Made = Iterator[tuple[str, Any]]


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return all((folder / f"{name}.npz").is_file() for name in FILES)


@torch.no_grad()
def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array and every list of segments."""
    for pack in (FcClipPack(folder), MaftPack(folder)):
        theirs = dict(pack.expected())
        yield from compare_all(pack.made(), theirs, theirs, first_match(RULES))


class InferencePack:
    """What the networks made of a picture, and the official answer."""

    def __init__(self, folder: Path, name: str) -> None:
        self.arrays = read_arrays(folder / f"{name}.npz")
        self.stated: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))

    def given(self, name: str) -> Tensor:
        """An input."""
        assert any(fnmatch(name, pattern) for pattern in INPUTS), name
        return torch.from_numpy(self.arrays[name])

    def expected(self) -> Made:
        """Outputs, with objects in one order and segments as a table."""
        for name, array in self.arrays.items():
            if any(fnmatch(name, pattern) for pattern in INPUTS):
                continue
            if "inst_" not in name:
                yield name, array
        yield "prompts", np.zeros(1)
        for prefix in self.prefixes:
            order = self._order(prefix)
            for part in ("inst_scores", "inst_classes", "inst_mask_area"):
                if f"{prefix}{part}" in self.arrays:
                    yield f"{prefix}{part}", self.arrays[f"{prefix}{part}"][order]
            if self._segments(prefix) is not None:
                yield f"{prefix}segments", self._segments(prefix)

    @property
    def prefixes(self) -> list[str]:
        """Of the variants that have objects."""
        ends = "inst_scores"
        return [name.removesuffix(ends) for name in self.arrays if name.endswith(ends)]

    def _order(self, prefix: str) -> np.ndarray:
        return np.lexsort(
            (self.arrays[f"{prefix}inst_scores"], self.arrays[f"{prefix}inst_classes"])
        )

    def _segments(self, prefix: str) -> np.ndarray | None:
        listed = self.stated["segments_info"]
        if isinstance(listed, dict):
            listed = listed[prefix.removesuffix("__")]
        elif prefix != self.with_segments:
            return None
        rows = [(item["id"], int(item["isthing"]), item["category_id"]) for item in listed]
        return np.array(rows).reshape(-1, 3)

    with_segments = ""  # the variant whose segments are listed, where there is one list

    @cached_property
    def wordings(self) -> list[tuple[str, ...]]:
        """Of each class."""
        return [split_wordings([name]) for name in self.stated["test_names"]]

    @cached_property
    def counts(self) -> list[int]:
        """Wordings per class, and 1 for void."""
        return [*map(len, self.wordings), 1]

    @cached_property
    def texts(self) -> Tensor:
        """(K + 1, E) rows of text features."""
        rows = average_prompts(self.given("raw_prompt_text"), len(TEMPLATES))
        return torch.cat([rows, F.normalize(self.given("void_embedding"), dim=-1)])

    @cached_property
    def is_thing(self) -> Tensor:
        """(C,) bool."""
        things = torch.zeros(len(self.wordings), dtype=torch.bool)
        things[self.stated["thing_contiguous_ids"]] = True
        return things

    @cached_property
    def masks(self) -> FullSizeMasks:
        """Of the candidates."""
        image, content, frame = (
            (int(self.given(f"{name}_size")[0]), int(self.given(f"{name}_size")[1]))
            for name in ("output", "image", "padded")
        )
        return FullSizeMasks(self.given("pred_masks")[0], Frame(image, content, frame))

    def scale(self, name: str) -> float:
        """A learned temperature."""
        return min(float(self.given(f"{name}_logit_scale").exp()), LARGEST_SCALE)

    @cached_property
    def own(self) -> Tensor:
        """(Q, C + 1) logits of the decoder."""
        embeddings = self.given("class_embed")[0]
        return class_logits(embeddings, self.texts, self.counts, self.scale("decoder"))

    @cached_property
    def clip_embed(self) -> Tensor:
        """(1, Q, E) what the stand-in for CLIP's head makes of the masks."""
        dense = self.given("clip_vis_dense")
        return self.embedded(pool_masks(dense, self.given("pred_masks")))

    def embedded(self, features: Tensor) -> Tensor:
        """The stand-in for the visual head, on the last axis."""
        norm = self.given("head_norm_weight"), self.given("head_norm_bias")
        normed = F.layer_norm(features, features.shape[-1:], *norm)
        return normed @ self.given("head_proj_weight").T

    def basics(self) -> Made:
        """What comes before the classes are mixed."""
        prompts = [t.format(w) for own in self.wordings for w in own for t in TEMPLATES]
        yield "prompts", np.array([prompts != self.stated["prompt_order"]], dtype=float)
        yield "text_classifier", self.texts
        yield "num_synonyms", self.counts[:-1]
        yield "in_vocab_logits", self.own[None]
        yield "mask_pooled", pool_masks(self.given("clip_vis_dense"), self.given("pred_masks"))
        yield "clip_embed", self.clip_embed

    def answer(self, prefix: str, log: Tensor, min_score: float, overlap: float, top: int) -> Made:
        """The three views."""
        shares = log.softmax(dim=-1)
        yield f"{prefix}mask_cls_log", log
        division = panoptic_division(shares, self.masks, self.is_thing, min_score, overlap)
        yield f"{prefix}panoptic_seg", division.ids
        rows = [(s.id, int(self.is_thing[s.label]), s.label) for s in division.segments]
        yield f"{prefix}segments", np.array(rows).reshape(-1, 3)
        found = ranked_objects(shares, self.masks, self.is_thing, top)
        order = np.lexsort((found.scores.numpy(), found.labels.numpy()))
        yield f"{prefix}inst_scores", found.scores[order]
        yield f"{prefix}inst_classes", found.labels[order]
        inside = self.masks.full(found.candidates[order]) > 0
        yield f"{prefix}inst_mask_area", inside.sum(dim=(1, 2))

    def semantic(self, log: Tensor) -> Tensor:
        """(C, H, W) class scores."""
        shares = log.softmax(dim=-1)[:, :-1]
        return torch.cat([scores for _, scores in semantic_strips(shares, self.masks)], dim=1)


class FcClipPack(InferencePack):
    """FC-CLIP's inference under several settings."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "fcclip_inference")

    def expected(self) -> Made:
        """Outputs; masks of the first variant are compared pixel by pixel."""
        yield from super().expected()
        order = self._order(self.prefixes[0])
        height, width = self.arrays["output_size"].tolist()
        bits = np.unpackbits(self.arrays["inst_masks_packed"], axis=1)[:, : height * width]
        yield "inst_masks", bits[order]

    def made(self) -> Made:
        """Every array, by its name in the pack."""
        yield from self.basics()
        dense, masks = self.given("clip_vis_dense"), self.given("pred_masks")
        small = resize_masks(masks, (dense.shape[2], dense.shape[3]))
        clip = class_logits(self.clip_embed, self.texts, self.counts, self.scale("clip"))
        trained = {w for name in self.stated["train_names"] for w in split_wordings([name])}
        seen = torch.tensor([not trained.isdisjoint(own) for own in self.wordings])
        yield "mask_for_pooling", small
        yield "mask_pooled_highres", pool_masks(dense, masks)
        yield "out_vocab_logits", clip
        yield "category_overlapping_mask", seen
        yield "mask_pred_fullres_sub3", self.masks.full(torch.arange(len(self.masks)))[:, ::3, ::3]
        valid = (small[0] > 0).flatten(1).any(dim=1)
        for number, (name, settings) in enumerate(self.stated["variants"].items()):
            mixed = geometric_ensemble(
                self.own[:, :-1], clip[0, :, :-1], seen, settings["alpha"], settings["beta"],
                valid if settings["ensemble_on_valid_mask"] else None,
            )  # fmt: skip
            log = with_void(mixed, void_probability(self.own))
            thresholds = settings["object_mask_threshold"], settings["overlap_threshold"]
            answer = dict(self.answer(f"{name}__", log, *thresholds, settings["topk"]))
            yield from answer.items()
            if number == 0:
                scores = self.semantic(log)
                yield "sem_seg_argmax", scores.argmax(dim=0)
                yield "sem_seg_sub4", scores[:, ::4, ::4]
                yield "inst_masks", self._object_masks(log, settings["topk"])

    def _object_masks(self, log: Tensor, top: int) -> np.ndarray:
        found = ranked_objects(log.softmax(dim=-1), self.masks, self.is_thing, top)
        order = np.lexsort((found.scores.numpy(), found.labels.numpy()))
        inside = self.masks.full(found.candidates[order]) > 0
        return inside.flatten(1).numpy().astype(np.uint8)


class MaftPack(InferencePack):
    """MAFT+'s inference with both forms of its transfer."""

    with_segments = "panoptic_cdt__"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "maft_inference")

    def made(self) -> Made:
        """Every array, by its name in the pack."""
        yield from self.basics()
        yield from self._form("panoptic")
        yield from self._form("semantic")

    def _form(self, form: Form) -> Made:
        prefix, stated = f"{form}_cdt__", self.stated
        start = f"{prefix}w__cross_atten."
        state = {k.removeprefix(start): self.given(k) for k in self.arrays if k.startswith(start)}
        transfer = ContentTransfer(self.texts.shape[1], form, int(stated["heads"])).eval()
        load_strictly(transfer, state, "the pack", torch.float32)
        mixed = mixed_cells(self.given("clip_vis_dense")).permute(0, 2, 3, 1)
        cells = self.embedded(mixed).permute(0, 3, 1, 2)
        moved = transfer(self.texts, cells)
        clip = class_logits(self.clip_embed, moved, self.counts, self.scale("clip"))
        log = with_void(clip[0, :, :-1].log_softmax(dim=-1), void_probability(self.own))
        yield f"{prefix}img_feat", cells
        yield f"{prefix}text_after_cdt", moved
        yield f"{prefix}out_logits", clip
        yield f"{prefix}sem_seg_argmax", self.semantic(log).argmax(dim=0)
        thresholds = stated["object_mask_threshold"], stated["overlap_threshold"]
        yield from self.answer(prefix, log, *thresholds, stated["topk"])
