"""Keeping freed memory."""

from __future__ import annotations

import platform
import subprocess
import sys

COUNT = """
import resource, statistics, sys, torch
from lexiseg.training.engine.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def of_one_step():
    before = faults()
    torch.ones(2**24)
    return faults() - before
for _ in range(4):
    torch.ones(2**24)
print(statistics.median(of_one_step() for _ in range(21)))
"""


def page_faults(mode: str) -> int:
    """Of a tensor of 64 MB, in a process of its own.

    The median of many, one after the other: where the heap happens to be split, a few of them find
    their predecessor's place a little too small.
    """
    command = [sys.executable, "-c", COUNT, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_tensors_of_one_step_serve_the_next() -> None:
    kept, given_back = page_faults("keep"), page_faults("default")
    if platform.libc_ver()[0] == "glibc":
        assert kept < given_back / 10
