"""Compare lexiseg with a reference pack: ``python -m benchmarks.parity PACK_DIR``.

A pack is a folder with random weights in the official key layout, inputs, and the outputs of the
official implementation. Every array is rebuilt from the weights and the inputs and printed with
its largest error and tolerance; the exit status is 1 if one is out or was not rebuilt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import (
    parity_car,
    parity_openworldsam,
    parity_oracle,
    parity_tides,
    parity_zero_guidance,
)
from benchmarks.comparison import Comparison

# A pack is recognized by its own files: (is it yours?, rebuild it).
SYSTEMS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Iterable[Comparison]]]] = {
    "car": (parity_car.recognizes, parity_car.rebuild),
    "tides": (parity_tides.recognizes, parity_tides.rebuild),
    "openworldsam": (parity_openworldsam.recognizes, parity_openworldsam.rebuild),
    "oracles": (parity_oracle.recognizes, parity_oracle.rebuild),
    "zero-guidance": (parity_zero_guidance.recognizes, parity_zero_guidance.rebuild),
}


def check(folder: Path) -> bool:
    """Rebuild a pack and print the table.

    Returns:
        Whether every array is within its tolerance.
    """
    system = next((name for name, (mine, _) in SYSTEMS.items() if mine(folder)), None)
    if system is None:
        print(f"{folder} is no pack of {', '.join(SYSTEMS)}", file=sys.stderr)
        return False
    comparisons = list(SYSTEMS[system][1](folder))
    for comparison in comparisons:
        print(comparison.line())
    failed = [comparison.name for comparison in comparisons if not comparison.passed]
    verdict = f"{len(failed)} out: {', '.join(failed)}" if failed else "all within tolerance"
    print(f"{system}: {len(comparisons)} arrays, {verdict}")
    return not failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.parity PACK_DIR")
    sys.exit(0 if check(Path(sys.argv[1])) else 1)
