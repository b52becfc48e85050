"""ZeroCap transcribed step by step from the published procedure: no batching, no caching.

It serves twice: as the slow, obvious twin that the fast one must equal, and as the yardstick of the
speed benchmark. One segment at a time; within it one beam at a time; contexts are read afresh for
every token; every candidate text goes through all positions of CLIP's text tower, each time again;
tokens are adjusted one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.token_rules import forbidden_tokens
from lexiseg.models.clip import Clip
from lexiseg.models.gpt2 import Gpt2
from lexiseg.ops.attention import causal


@dataclass
class Beam:
    """One caption in the making."""

    tokens: list[int]  # prompt included
    score: float = 0.0
    length: int = 0
    finished: bool = False


@dataclass
class PlainZeroCap:
    """The published procedure.

    Attributes:
        clip: of the segments.
        model: the language model.
        config: settings.
    """

    clip: Clip
    model: Gpt2
    config: ZeroCapConfig

    def captions(self, embedding: Tensor) -> list[tuple[int, ...]]:
        """Token ids of the captions of one embedding (D,), best first."""
        image = F.normalize(embedding.float(), dim=0)
        tokenizer = self.model.tokenizer
        prompt = [tokenizer.start, *tokenizer.encode(self.config.prompt)]
        beams = [Beam(list(prompt))]
        for position in range(self.config.max_tokens):
            found = [self.next_distribution(beam.tokens, image, position) for beam in beams]
            beams = self.grow(beams, self.renormalize(found), position)
            if all(beam.finished for beam in beams):
                break
        beams.sort(key=lambda beam: -beam.score / beam.length)
        return [tuple(beam.tokens[len(prompt) : len(prompt) + beam.length]) for beam in beams]

    def next_distribution(self, tokens: list[int], image: Tensor, position: int) -> Tensor:
        """Fused, not yet normalized probabilities (V,) of the next token of one context."""
        ids = torch.tensor([tokens], device=image.device)
        _, keys_values = self.model.network.extend(ids[:, :-1])
        before = self.model.network.logits(ids[:, -1:], keys_values).softmax(-1)[0]
        shift = torch.zeros_like(keys_values)
        for _ in range(self.config.iterations):
            shift = self.improve(tokens, image, keys_values, shift, before)
        logits = self.model.network.logits(ids[:, -1:], keys_values + shift)[0]
        after = self.adjust(logits.tolist(), tokens, position).to(before).softmax(-1)
        return after**self.config.fusion * before ** (1 - self.config.fusion)

    def improve(
        self, tokens: list[int], image: Tensor, past: Tensor, shift: Tensor, before: Tensor
    ) -> Tensor:
        """One gradient step on the shift of one context."""
        free = shift.clone().requires_grad_()
        last = torch.tensor([tokens[-1:]], device=image.device)
        now = self.model.network.logits(last, past + free).softmax(-1)[0]
        candidates = now.topk(min(self.config.candidates, len(now))).indices
        texts = self.texts(tokens, candidates.tolist())
        cosines = F.normalize(self.encode(texts), dim=-1) @ image
        targets = (cosines / self.config.temperature).softmax(-1)
        clip_loss = -(targets * now[candidates].log()).sum()
        fluency_loss = (now * (now.log() - before.log())).sum()
        loss = self.config.clip_weight * clip_loss + self.config.fluency_weight * fluency_loss
        (gradient,) = torch.autograd.grad(loss, free)
        moved = shift.clone()
        for layer in range(len(moved)):
            for part in range(2):
                slope = gradient[layer, part]
                norm = float(slope.norm()) + 1e-15
                moved[layer, part] -= (
                    self.config.step_size * slope / norm**self.config.norm_exponent
                )
        return moved

    def texts(self, tokens: list[int], candidates: Sequence[int]) -> list[str]:
        """What each candidate would make of the caption."""
        decode = self.model.tokenizer.decode
        return [decode(tokens[1:]) + decode([candidate]) for candidate in candidates]

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Text features (N, E): all positions of every text through the whole tower."""
        tower = self.clip.network.text
        ids = self.clip.tokenizer(list(texts)).to(self.clip.device)
        x = tower.token_embedding(ids) + tower.positional_embedding[: ids.shape[1]]
        x = tower.transformer.run(x, attention=causal)
        ends = x[torch.arange(len(ids)), tower.end_positions(ids)]
        features: Tensor = tower.ln_final(ends) @ tower.text_projection
        return features.float()

    def adjust(self, logits: list[float], tokens: list[int], position: int) -> Tensor:
        """The rules on tokens, one token after the other."""
        config, pieces = self.config, self.model.tokenizer.pieces
        end = pieces.index(".")

        def lower(token: int, factor: float) -> None:
            logits[token] = logits[token] / factor if logits[token] > 0 else logits[token] * factor

        if config.repetition_penalty > 1:
            for token in set(tokens[-4:]):
                lower(token, config.repetition_penalty)
        lower(end, config.start_factor if position == 0 else 1 / config.end_factor)
        for token in forbidden_tokens(pieces):
            lower(token, config.forbidden_factor)
        return torch.tensor(logits)

    def renormalize(self, found: list[Tensor]) -> list[Tensor]:
        """Divide by the sum over all beams, or by each one's own."""
        sums = [float(probabilities.sum()) for probabilities in found]
        total = [sum(sums)] * len(sums) if self.config.renormalization == "joint" else sums
        return [p / divisor for p, divisor in zip(found, total, strict=True)]

    def grow(self, beams: list[Beam], probabilities: list[Tensor], position: int) -> list[Beam]:
        """The best continuations of all beams by mean log-probability."""
        end = self.model.tokenizer.pieces.index(".")
        grown: list[Beam] = []
        for beam, p in zip(beams, probabilities, strict=True):
            if beam.finished:
                grown.append(Beam([*beam.tokens, 0], beam.score, beam.length, True))
                continue
            for token, value in enumerate(p.tolist()):
                score = beam.score + (math.log(value) if value else -math.inf)
                tokens = [*beam.tokens, token]
                grown.append(Beam(tokens, score, beam.length + 1, token == end))
        return sorted(grown, key=lambda beam: -beam.score / beam.length)[: self.config.beams]
