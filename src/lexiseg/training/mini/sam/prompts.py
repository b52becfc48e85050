"""Clicks and boxes on drawn scenes, with every region that each of them may mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ANYWHERE = 0.12  # share of clicks at any pixel; the others find each object equally often
Corner = tuple[int, int]  # row and column, 0 or 1, of one cell of every 2 x 2
JITTER = 0.1  # standard deviation of a box's sides, as a share of its own
MOST_JITTER = 20.0  # pixels


@dataclass(frozen=True)
class Prompted:
    """P prompts on each of B pictures: clicks first, then boxes.

    Attributes:
        points: (B, C, 2) x and y of the clicks in pixels.
        boxes: (B, P - C, 4) left, top, right, bottom in pixels.
        truth: (B, P, 3, s, s) float32, covered share of each cell by the part, object and group.
        valid: (B, P, 3) bool, which of these the prompt may mean; a box means one.
        drawn: (B, P) int64, one of the valid levels.
    """

    points: Tensor
    boxes: Tensor
    truth: Tensor
    valid: Tensor
    drawn: Tensor

    def select(self, number: int) -> Prompted:
        """The prompts of one picture, B = 1."""
        return Prompted(*(part[number : number + 1] for part in vars(self).values()))


def draw_corner(generator: torch.Generator) -> Corner:
    """One of the four cells of a 2 x 2 by chance."""
    number = int(torch.randint(4, (), generator=generator))
    return number // 2, number % 2


def draw_prompts(
    labels: Tensor,
    clicks: int,
    boxes: int,
    cells: int,
    generator: torch.Generator,
    corner: Corner | None = None,
) -> Prompted:
    """Draw prompts for a batch.

    Args:
        labels: (B, 3, S, S) uint8 from `label_levels`.
        clicks: how many per picture.
        boxes: the same.
        cells: of a side of the whole picture.
        generator: of all chance.
        corner: the only cell that the truth is wanted of in every 2 x 2, or None for all.
    """
    size = labels.shape[-1]
    spots = _draw_spots(labels[:, 1], clicks + boxes, generator)
    values = labels.flatten(2).gather(2, spots[:, None].expand(-1, 3, -1)).transpose(1, 2)
    valid = values > 0
    if corner is None:
        truth = _coverage(labels, values, cells)
    else:
        truth = _coverage(_pixels_of(labels, cells, corner), values, cells // 2)
    drawn = _draw_levels(valid, generator)
    only = F.one_hot(drawn, 3).bool()
    valid[:, clicks:] &= only[:, clicks:]
    points = torch.stack([spots % size, spots // size], dim=-1)[:, :clicks].float()
    meant = _regions(labels, values[:, clicks:], drawn[:, clicks:])
    return Prompted(points, _jitter(bounding_boxes(meant), generator), truth, valid, drawn)


def _pixels_of(labels: Tensor, cells: int, corner: Corner) -> Tensor:
    """The pixels of one cell of every 2 x 2: (..., S, S) to (..., S / 2, S / 2)."""
    half, row, column = cells // 2, *corner
    lines = torch.unflatten(labels, -2, (half, 2, -1))[..., row, :, :].flatten(-3, -2)
    return torch.unflatten(lines, -1, (half, 2, -1))[..., column, :].flatten(-2)


def _coverage(labels: Tensor, values: Tensor, cells: int) -> Tensor:
    """Share of each cell that the region of a value covers; zeros for value 0.

    Every pixel is counted once, for all prompts together.

    Args:
        labels: (B, 3, S, S) uint8.
        values: (B, P, 3) uint8, a label of each level.
        cells: s.

    Returns:
        (B, P, 3, s, s) float32.
    """
    size, kinds = labels.shape[-1], int(labels.max()) + 1
    line = torch.arange(size) // (size // cells)
    place = (line[:, None] * cells + line).flatten()
    bins = labels.flatten(2).long() * cells**2 + place
    counts = torch.zeros(*bins.shape[:2], kinds * cells**2)
    counts.scatter_add_(2, bins, torch.ones(()).expand(bins.shape))
    counts = counts.view(*bins.shape[:2], kinds, cells, cells) / (size // cells) ** 2
    picture = torch.arange(len(labels))[:, None, None]
    return counts[picture, torch.arange(3), values.long()] * (values > 0)[..., None, None]


def _regions(labels: Tensor, values: Tensor, drawn: Tensor) -> Tensor:
    """(B, P, S, S) bool: the region of each value at its drawn level; empty for value 0."""
    picture = torch.arange(len(labels))[:, None]
    value = values.gather(2, drawn[..., None])[..., None]
    return (labels[picture, drawn] == value) & (value > 0)


def _draw_spots(objects: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(B, count) flat pixel numbers: each object equally often, and some anywhere."""
    flat = objects.flatten(1).long()
    areas = torch.zeros(len(flat), 256).scatter_add_(1, flat, torch.ones(flat.shape))
    even = (1 / areas.clamp(min=1)).gather(1, flat) * (flat > 0)
    even /= even.sum(dim=1, keepdim=True).clamp(min=1e-9)
    odds = (1 - ANYWHERE) * even + ANYWHERE / flat.shape[1]
    return torch.multinomial(odds, count, replacement=True, generator=generator)


def _draw_levels(valid: Tensor, generator: torch.Generator) -> Tensor:
    """One valid level per prompt; the object's where none is."""
    odds = valid.float() + torch.tensor([0, 1e-6, 0])
    drawn = torch.multinomial(odds.flatten(0, 1), 1, generator=generator)
    return drawn.view(valid.shape[:2])


def bounding_boxes(regions: Tensor) -> Tensor:
    """(..., H, W) bool to (..., 4) left, top, right, bottom in pixels; zeros for empty ones."""
    sides = []
    for axis in (-2, -1):
        line = regions.any(dim=axis).float()
        first, last = line.argmax(dim=-1), line.shape[-1] - 1 - line.flip(-1).argmax(dim=-1)
        sides.append(torch.stack([first, torch.where(line.any(dim=-1), last, first)], dim=-1))
    return torch.stack(sides, dim=-1).flatten(-2).float()


def _jitter(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """Move the sides of boxes a little, as a hand does."""
    sides = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    noise = torch.empty_like(boxes).normal_(generator=generator) * JITTER * sides
    return boxes + noise.clamp(-MOST_JITTER, MOST_JITTER)
