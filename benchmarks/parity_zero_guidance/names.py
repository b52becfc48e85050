"""Rebuild the part of a zero-guidance pack that writes captions (ZeroCap)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.captioners.beam_search import Beams
from lexiseg.captioners.caption_search import CaptionSearch, Front
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.context_shift import (
    aims,
    clip_loss,
    fluency_loss,
    shift_context,
)
from lexiseg.captioners.token_rules import TokenRules
from lexiseg.models.gpt2 import Gpt2Network
from lexiseg.models.weights import read_state

FILES = ("zerocap.npz", "gpt2_state.npz")
INPUTS = ("zc_text_table", "zc_prev_table", "zc_image_feature", "zc_forbidden", "zc_b*_context")
EXACT = Tolerance(0.0)
TOLERANCES = {
    "*_logits_before": Tolerance(1e-4),
    "*_past": Tolerance(1e-4),
    "*_clip_loss": Tolerance(1e-4, "relative"),
    "*_ce_loss": Tolerance(1e-4),  # nothing but rounding, so its own size is no measure
    "*_clip_loss_it1": Tolerance(1e-4, "relative"),
    "*_clip_loss_it*": Tolerance(1e-3, "relative"),
    "*_delta_it1*": Tolerance(1e-5),
    "*_delta_it*": Tolerance(1e-4),
    "*_logits_it1": Tolerance(1e-4),
    "*_logits_it*": Tolerance(5e-4),
    "*_next_probs": Tolerance(2e-3, "relative"),
    "zc_gen_*": EXACT,
}
UNUSED = -1  # fills rows of `.._ordered`


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return all((folder / name).is_file() for name in FILES)


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the part with ours; what we do not make counts as infinitely off."""
    pack = CaptionPack(folder)
    inputs = {name for name in pack.arrays if any(fnmatch(name, given) for given in INPUTS)}
    names = set(pack.arrays) - inputs
    yield from compare_all(pack.rebuild(), pack.arrays, names, first_match(TOLERANCES))


class CaptionPack:
    """A random GPT-2, and a table that stands in for CLIP's text features."""

    def __init__(self, folder: Path) -> None:
        self.arrays = read_arrays(folder / "zerocap.npz")
        self.tensors = {name: torch.from_numpy(array) for name, array in self.arrays.items()}
        self.contexts = [name for name in self.arrays if fnmatch(name, "zc_b*_context")]
        heads = self.arrays[self.contexts[0].replace("context", "past")].shape[3]
        self.state = read_state(folder / "gpt2_state.npz")
        self.model = Gpt2Network.from_state_dict(self.state, heads=heads)
        self.heads = heads

    def rebuild(self) -> Iterator[tuple[str, Any]]:
        """Every array we can make, by its name in the pack."""
        for name in self.contexts:
            yield from self._steps(name.removesuffix("_context"))
        for name in self.arrays:
            if fnmatch(name, "zc_gen_beam*_tokens"):
                yield from self._captions(name.removesuffix("_tokens"))

    def scores(self, contexts: Tensor, candidates: Tensor, images: Tensor) -> Tensor:
        """Cosines by the pack's rule: the last two tokens make a text's feature."""
        words = self.tensors["zc_text_table"][candidates]
        features = F.normalize(words + self.tensors["zc_prev_table"][contexts[:, -1:]], dim=-1)
        return (features.to(images) @ images[..., None])[..., 0]

    def search(self, end: int, **options: Any) -> CaptionSearch:
        """The search with the pack's tokens and an end token."""
        config = replace(ZeroCapConfig(), **options)
        forbidden = self.arrays["zc_forbidden"].tolist()
        rules = TokenRules(end, forbidden, self.model.vocabulary, config)
        return CaptionSearch(self.model, self.scores, rules, config)

    @cached_property
    def end(self) -> int:
        """The token that ends captions, which is in no file."""
        ordered = [self.arrays[name] for name in self.arrays if fnmatch(name, "*_ordered")]
        padded = [row for rows in ordered for row in rows if UNUSED in row]
        if padded:
            return int(padded[0][padded[0] != UNUSED][-1])
        return self._strayed_token()

    def _strayed_token(self) -> int:
        """The token whose probability differs most from what it is without a rule for the end."""
        contexts = self.tensors["zc_b1_context"]
        logits, keys_values = self.model.extend(contexts)
        ours = self._next_probabilities(
            self.search(0, start_factor=1.0), contexts, keys_values[..., :-1, :], logits
        )
        strayed = (self.tensors["zc_b1_next_probs"].log() - ours.log())[0]
        return int((strayed - strayed.median()).abs().argmax())

    def _steps(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """One token step of each context."""
        contexts = self.tensors[f"{prefix}_context"]
        images = self.tensors["zc_image_feature"].expand(len(contexts), -1)
        logits, keys_values = self.model.extend(contexts)
        past, before = keys_values[..., :-1, :], logits.log_softmax(-1)
        yield f"{prefix}_logits_before", logits
        yield f"{prefix}_past", past
        compare = partial(self.scores, contexts, images=images)
        for iterations in sorted({0, *self._iterations(prefix)}):
            config = replace(ZeroCapConfig(), iterations=iterations)
            shift = shift_context(self.model, contexts[:, -1:], past, before, compare, config)
            shifted = self.model.logits(contexts[:, -1:], past + shift)
            now = shifted.log_softmax(-1)
            suffix = f"_it{iterations}" if iterations else ""
            yield f"{prefix}_delta{suffix}", shift
            yield f"{prefix}_logits{suffix}", shifted
            yield f"{prefix}_clip_loss{suffix}", clip_loss(now, *aims(now, compare, config))
            if not iterations:
                yield f"{prefix}_ce_loss", config.fluency_weight * fluency_loss(now, before)
        search = self.search(self.end)
        yield f"{prefix}_next_probs", self._next_probabilities(search, contexts, past, logits)
        if f"{prefix}_delta_it1_f64" in self.arrays:
            yield f"{prefix}_delta_it1_f64", self._first_step_exactly(contexts, images)

    def _iterations(self, prefix: str) -> list[int]:
        starts = f"{prefix}_logits_it"
        return [int(name.removeprefix(starts)) for name in self.arrays if name.startswith(starts)]

    def _first_step_exactly(self, contexts: Tensor, images: Tensor) -> Tensor:
        """The first step in float64."""
        twin = Gpt2Network.from_state_dict(self.state, heads=self.heads, dtype=torch.float64)
        logits, keys_values = twin.extend(contexts)
        compare = partial(self.scores, contexts, images=images.double())
        return shift_context(
            twin,
            contexts[:, -1:],
            keys_values[..., :-1, :],
            logits.log_softmax(-1),
            compare,
            replace(ZeroCapConfig(), iterations=1),
        )

    def _next_probabilities(
        self, search: CaptionSearch, contexts: Tensor, past: Tensor, logits: Tensor
    ) -> Tensor:
        """The whole distribution, joint over the beams of one segment."""
        image = self.tensors["zc_image_feature"]
        width = len(contexts)
        written = contexts[None, :, contexts.shape[1] - (width > 1) :]  # several: one new token
        beams = Beams(
            written,
            torch.zeros(1, width),
            torch.ones(1, width, dtype=torch.long),
            torch.zeros(1, width, dtype=torch.bool),
        )
        front = Front(torch.zeros(1).long(), image, contexts, past, beams if width > 1 else None)
        with torch.no_grad():
            return search.next_log_probs(front, logits.log_softmax(-1))[0].exp()

    def _captions(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """Whole captions, by beams and by rank."""
        context = self.tensors["zc_b1_context"][0]
        width, length = self.arrays[f"{prefix}_tokens"].shape
        search = self.search(self.end, beams=width, max_tokens=length - len(context))
        (beams,) = search(context, self.tensors["zc_image_feature"])
        prompt = context.expand(width, -1)
        yield f"{prefix}_tokens", torch.cat((prompt, beams.tokens[0]), dim=1)
        ordered = np.full_like(self.arrays[f"{prefix}_ordered"], UNUSED)
        for row, caption in zip(ordered, beams.captions()[0], strict=True):
            row[: len(caption)] = caption
        yield f"{prefix}_ordered", ordered
