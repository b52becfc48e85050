"""Memory of one step is kept for the next one."""

from __future__ import annotations

import ctypes
import platform

# Parameters of glibc's mallopt(3).
TRIM_THRESHOLD, MMAP_MAX = -1, -4
MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory instead of giving it back to the system.

    Every step frees and asks for the same large tensors. Given back, each of their pages is
    mapped and cleared anew, which is a noticeable part of a small network's step on a processor.
    The process holds its peak from then on: good for a program that trains, not for a library call.

    Returns:
        Whether the allocator took it; others than glibc are left alone.

    Example:
        >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    options = ctypes.CDLL(None).mallopt
    return all(options(name, value) for name, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, MOST)))
