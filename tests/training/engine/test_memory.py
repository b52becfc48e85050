"""Keeping freed memory."""

from __future__ import annotations

import platform
import subprocess
import sys

COUNT = """
import resource, sys, torch
from lexiseg.training.engine.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(4):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> int:
    """Of twenty tensors of 64 MB, one after the other, in a process of its own."""
    command = [sys.executable, "-c", COUNT, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_tensors_of_one_step_serve_the_next() -> None:
    kept, given_back = page_faults("keep"), page_faults("default")
    if platform.libc_ver()[0] == "glibc":
        assert kept < given_back / 10
