"""Muon for the matrices of the blocks, AdamW for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
# Coefficients of the odd quintic whose iterates push all singular values towards one.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalize(matrix: Tensor) -> Tensor:
    """Replace the singular values of a matrix by values near one (Newton-Schulz iteration)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Optimizer:
    """Steps all parameters of a module at one learning rate.

    Block matrices follow Muon (Jordan et al. 2024): the momentum, orthogonalised and scaled to the
    size of an Adam step. In this small setting it needs about half of AdamW's pictures.

    Args:
        module: all its trainable parameters are stepped.
        weight_decay: of everything with two axes or more.
        dtype: of the iteration, which forgives low precision.
        blocks: what the names of the block matrices contain.
    """

    def __init__(
        self,
        module: nn.Module,
        weight_decay: float = 0.05,
        dtype: torch.dtype = torch.float32,
        blocks: str = "resblocks",
    ) -> None:
        named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        self.matrices = {n: p for n, p in named if p.ndim == 2 and blocks in n}
        self.momenta = {n: torch.zeros_like(p) for n, p in self.matrices.items()}
        rest = [p for n, p in named if n not in self.matrices]
        plain = [p for p in rest if p.ndim < 2]
        groups = [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.adam = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self.weight_decay = weight_decay
        self.dtype = dtype

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Apply and clear the gradients."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.adam.zero_grad()
        for name, matrix in self.matrices.items():
            if matrix.grad is not None:
                self._step_matrix(name, matrix, matrix.grad, rate)
                matrix.grad = None

    def _step_matrix(self, name: str, matrix: Tensor, gradient: Tensor, rate: float) -> None:
        momentum = self.momenta[name].mul_(MOMENTUM).add_(gradient)
        blend = gradient + MOMENTUM * momentum
        direction = orthogonalize(blend.to(self.dtype)).to(matrix.dtype)
        size = 0.2 * max(matrix.shape) ** 0.5  # root mean square of a typical Adam step
        matrix.mul_(1 - rate * self.weight_decay).add_(direction, alpha=-rate * size)

    def state_dict(self) -> dict[str, Any]:
        """Everything a later `load_state_dict` needs."""
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.adam.load_state_dict(state["adam"])
        for name, momentum in state["momenta"].items():
            self.momenta[name].copy_(momentum)
