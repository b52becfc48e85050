"""Several processes that train one network: each its own pictures, all the same gradient."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """This process's place among those that train together; alone by default."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> ProcessGroup:
        """Join the processes that torchrun started; without torchrun, be alone."""
        if "RANK" not in os.environ or not dist.is_available():
            return cls()
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the main process finish a block of code before the others enter it."""
        if self.size > 1 and not self.is_main:
            dist.barrier()
        yield
        if self.size > 1 and self.is_main:
            dist.barrier()

    def maximum(self, value: float) -> float:
        """The largest of all members' values."""
        if self.size == 1:
            return value
        shared = self._tensor(value)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return float(shared)

    def average(self, gradients: Iterable[Tensor | None]) -> None:
        """Replace gradients by their means over the group."""
        present = [gradient for gradient in gradients if gradient is not None]
        if self.size == 1 or not present:
            return
        flat = torch.cat([gradient.flatten() for gradient in present])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [gradient.numel() for gradient in present])
        for gradient, part in zip(present, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    @staticmethod
    def _tensor(value: float) -> Tensor:
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        return torch.tensor(value, device=device, dtype=torch.float64)


ALONE = ProcessGroup()
