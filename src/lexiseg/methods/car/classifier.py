"""Mask classifier: does the image, prompted with a mask, show what the query says?

Sun et al. 2024, section 3.3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.car.config import CarConfig, VisualPrompt
from lexiseg.methods.car.proposals import enlarge
from lexiseg.methods.car.scene import Scene
from lexiseg.methods.car.visual_prompts import draw_prompts
from lexiseg.models.clip import Clip
from lexiseg.ops.stopwatch import Stopwatch

ImageArray = NDArray[np.uint8]

IMAGE_BATCH = 16  # prompted images per pass of the tower
CHUNK_ELEMENTS = 2**24  # of the similarities held at a time
LEAST_MASS = 1.0  # a proposal whose pixels sum to no more leaves the image unprompted


class MaskClassifier:
    """Scores of queries for their own prompted images.

    Args:
        clip: the classifier's towers.
        config: eta, templates and the rule that turns similarities into scores.
    """

    def __init__(self, clip: Clip, config: CarConfig) -> None:
        self.clip = clip
        self.config = config

    def __call__(
        self,
        scene: Scene,
        proposals: Tensor,
        prompts: Collection[VisualPrompt],
        queries: Sequence[str],
        rivals: Sequence[str],
        watch: Stopwatch,
    ) -> Tensor:
        """Judge every query by the image prompted with its own proposal.

        Args:
            scene: the encoded image.
            proposals: (N, n) in [0, 1] on the patch grid.
            prompts: which visual prompts to draw.
            queries: N names.
            rivals: further names that compete, without a proposal of their own.
            watch: receives the time of "prompts", "text" and "classifier".

        Returns:
            (N,) float32 scores in [0, 1].
        """
        with watch("text"):
            texts = self.text_embeddings([*queries, *rivals])
        images = self.image_embeddings(self.prompted_images(scene, proposals, prompts), watch)
        with watch("classifier"):
            return self.similarities(images, texts).diagonal()

    def prompted_images(
        self, scene: Scene, proposals: Tensor, prompts: Collection[VisualPrompt]
    ) -> Iterator[ImageArray]:
        """The canvas redrawn for one proposal after the other; few exist at a time."""
        around = scene.surroundings(prompts)
        for chunk in torch.split(proposals, IMAGE_BATCH):
            soft = enlarge(chunk, scene.grid_hw, scene.canvas_hw)
            visible = (soft.sum(dim=(1, 2)) > LEAST_MASS).tolist()
            masks = (soft > self.config.eta).cpu().numpy()
            for mask, drawn in zip(masks, visible, strict=True):
                yield draw_prompts(scene.canvas, around, mask, prompts) if drawn else scene.canvas

    @torch.no_grad()
    def image_embeddings(self, images: Iterator[ImageArray], watch: Stopwatch) -> Tensor:
        """Unit embeddings (N, E) float32 of pictures of any size, seen through CLIP's square."""
        parts: list[Tensor] = []
        while True:
            with watch("prompts"):
                batch = list(islice(images, IMAGE_BATCH))
                if not batch:
                    return torch.cat(parts)
                pixels = self.clip.preprocessing.squares(batch)
            with watch("classifier"):
                parts.append(self.embed(pixels.to(self.clip.device)))

    def embed(self, pixels: Tensor) -> Tensor:
        """Unit embeddings (B, E) float32 of normalized squares (B, 3, size, size)."""
        tower = self.clip.visual
        depth = len(tower.blocks) - self.config.procedure.classifier_blocks_left_out
        tokens = tower.run(tower.embed(pixels, self.config.procedure.positions), stop=depth)
        features: Tensor = tower.project(tokens[:, 0]).float()
        return F.normalize(features, dim=-1)

    def text_embeddings(self, names: Sequence[str]) -> Tensor:
        """Unit embeddings (M, K, E) of K names in each of the M templates."""
        templates = self.config.templates
        texts = [template.replace("{}", name) for template in templates for name in names]
        features = F.normalize(self.clip.text_features(texts), dim=-1)
        return features.view(len(templates), len(names), -1)

    def similarities(self, images: Tensor, texts: Tensor) -> Tensor:
        """How much each prompted image speaks for each name, (N, K).

        Args:
            images: (N, E) unit embeddings.
            texts: (M, K, E) unit embeddings.
        """
        templates, names, _ = texts.shape
        rows = max(1, CHUNK_ELEMENTS // (templates * names))
        summed = self.config.procedure.template_scores == "summed" and templates > 1
        parts = []
        for chunk in torch.split(images, rows):
            logits = self.clip.logit_scale * (chunk @ texts.flatten(0, 1).T)
            shares = logits.view(len(chunk), templates, names).softmax(dim=-1)
            parts.append(shares.sum(1).softmax(-1) if summed else shares.mean(1))
        return torch.cat(parts)
