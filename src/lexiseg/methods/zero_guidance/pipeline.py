"""Zero-guidance from a picture to named segments, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.base import BaseScene
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.embeddings import SegmentEmbedder, build_embedder
from lexiseg.methods.zero_guidance.merging import (
    Alike,
    BetterTogether,
    Merged,
    Node,
    PairTest,
    Unions,
    merge_siblings,
    unite_namesakes,
)
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.clip import Clip
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Captioner

ImageArray = NDArray[np.uint8]
Cutter: TypeAlias = Callable[[ImageArray], Segments]


class Parts(Protocol):
    """What names segments."""

    clip: Clip
    captioner: Captioner
    config: ZeroGuidanceConfig


@dataclass(frozen=True, eq=False)
class Scene(BaseScene):
    """An encoded image: candidate segments, and how CLIP sees each.

    Attributes:
        segments: leaves of the cut tree.
        embeddings: (m, E) float32, of the leaves.
        embedder: embeds unions of them.
    """

    segments: Segments
    embeddings: Tensor
    embedder: SegmentEmbedder


def encode_scene(
    image: ImageArray, cut: Cutter, clip: Clip, config: ZeroGuidanceConfig, watch: Stopwatch
) -> Scene:
    """Cut the image into candidates and embed them.

    Args:
        image: (H, W, 3) uint8 RGB.
        cut: the candidates stage.
        clip: sees the segments.
        config: settings.
        watch: told where the time goes.
    """
    with watch("candidates"):
        segments = cut(image)
    with watch("embeddings"):
        embedder = build_embedder(clip, image, segments, config)
        embeddings = embedder.embed([(label,) for label in range(len(segments))])
    return Scene(image, segments, embeddings, embedder)


@torch.no_grad()
def label_scene(scene: Scene, parts: Parts, watch: Stopwatch) -> Merged:
    """Name the candidates and merge those that mean the same.

    Args:
        scene: encoded image.
        parts: CLIP, captioner and settings.
        watch: told where the time goes.
    """
    config = parts.config
    with watch("names"):
        leaves = {node: (label,) for label, node in enumerate(scene.segments.ids)}
        named = name_unions(leaves, scene.embeddings, parts)
    if not config.merge:
        return Merged(tuple(sorted(named, key=lambda node: node.id)), {})

    def describe(unions: Unions) -> list[Node]:
        embeddings = scene.embedder.embed(list(unions.values()))
        return name_unions(unions, embeddings, parts)

    with watch("merging"):
        merged = merge_siblings(named, describe, pair_test(config), config.lone)
        if config.refine is None:
            return merged
        return replace(merged, nodes=unite_namesakes(merged.nodes, describe, config.refine))


def pair_test(config: ZeroGuidanceConfig) -> PairTest:
    """What decides whether siblings merge."""
    if config.merge_rule == "similarity":
        return Alike(config.image_weight, config.min_similarity)
    return BetterTogether(max if config.merge_rule == "score-max" else fmean)


def name_unions(unions: Unions, embeddings: Tensor, parts: Parts) -> list[Node]:
    """Put unions of segments into words.

    Args:
        unions: heap id -> labels.
        embeddings: (K, E) of the unions in their order.
        parts: CLIP, captioner and settings.
    """
    descriptions = parts.captioner.describe(embeddings)
    sentences = [parts.config.template.format(entry.wording) for entry in descriptions]
    texts = parts.clip.text_features(sentences)
    return [
        Node(number, unions[number], image, text, description)
        for number, image, text, description in zip(
            unions, embeddings, texts, descriptions, strict=True
        )
    ]
