"""ZeroCap on token ids: shift the context, choose the next token, for many segments at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lexiseg.captioners.beam_search import Beams, fuse, grow_beams, start_beams
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.context_shift import shift_context
from lexiseg.captioners.token_rules import RECENT, TokenRules
from lexiseg.models.gpt2 import Gpt2Network


class CandidateScores(Protocol):
    """How well the texts that candidate tokens lead to go with images."""

    def __call__(self, contexts: Tensor, candidates: Tensor, images: Tensor) -> Tensor:
        """Cosines.

        Args:
            contexts: (rows, L) int64, the tokens so far.
            candidates: (rows, k) int64, each of which may follow.
            images: (rows, D) unit embeddings.

        Returns:
            (rows, k) float32.
        """
        ...


@dataclass(frozen=True)
class Front:
    """Where the search stands: S segments with B beams each, one row for every beam.

    Attributes:
        segments: (S,) int64, their places among all that were asked.
        images: (S, D), unit embeddings.
        contexts: (S * B, L) int64, all tokens so far.
        past: (layers, 2, S * B, heads, L - 1, head_dim), unshifted keys and values of all tokens
            but the last.
        beams: the captions so far; None before the first token, when B is 1.
    """

    segments: Tensor
    images: Tensor
    contexts: Tensor
    past: Tensor
    beams: Beams | None = None

    @property
    def width(self) -> int:
        """B."""
        return len(self.contexts) // len(self.segments)

    def select(self, keep: Tensor) -> Front:
        """The part of some segments, (S,) bool."""
        rows = keep.repeat_interleave(self.width)
        beams = self.beams.select(keep) if self.beams else None
        return Front(
            self.segments[keep],
            self.images[keep],
            self.contexts[rows],
            self.past[:, :, rows],
            beams,
        )


class CaptionSearch:
    """Finds captions as token ids.

    Segments and beams share every pass of the language model; normalization and beam search stay
    within a segment, so each gets the captions it would get alone.

    Args:
        model: the language model.
        scores: compares candidates with images.
        rules: on tokens.
        config: everything else.
    """

    def __init__(
        self,
        model: Gpt2Network,
        scores: CandidateScores,
        rules: TokenRules,
        config: ZeroCapConfig,
    ) -> None:
        self.model = model
        self.scores = scores
        self.rules = rules
        self.config = config

    @torch.no_grad()
    def __call__(self, prompt: Tensor, images: Tensor) -> list[Beams]:
        """Search until every beam has ended or has the largest number of tokens.

        Args:
            prompt: (L,) int64, the tokens before every caption.
            images: (S, D), unit embeddings.

        Returns:
            The beams of each segment by itself.
        """
        found: dict[int, Beams] = {}
        front = self.begin(prompt, images)
        while len(front.segments):
            front = self.advance(front)
            beams = front.beams
            assert beams is not None
            running = ~beams.finished.all(dim=1) & (beams.tokens.shape[2] < self.config.max_tokens)
            for place in (~running).nonzero().flatten().tolist():
                found[int(front.segments[place])] = beams.select(
                    front.segments == front.segments[place]
                )
            front = front if running.all() else front.select(running)
        return [found[segment] for segment in range(len(images))]

    def begin(self, prompt: Tensor, images: Tensor) -> Front:
        """Read the prompt, once for all segments."""
        count = len(images)
        _, keys_values = self.model.extend(prompt[None])
        past = keys_values[..., :-1, :].expand(-1, -1, count, -1, -1, -1)
        segments = torch.arange(count, device=images.device)
        return Front(segments, images, prompt.expand(count, -1), past)

    def advance(self, front: Front) -> Front:
        """Add one token to every beam."""
        logits, keys_values = self.model.extend(front.contexts[:, -1:], front.past)
        mixed = self.next_log_probs(front, logits.log_softmax(-1))
        if front.beams is None:
            beams = start_beams(mixed[:, 0], self.config.beams, self.rules.end)
            parents = torch.zeros_like(beams.lengths)
        else:
            beams, parents = grow_beams(front.beams, mixed, self.rules.end)
        rows = front.width * torch.arange(len(parents), device=parents.device)[:, None] + parents
        contexts = torch.cat((front.contexts[rows.flatten()], beams.tokens[..., -1].view(-1, 1)), 1)
        return Front(
            front.segments, front.images, contexts, keys_values[:, :, rows.flatten()], beams
        )

    def next_log_probs(self, front: Front, before: Tensor) -> Tensor:
        """The distribution that the beam search sees, (S, B, V) log-probabilities.

        Args:
            front: where the search stands.
            before: (S * B, V), log-probabilities of the next token in the unshifted contexts.
        """
        by_beam = (len(front.segments), front.width, -1)
        shifted, plain = self._shifted(front, before).view(by_beam), before.view(by_beam)
        return fuse(shifted, plain, self.config.fusion, self.config.renormalization)

    def _shifted(self, front: Front, before: Tensor) -> Tensor:
        """The same in shifted contexts and under the rules on tokens, (S * B, V).

        Rows of finished beams need none of it, unless they count in a joint normalization.
        """
        if front.beams is None or self.config.renormalization == "joint":
            return self._shifted_rows(front, before, slice(None))
        running = ~front.beams.finished.flatten()
        log_probs = torch.zeros_like(before)
        log_probs[running] = self._shifted_rows(front, before[running], running)
        return log_probs

    def _shifted_rows(self, front: Front, before: Tensor, rows: Tensor | slice) -> Tensor:
        contexts, past = front.contexts[rows], front.past[:, :, rows]
        images = front.images.repeat_interleave(front.width, dim=0)[rows]
        last = contexts[:, -1:]
        shift = shift_context(
            self.model,
            last,
            past,
            before,
            lambda candidates: self.scores(contexts, candidates, images),
            self.config,
        )
        position = 0 if front.beams is None else front.beams.tokens.shape[2]
        logits = self.model.logits(last, past + shift)
        return self.rules(logits, position, contexts[:, -RECENT:]).log_softmax(-1)
