"""From candidates with class probabilities to maps and objects, as Mask2Former does it.

Cheng et al. 2022; FC-CLIP and MAFT+ use the same three rules. Probabilities of a candidate are
those of C classes and, last, of having no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lexiseg.ops.foreground import count_cells
from lexiseg.ops.full_size_masks import FullSizeMasks

TINY = 1e-6
Fate = Literal["void", "score", "hidden", "overlap", "kept"]
"""Why a candidate is not in the panoptic map: its best class is no name, its score is too low, it
has no pixel of its own, or too few of them; "kept" if it is."""


@dataclass(frozen=True)
class PanopticSegment:
    """A segment of a panoptic map.

    Attributes:
        id: its value in the map, from 1 on.
        label: its class, from 0 on.
        candidates: whose pixels it has; several where stuff was merged.
    """

    id: int
    label: int
    candidates: tuple[int, ...]


@dataclass(frozen=True)
class PanopticDivision:
    """A picture divided into segments.

    Attributes:
        ids: (H, W) int64; 0 belongs to no segment.
        segments: in the order of their ids.
        fates: what became of each candidate.
    """

    ids: Tensor
    segments: tuple[PanopticSegment, ...]
    fates: tuple[Fate, ...]


@dataclass(frozen=True)
class RankedObjects:
    """Single objects, best first; a candidate can appear under several labels.

    Attributes:
        candidates: (n,) int64.
        labels: (n,) int64.
        scores: (n,) float32, class probability times mean mask probability.
    """

    candidates: Tensor
    labels: Tensor
    scores: Tensor


def semantic_strips(probabilities: Tensor, masks: FullSizeMasks) -> Iterator[tuple[slice, Tensor]]:
    """Class scores (C, rows, W) of consecutive rows: masks weighted by class probabilities.

    Args:
        probabilities: (Q, C), whatever entries shall compete.
        masks: of the candidates.
    """
    classes = probabilities.shape[1]
    for part, logits in masks.strips(depth=classes):
        shares = logits.sigmoid().flatten(1)
        yield part, (probabilities.T.to(shares) @ shares).view(classes, *logits.shape[1:])


def panoptic_division(
    probabilities: Tensor,
    masks: FullSizeMasks,
    is_thing: Tensor,
    min_score: float = 0.0,
    min_overlap: float = 0.8,
) -> PanopticDivision:
    """Give every pixel to the candidate that is surest of it, and drop who loses too much.

    Args:
        probabilities: (Q, C + 1).
        masks: of the candidates.
        is_thing: (C,) bool; candidates of one stuff class are one segment.
        min_score: a candidate's class probability exceeds this.
        min_overlap: least ratio of pixels owned to pixels of the mask.
    """
    scores, labels = probabilities.max(dim=1)
    void = probabilities.shape[1] - 1
    kept = ((labels != void) & (scores > min_score)).nonzero()[:, 0]
    fates: list[Fate] = ["void" if label == void else "score" for label in labels.tolist()]
    owner, inside, owned, whole, final = _ownership(scores[kept], kept, masks)
    table = torch.zeros(len(kept) + 1, dtype=torch.long, device=owner.device)
    segments: dict[int, PanopticSegment] = {}
    merged: dict[int, int] = {}
    for place, candidate in enumerate(kept.tolist()):
        fates[candidate] = _fate(owned[place], whole[place], final[place], min_overlap)
        if fates[candidate] != "kept":
            continue
        label = int(labels[candidate])
        number = len(segments) + 1
        if not is_thing[label]:
            number = merged.setdefault(label, number)
        before = segments[number].candidates if number in segments else ()
        segments[number] = PanopticSegment(number, label, (*before, candidate))
        table[place] = number
    return PanopticDivision(table[owner] * inside, tuple(segments.values()), tuple(fates))


def _ownership(
    scores: Tensor, kept: Tensor, masks: FullSizeMasks
) -> tuple[Tensor, Tensor, list[int], list[int], list[int]]:
    """Who owns each pixel, whether it is in the owner's mask; pixels owned, in the mask, both."""
    count = len(kept)
    owner = torch.full(masks.size_hw, count, dtype=torch.long, device=kept.device)
    inside = torch.zeros(masks.size_hw, dtype=torch.bool, device=kept.device)
    whole = torch.zeros(count, dtype=torch.long, device=kept.device)
    for part, logits in masks.strips(kept) if count else ():
        shares = logits.sigmoid()
        best = (scores[:, None, None] * shares).max(dim=0).indices  # half the time of argmax
        owner[part] = best
        inside[part] = shares.gather(0, best[None])[0] >= 0.5
        whole += count_cells((shares >= 0.5).flatten(1))
    owned, final = (
        pixels.flatten().bincount(minlength=count + 1).tolist() for pixels in (owner, owner[inside])
    )
    return owner, inside, owned, whole.tolist(), final


def _fate(owned: int, whole: int, final: int, min_overlap: float) -> Fate:
    if not (owned and whole and final):
        return "hidden"
    return "overlap" if owned / whole < min_overlap else "kept"


def ranked_objects(
    probabilities: Tensor, masks: FullSizeMasks, is_thing: Tensor, count: int = 100
) -> RankedObjects:
    """The most probable pairs of candidate and class, things only.

    Args:
        probabilities: (Q, C + 1).
        masks: of the candidates; where a logit is positive, the pixel belongs to the object.
        is_thing: (C,) bool. Stuff is left out after the cut, so that fewer can remain.
        count: pairs that are looked at.
    """
    named = probabilities[:, :-1]
    classes = named.shape[1]
    best, places = named.flatten().topk(min(count, named.numel()))
    things = is_thing[places % classes]
    candidates, labels = places[things] // classes, places[things] % classes
    sureness = _mean_inside(masks, torch.unique(candidates))
    order = (best[things] * sureness[candidates]).sort(descending=True, stable=True)
    return RankedObjects(candidates[order.indices], labels[order.indices], order.values)


def _mean_inside(masks: FullSizeMasks, chosen: Tensor) -> Tensor:
    """Mean mask probability (Q,) over each chosen mask's own pixels; 0 for the others."""
    total = torch.zeros(len(masks), device=chosen.device)
    area = torch.zeros(len(masks), device=chosen.device)
    for _, logits in masks.strips(chosen) if len(chosen) else ():
        inside = logits > 0
        total[chosen] += (logits.sigmoid() * inside).sum(dim=(1, 2))
        area[chosen] += inside.sum(dim=(1, 2))
    return total / (area + TINY)
