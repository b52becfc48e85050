"""Histograms as in Figures 3 and 5 of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lexiseg.analysis.tides.bias_table import EVERYTHING, GOOD, Selected
from lexiseg.errors import MissingExtraError
from lexiseg.io.writer import Destination

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 20
FIGURES = {"prompt": "per-prompt.png", "instance": "per-instance.png"}
TITLES = {
    "prompt": "one mask of the {m} candidates of each point",
    "instance": "one mask of all candidates of each object ({n} points)",
}
DARK, PALE, INK = "#2166ac", "#b9c4d0", "#333333"


def draw_figures(
    selected: Mapping[str, Mapping[str, Selected]],
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    files: Destination,
    points: int,
) -> list[Path]:
    """One picture per unit: a row of histograms per group, a column per selection.

    Args:
        selected: unit -> selection -> masks, of `lexiseg.analysis.tides.bias_table.tabulate`.
        names: of the classes.
        groups: of class names; without any there is one row of all classes.
        files: where `FIGURES` go.
        points: n.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: a file cannot be written, or is somebody else's.
    """
    rows = groups or {EVERYTHING: names}
    return [
        _draw(selected[unit], names, rows, files, file, _title(selected, unit, points))
        for unit, file in FIGURES.items()
    ]


def _title(selected: Mapping[str, Mapping[str, Selected]], unit: str, points: int) -> str:
    prompts = len(selected["prompt"]["Best Score"])
    candidates = len(selected["prompt"]["All"]) // max(prompts, 1)
    return TITLES[unit].format(m=candidates, n=points)


def _draw(
    selected: Mapping[str, Selected],
    names: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    files: Destination,
    name: str,
    title: str,
) -> Path:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing histograms", "plots") from error
    size = (2.4 * len(selected), 0.8 + 1.9 * len(groups))
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    figure.suptitle(f"IoU with the true mask; {title}", fontsize=10, color=INK)
    grid = figure.subplots(len(groups), len(selected), sharex=True, sharey="row", squeeze=False)
    for line, (row, (group, own)) in enumerate(zip(grid, groups.items(), strict=True)):
        classes = [names.index(name) for name in own if name in names]
        for axes, (selection, taken) in zip(row, selected.items(), strict=True):
            _histogram(axes, taken.of_classes(classes), selection if line == 0 else "")
        row[0].set_ylabel(f"{group}\n% of masks", fontsize=9, color=INK)
    path = files.folder / name
    with files.open(path) as stream:
        figure.savefig(stream, format="png")
    return path


def _histogram(axes: Axes, taken: Selected, heading: str) -> None:
    """Share of masks per range of IoU; those that count as the object are dark."""
    shares, edges = np.histogram(taken.iou, BINS, (0.0, 1.0))
    percent = 100 * shares / max(len(taken), 1)
    colors = [DARK if left >= GOOD else PALE for left in edges[:-1]]
    axes.bar(edges[:-1], percent, width=0.92 / BINS, align="edge", color=colors)
    good = 100 * float(taken.good.mean()) if len(taken) else float("nan")
    share = f"{good:.0f} % above {GOOD}"
    axes.set_title(f"{heading}\n{share}" if heading else share, fontsize=9, color=INK)
    axes.set_xlim(0, 1)
    axes.tick_params(labelsize=8, color=INK, labelcolor=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
