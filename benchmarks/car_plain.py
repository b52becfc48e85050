"""CaR transcribed step by step from the published procedure: no batching, no caching, no algebra.

It serves twice: as the slow, obvious twin that the fast one must equal, and as the yardstick of the
speed benchmark. One query and one template are handled at a time; the image goes through the CAM
tower in every step; Grad-CAM is a backward pass per query that also produces gradients of the
block's weights; the affinity is normalized and squared per query.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.car.config import ORIGAMI, CarConfig
from lexiseg.methods.car.scene import fit_to_patches
from lexiseg.methods.car.visual_prompts import draw_prompts, surroundings
from lexiseg.models.clip import Clip
from lexiseg.ops.affinity import boxes_to_mask, map_boxes
from lexiseg.ops.attention import causal
from lexiseg.ops.stopwatch import Stopwatch

ImageArray = NDArray[np.uint8]
EPS = 1e-15


@dataclass
class PlainCar:
    """The published procedure.

    Attributes:
        proposal: CLIP of the CAM tower.
        classifier: CLIP that judges.
        config: settings; `procedure` says which blocks and templates.
        watch: time by stage: "trunk", "cam", "affinity", "text", "prompts", "classifier".
    """

    proposal: Clip
    classifier: Clip
    config: CarConfig
    watch: Stopwatch = field(default_factory=Stopwatch)

    def run(
        self, image: ImageArray, names: Sequence[str], background: Sequence[str]
    ) -> tuple[list[str], list[float], Tensor]:
        """The recurrence: surviving names, their scores and proposals (K, H, W)."""
        alive, texts, survived = list(names), [self.first(name) for name in names], 0
        while True:
            proposals = self.propose(image, texts, background)
            scores = self.judge(image, alive, proposals)
            keep = [i for i, score in enumerate(scores) if self.passes(score)]
            keep = keep or [int(np.argmax(scores))]
            alive, texts = [alive[i] for i in keep], [ORIGAMI.format(alive[i]) for i in keep]
            proposals, scores = proposals[keep], [scores[i] for i in keep]
            if len(keep) == survived:
                return alive, scores, proposals
            survived = len(keep)

    def first(self, name: str) -> str:
        """A name as the first step words it."""
        return self.config.procedure.first_template.format(name)

    def passes(self, score: float) -> bool:
        """The removal rule."""
        theta = self.config.theta
        return score >= theta if self.config.procedure.keep_equal else score > theta

    def propose(self, image: ImageArray, texts: Sequence[str], background: Sequence[str]) -> Tensor:
        """Proposals (N, H, W), one query after the other."""
        with self.watch("trunk"):
            tokens, attentions, grid = self.trunk(image)
        foreground = torch.cat([self.encode_text(self.proposal, text) for text in texts])
        others = [self.encode_text(self.proposal, ORIGAMI.format(word)) for word in background]
        proposals = []
        for index in range(len(texts)):
            with self.watch("cam"):
                cam, attention = self.grad_cam(tokens, torch.cat([foreground, *others]), index)
                if not cam.any():
                    cam, attention = self.grad_cam(tokens, foreground, index)
            with self.watch("affinity"):
                refined = self.refine(cam, [*attentions, attention], grid)
                soft = refined.view(1, 1, *grid)
                size = image.shape[:2]
                proposals.append(F.interpolate(soft, size, mode="bilinear")[0, 0])
        return torch.stack(proposals)

    def trunk(self, image: ImageArray) -> tuple[Tensor, list[Tensor], tuple[int, int]]:
        """All blocks but the last, with every block's attention averaged over heads."""
        tower = self.proposal.visual
        patch = tower.config.patch_size
        pixels = fit_to_patches(image, patch, self.config.procedure.size_multiple or patch)
        attentions: list[Tensor] = []

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            scores = query @ key.mT * query.shape[-1] ** -0.5
            weights = scores.softmax(-1, dtype=torch.float32)
            attentions.append(weights.mean(1)[0])
            mixed: Tensor = weights.to(value.dtype) @ value
            return mixed

        with torch.no_grad():
            tokens = tower.embed(self.proposal.preprocessing.normalize(pixels))
            tokens = tower.run(tokens, stop=len(tower.blocks) - 1, attention=attend)
        return tokens, attentions, (pixels.shape[0] // patch, pixels.shape[1] // patch)

    def encode_text(self, clip: Clip, text: str) -> Tensor:
        """One text at its full padded length, unit norm, (1, E)."""
        tower = clip.network.text
        with self.watch("text"), torch.no_grad():
            ids = clip.tokenizer([text]).long()
            x = tower.token_embedding(ids) + tower.positional_embedding
            x = tower.transformer.run(x, attention=causal)
            features: Tensor = (
                tower.ln_final(x[0, tower.end_positions(ids)]) @ tower.text_projection
            )
            return F.normalize(features.float(), dim=-1)

    def grad_cam(self, tokens: Tensor, texts: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """One query's map (n,) by a backward pass through the last block, and its attention."""
        tower = self.proposal.visual
        block = copy.deepcopy(tower.blocks[len(tower.blocks) - 1]).requires_grad_(True)
        with torch.enable_grad():
            normed = block.ln_1(tokens)
            normed.retain_grad()
            query, key, value = block.qkv(normed)
            scores = query @ key.mT * query.shape[-1] ** -0.5
            weights = scores.softmax(-1, dtype=torch.float32)
            mixed = (weights.to(value.dtype) @ value).transpose(1, 2).flatten(2)
            x = tokens + block.attn.out_proj(mixed)
            x = x + block.mlp(block.ln_2(x))
            embedding = tower.project(x[:, 1:]).float().mean(1)
            logits = self.proposal.logit_scale * F.normalize(embedding, dim=-1) @ texts.T
            torch.autograd.backward(logits.softmax(-1)[0, index])
        assert normed.grad is not None
        channel = normed.grad[0, 1:].float().mean(0)
        cam = F.relu((channel * normed.detach()[0, 1:].float()).sum(-1))
        cam = cam - cam.min()
        return cam / (cam.max() + EPS), weights.detach().mean(1)[0]

    def refine(self, cam: Tensor, attentions: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """Affinity, squared, times the map inside its boxes; (n,) in [0, 1]."""
        affinity = torch.stack(list(attentions[-8:])).mean(0)[1:, 1:]
        for _ in range(3):
            affinity = affinity / affinity.sum(0, keepdim=True)
            affinity = affinity / affinity.sum(1, keepdim=True)
        affinity = (affinity + affinity.T) / 2
        squared = affinity @ affinity
        level = (cam * 255).to(torch.uint8).numpy().reshape(grid)
        inside = boxes_to_mask(map_boxes(level, self.config.lam), grid)
        refined = (squared * torch.from_numpy(inside).flatten()) @ cam
        refined = refined - refined.min()
        return refined / (refined.max() + EPS)

    def judge(self, image: ImageArray, names: Sequence[str], proposals: Tensor) -> list[float]:
        """Scores of the queries, one template after the other."""
        with self.watch("prompts"):
            pixels = torch.cat([self.prompted(image, soft) for soft in proposals])
        shares = []
        for template in self.config.templates:
            texts = [self.encode_text(self.classifier, template.format(name)) for name in names]
            with self.watch("classifier"), torch.no_grad():
                images = self.encode_images(pixels)
                logits = self.classifier.logit_scale * images @ torch.cat(texts).T
                shares.append(logits.softmax(-1))
        together = torch.stack(shares)
        summed = self.config.procedure.template_scores == "summed" and len(shares) > 1
        scores = together.sum(0).softmax(-1) if summed else together.mean(0)
        result: list[float] = scores.diagonal().tolist()
        return result

    def prompted(self, image: ImageArray, soft: Tensor) -> Tensor:
        """The image prompted with one proposal, as the classifier sees it."""
        drawn = image
        if soft.sum() > 1:
            around = surroundings(image, self.config.prompts)
            mask = (soft > self.config.eta).numpy()
            drawn = draw_prompts(image, around, mask, self.config.prompts)
        return self.classifier.preprocessing.squares([drawn])

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Unit embeddings (N, E) of all prompted images."""
        tower = self.classifier.visual
        depth = len(tower.blocks) - self.config.procedure.classifier_blocks_left_out
        tokens = tower.run(tower.embed(pixels), stop=depth)
        return F.normalize(tower.project(tokens[:, 0]).float(), dim=-1)
