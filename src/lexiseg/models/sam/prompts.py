"""Points, boxes and masks as a prompt encoder of SAM's kind reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.models.sam.modules import Layer, PromptNetwork
from lexiseg.types import Frame


@dataclass(frozen=True)
class Prompts:
    """P prompts of one image; at least one kind is given.

    Args:
        points: (P, k, 2) float32, x and y in image pixels.
        labels: (P, k) int64, 1 inside and 0 outside.
        boxes: (P, 4) float32, left, top, right, bottom in image pixels.
        masks: (P, h, w) float32 logits.
    """

    points: Tensor | None
    labels: Tensor | None
    boxes: Tensor | None
    masks: Tensor | None

    @classmethod
    def parse(cls, points: object, labels: object, boxes: object, masks: object) -> Prompts:
        """Check what a caller gave.

        Raises:
            UsageError: nothing is given, or shapes or labels do not fit.
        """
        if points is None and labels is not None:
            raise UsageError("Labels were given without points; give points of shape (P, k, 2).")
        read_points = _floats("points", points, ("P", "k", 2))
        prompts = cls(
            read_points,
            None if read_points is None else _labels(labels, read_points),
            _floats("boxes", boxes, ("P", 4)),
            _floats("masks", masks, ("P", "h", "w")),
        )
        lengths = {len(tensor) for tensor in prompts._kinds()}
        if len(lengths) != 1:
            raise UsageError(
                "Give points, boxes or masks, the same number of each; got "
                f"{sorted(lengths) or 'none'}."
            )
        return prompts

    def _kinds(self) -> list[Tensor]:
        given = (self.points, self.boxes, self.masks)
        return [tensor for tensor in given if tensor is not None]

    def __len__(self) -> int:
        return len(self._kinds()[0])

    def chunks(self, size: int) -> Iterator[Prompts]:
        """Consecutive pieces of at most `size` prompts."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            fields = {
                name: tensor[part] for name, tensor in vars(self).items() if tensor is not None
            }
            yield replace(self, **fields)


def _floats(kind: str, given: object, shape: tuple[str | int, ...]) -> Tensor | None:
    if given is None:
        return None
    tensor = torch.as_tensor(given).detach().float()
    if tensor.shape == (0,):  # an empty list
        tensor = tensor.new_zeros([side if isinstance(side, int) else 0 for side in shape])
    wanted = "(" + ", ".join(str(side) for side in shape) + ")"
    fits = tensor.ndim == len(shape) and all(
        side == expected
        for side, expected in zip(tensor.shape, shape, strict=True)
        if isinstance(expected, int)
    )
    if not fits:
        raise UsageError(f"{kind} must have shape {wanted}; got {tuple(tensor.shape)}.")
    if not torch.isfinite(tensor).all():
        raise UsageError(f"{kind} must be finite numbers; remove NaN and infinity.")
    return tensor


def _labels(given: object, points: Tensor) -> Tensor:
    if given is None:
        return torch.ones(points.shape[:2], dtype=torch.long)
    labels = torch.as_tensor(given).long()
    if not labels.numel() and not len(points):
        return points.new_zeros(points.shape[:2], dtype=torch.long)
    if labels.shape != points.shape[:2]:
        raise UsageError(
            f"labels must have shape {tuple(points.shape[:2])}, one for each point; got "
            f"{tuple(labels.shape)}."
        )
    if not ((labels == 0) | (labels == 1)).all():
        raise UsageError("Labels must be 1 (inside the object) or 0 (outside).")
    return labels


class PromptEncoder:
    """Turns prompts into tokens with the weights of transformers' prompt encoder.

    It computes in float32 always: in 16 bits a position would be off by several pixels.

    Args:
        network: transformers' prompt encoder module.
        places: encodes the positions of the embedding; None for the module that encodes points,
            which has the same weights in every published checkpoint.
    """

    def __init__(self, network: nn.Module, places: nn.Module | None = None) -> None:
        self.network = cast(PromptNetwork, network.float())
        self.places: Layer = self.network.shared_embedding if places is None else places.float()
        self.mask_hw = tuple(4 * side for side in self.network.image_embedding_size)

    @property
    def no_mask(self) -> Tensor:
        """(C,) what is added to the embedding where no mask is given."""
        return self.network.no_mask_embed.weight[0]

    def position(self) -> Tensor:
        """(1, C, h, w) encoding of the embedding's positions."""
        height, width = self.network.image_embedding_size
        device = self.no_mask.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
        return self.places(grid).permute(2, 0, 1)[None]

    def sparse(self, prompts: Prompts, frame: Frame) -> Tensor:
        """(P, T, C) tokens of points and boxes; T = 0 for masks alone."""
        device = self.no_mask.device
        scale = torch.tensor(frame.scale_xy, device=device)
        points = boxes = labels = None
        if prompts.points is not None and prompts.labels is not None:
            points = (prompts.points.to(device) * scale)[None]
            labels = prompts.labels.to(device)[None]
        if prompts.boxes is not None:
            boxes = (prompts.boxes.to(device) * scale.repeat(2))[None]
        tokens, _ = self.network(points, labels, boxes, None)
        if tokens is None:
            return self.no_mask.new_zeros(len(prompts), 0, len(self.no_mask))
        return tokens[0]

    def dense(self, prompts: Prompts) -> Tensor | None:
        """(P, C, h, w) of mask prompts, which are resized to the low resolution first."""
        if prompts.masks is None:
            return None
        masks = prompts.masks.to(self.no_mask.device)[:, None]
        if masks.shape[-2:] != self.mask_hw:
            masks = nn.functional.interpolate(masks, self.mask_hw, mode="bilinear", antialias=True)
        return self.network.mask_embed(masks)
