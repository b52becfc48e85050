"""Rebuild an OpenWorldSAM reference pack: networks, answers, training step, rules and metrics.

Nothing but the weights, config.json and the arrays named in `pack.INPUTS` is read; sizes, numbers
of pictures, prompts and queries, thresholds and names follow from them. The second stage begins
with the masks that the pack gives as outcome of the first: on random weights its mask encoder makes
a hundred times as much of the last digits in which two programs differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison import Comparison, compare_all, first_match
from benchmarks.parity_openworldsam.answers import rebuild_answers
from benchmarks.parity_openworldsam.measures import rebuild_metrics, rebuild_preprocessing
from benchmarks.parity_openworldsam.networks import build_networks
from benchmarks.parity_openworldsam.pack import Pack
from benchmarks.parity_openworldsam.rules import rebuild_rules
from benchmarks.parity_openworldsam.step import rebuild_step
from benchmarks.parity_openworldsam.tolerances import GRADIENTS, TOLERANCES, Norm, compare_norms


def recognizes(folder: Path) -> bool:
    """Whether a folder is an OpenWorldSAM pack."""
    settings, weights = folder / "config.json", folder / "weights.safetensors"
    return weights.is_file() and settings.is_file() and "num_tie_breakers" in settings.read_text()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the pack with ours; what we do not make counts as infinitely off."""
    pack = Pack(folder)
    networks = build_networks(pack)
    ours = dict(rebuild_answers(pack, networks))
    ours |= dict(rebuild_step(pack, networks))
    ours |= dict(rebuild_rules(pack))
    ours |= dict(rebuild_preprocessing(pack))
    ours |= dict(rebuild_metrics(pack))
    theirs = {name: pack.expected(name) for name in pack.names}
    by_norm = [name for name in pack.names if name.startswith(GRADIENTS)]
    yield from compare_norms(ours, theirs, by_norm, Norm(1e-2))
    others = [name for name in pack.names if name not in set(by_norm)]
    yield from compare_all(ours.items(), theirs, others, first_match(TOLERANCES))
