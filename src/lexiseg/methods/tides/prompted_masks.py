"""Masks that points brought up, kept as bits on cells (step C).

A segmenter's low-resolution masks are pooled to cells while they are decoded: a cell belongs to a
mask that covers more than half of it. Bits of cells are some hundred times smaller than the maps.
The maps of the first points stay as long as they fit into a fixed space; a final mask of another
point is decoded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import RLock
from typing import TypeAlias

import torch
from torch import Tensor

from lexiseg.methods.tides.canvas import Canvas
from lexiseg.ops.mask_quality import stability_score
from lexiseg.ops.windows import cover
from lexiseg.types import Candidates, ImageEmbedding, Mask, PromptableSegmenter

Key: TypeAlias = tuple[int, int]  # flat cell of the prompt, number of the candidate
KEPT_BYTES = 2**28  # of low-resolution maps per image
BITS = 2 ** torch.arange(8, dtype=torch.uint8)


def pack_bits(masks: Tensor) -> Tensor:
    """Bool (N, cells) as uint8 (N, bytes), eight cells to a byte."""
    padded = torch.nn.functional.pad(masks, (0, -masks.shape[1] % 8))
    octets = padded.reshape(len(masks), padded.shape[1] // 8, 8).to(torch.uint8)
    return (octets * BITS.to(masks.device)).sum(dim=2, dtype=torch.uint8)


def unpack_bits(packed: Tensor, cells: int) -> Tensor:
    """The inverse of `pack_bits`."""
    bits = (packed[:, :, None] & BITS.to(packed.device)) != 0
    return bits.reshape(len(packed), packed.shape[1] * 8)[:, :cells]


class PromptedMasks:
    """The segmenter's answers to one image; no point is decoded twice.

    Args:
        segmenter: asked for several candidates per point.
        embedding: of the image.
        canvas: whose cells are points and whose cells masks are pooled to.

    Attributes:
        scores: (P, m) float32, the segmenter's own estimates, in the order of prompting.
        stability: (P, m) float32 in [0, 1].
        decoded: points decoded so far.
    """

    def __init__(
        self, segmenter: PromptableSegmenter, embedding: ImageEmbedding, canvas: Canvas
    ) -> None:
        self._segmenter = segmenter
        self._embedding = embedding
        self._canvas = canvas
        rows, columns = canvas.cells.shape
        self._lock = RLock()  # a scene may be asked by several threads
        self._finished: dict[Key, Mask] = {}
        self._kept: dict[int, Tensor] = {}  # maps (m, h, w) by point
        self._space = KEPT_BYTES
        self._row_of = torch.full((rows * columns,), -1, dtype=torch.long)
        self._packed = torch.empty(0, 0, -(-rows * columns // 8), dtype=torch.uint8)
        self.scores = self.stability = torch.empty(0, 0)

    @property
    def decoded(self) -> int:
        """Points decoded so far."""
        return len(self.scores)

    @property
    def megabytes(self) -> float:
        """Size of the packed masks."""
        return self._packed.numel() / 1e6

    def rows_of(self, points: Tensor) -> Tensor:
        """Make sure that points are decoded.

        Args:
            points: (P,) int64, flat cells.

        Returns:
            (P,) int64, the row of each in `scores` and `unpacked`.
        """
        with self._lock:
            new = points[self._row_of[points] < 0]
            if len(new):
                self._decode(new)
            return self._row_of[points]

    def unpacked(self, rows: Tensor, candidates: Tensor) -> Tensor:
        """Masks (n, cells) bool of candidates (n,) of rows (n,)."""
        return unpack_bits(self._packed[rows, candidates], len(self._row_of))

    def finish(self, keys: Sequence[Key]) -> list[Mask]:
        """Masks at the size of the image; each is made once."""
        with self._lock:
            missing = [key for key in keys if key not in self._finished]
            for key, logits in self._logits(missing):
                large = self._segmenter.full_size(logits, self._embedding) > 0
                self._finished[key] = Mask.from_array(large.cpu().numpy())
            return [self._finished[key] for key in keys]

    @torch.no_grad()
    def _logits(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Tensor]]:
        """Pairs of key and logits (h, w); those that were not kept are decoded again."""
        asked: dict[int, list[int]] = {}
        for point, candidate in keys:
            if point in self._kept:
                yield (point, candidate), self._kept[point][candidate]
            else:
                asked.setdefault(point, []).append(candidate)
        points = list(asked)
        start = 0
        for answer in self._answers(torch.tensor(points)) if points else ():
            for row, point in enumerate(points[start : start + len(answer)]):
                for candidate in asked[point]:
                    yield (point, candidate), answer.logits[row, candidate]
            start += len(answer)

    def _answers(self, points: Tensor) -> Iterator[Candidates]:
        asked = self._canvas.image_points(points)[:, None]
        return self._segmenter.predict_chunks(self._embedding, points=asked)

    @torch.no_grad()
    def _decode(self, points: Tensor) -> None:
        parts, start = [], 0
        for answer in self._answers(points):
            self._keep(points[start : start + len(answer)].tolist(), answer.logits)
            parts.append(self._on_cells(answer))
            start += len(answer)
        packed, scores, stability = (torch.cat(kind).cpu() for kind in zip(*parts, strict=True))
        self._row_of[points] = torch.arange(self.decoded, self.decoded + len(points))
        if self.decoded:
            packed = torch.cat([self._packed, packed])
            scores = torch.cat([self.scores, scores])
            stability = torch.cat([self.stability, stability])
        self._packed, self.scores, self.stability = packed, scores, stability

    def _keep(self, points: Sequence[int], logits: Tensor) -> None:
        """Remember the maps of as many points as there is space for."""
        size = logits[0].numel() * logits.element_size()
        count = min(len(points), self._space // size)
        self._space -= count * size
        # A copy, since a view would hold the whole chunk in memory.
        self._kept.update(zip(points[:count], logits[:count].clone(), strict=True))

    def _on_cells(self, answer: Candidates) -> tuple[Tensor, Tensor, Tensor]:
        prompts, candidates, height, width = answer.logits.shape
        inside = (answer.logits > 0).reshape(-1, height, width).float()
        rows, columns = self._pooling((height, width))
        pooled = rows.to(inside) @ inside @ columns.to(inside).T
        packed = pack_bits((pooled > 0.5).flatten(1)).reshape(prompts, candidates, -1)
        return packed, answer.scores, stability_score(answer.logits)

    def _pooling(self, mask_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Shares of low-resolution pixels in cells, for either axis."""
        frame = self._embedding.frame
        sides = self._canvas.cells_in(frame)
        rows, columns = (
            cover((0,), length, pixels, content, side)
            for length, pixels, content, side in zip(
                frame.frame_hw, mask_hw, frame.content_hw, sides, strict=True
            )
        )
        return rows, columns
