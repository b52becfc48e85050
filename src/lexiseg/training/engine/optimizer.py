"""Optimizers of torch that step together, and the pair that the small networks learn with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import nn

Group = dict[str, object]


class Optimizer:
    """Steps several of torch's optimizers at one learning rate.

    Args:
        parts: with groups of parameters of their own; a group with a "share" steps at so much of
            the rate.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts

    def step(self, rate: float) -> None:
        """Apply and clear the gradients."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group.get("share", 1.0)
            part.step()
            part.zero_grad()

    def state_dict(self) -> dict[str, object]:
        """Everything a later `load_state_dict` needs."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state."""
        for part, own in zip(self.parts, cast(list[Group], state["parts"]), strict=True):
            part.load_state_dict(own)


def decayed(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[Group]:
    """Groups of parameters: what has two axes or more decays; biases, scales and norms do not.

    Args:
        parameters: all that are stepped.
        weight_decay: of those that decay.
    """
    every = list(parameters)
    groups: list[Group] = [
        {"params": [p for p in every if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def muon_and_adamw(
    module: nn.Module, blocks: str = "resblocks", weight_decay: float = 0.05
) -> Optimizer:
    """Muon (Jordan et al. 2024) for the matrices of the blocks, AdamW for everything else.

    Muon's steps are as large as Adam's. In this small setting it needs about half of AdamW's
    pictures.

    Args:
        module: all its trainable parameters are stepped.
        blocks: what the names of the block matrices contain.
        weight_decay: of everything with two axes or more.
    """
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    inner = {name for name, p in named if p.ndim == 2 and blocks in name}
    matrices = [p for name, p in named if name in inner]
    rest = decayed((p for name, p in named if name not in inner), weight_decay)
    parts: list[torch.optim.Optimizer] = []
    if rest:
        parts.append(torch.optim.AdamW(rest, betas=(0.9, 0.98)))
    if matrices:
        size = "match_rms_adamw"
        parts.append(torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn=size))
    return Optimizer(*parts)
