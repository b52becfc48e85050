"""Where the time of one answer goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class Stopwatch:
    """Sums milliseconds by stage; work queued on a GPU counts where it was queued.

    Example:
        >>> watch = Stopwatch()
        >>> with watch("crf"):
        ...     pass
        >>> list(watch.timing_ms)
        ['crf']
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._on_gpu = device is not None and device.type == "cuda"
        self.timing_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time inside the block to a stage."""
        start = perf_counter()
        try:
            yield
        finally:
            if self._on_gpu:
                torch.cuda.synchronize()
            elapsed = 1000 * (perf_counter() - start)
            self.timing_ms[stage] = self.timing_ms.get(stage, 0.0) + elapsed
