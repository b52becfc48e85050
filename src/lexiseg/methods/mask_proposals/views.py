"""From class probabilities of the candidates to regions: panoptic, semantic, single objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import PanopticDivision, ranked_objects, semantic_strips
from lexiseg.types import Instance, Mask


class Views:
    """What is seen of a picture, given what each candidate is.

    Args:
        probabilities: (Q, C + 1), void last.
        masks: of the candidates.
        division: the panoptic map.
        names: C labels.
        is_thing: (C,) bool.
    """

    def __init__(
        self,
        probabilities: Tensor,
        masks: FullSizeMasks,
        division: PanopticDivision,
        names: Sequence[str],
        is_thing: Tensor,
    ) -> None:
        self.probabilities = probabilities
        self.masks = masks
        self.division = division
        self.names = names
        self.is_thing = is_thing

    @property
    def found(self) -> list[int]:
        """Classes with a segment, in ascending order."""
        return sorted({segment.label for segment in self.division.segments})

    def segments(self) -> list[Instance]:
        """The panoptic division; a segment scores as its best candidate does."""
        ids = self.division.ids.cpu().numpy()
        return [
            self._region(
                segment.label,
                float(self.probabilities[list(segment.candidates), segment.label].max()),
                ids == segment.id,
            )
            for segment in self.division.segments
        ]

    def ranked(self, count: int) -> list[Instance]:
        """Single objects, best first; with them the stuff of the panoptic division."""
        objects = ranked_objects(self.probabilities, self.masks, self.is_thing, count)
        masks: dict[int, Mask] = {}
        for candidate in torch.unique(objects.candidates):
            inside = self.masks.full(candidate[None])[0] > 0
            masks[int(candidate)] = Mask.from_array(inside.cpu().numpy())
        triples = zip(objects.candidates, objects.labels, objects.scores, strict=True)
        things = [
            Instance(self.names[int(label)], float(score), masks[int(candidate)])
            for candidate, label, score in triples
            if masks[int(candidate)].area
        ]
        return [*things, *(region for region in self.segments() if not region.is_thing)]

    def every_pixel(self) -> list[Instance]:
        """A name for every pixel, the papers' semantic map."""
        return self._semantic(list(range(len(self.names))), with_void=False)

    def found_pixels(self) -> list[Instance]:
        """The semantic map of names that have a segment, where they are likelier than void."""
        return self._semantic(self.found, with_void=True)

    def _semantic(self, classes: list[int], with_void: bool) -> list[Instance]:
        if not classes:
            return []
        entries = [*classes, len(self.names)] if with_void else classes
        chosen = self.probabilities[:, entries]
        winner = np.empty(self.masks.size_hw, dtype=np.int64)
        for part, scores in semantic_strips(chosen, self.masks):
            winner[part] = scores.argmax(dim=0).cpu().numpy()
        best = self.probabilities.max(dim=0).values.tolist()
        regions = (
            self._region(label, best[label], winner == place) for place, label in enumerate(classes)
        )
        return [region for region in regions if region.mask.area]

    def _region(self, label: int, score: float, pixels: np.ndarray) -> Instance:
        is_thing = bool(self.is_thing[label])
        return Instance(self.names[label], score, Mask.from_array(pixels), is_thing)
