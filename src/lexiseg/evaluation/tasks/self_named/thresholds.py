"""How IoU changes with the least cosine that is believed (Tables 6 and 7 of zero-guidance)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lexiseg.datasets import SemanticDataset
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.self_named.scoring import numbers_of
from lexiseg.io.writer import Destination

Curve = Sequence[float]  # IoU in percent at each threshold; NaN where it is not known
PAGE = "thresholds.md"
PLOT = "thresholds.png"


@dataclass(frozen=True)
class Sweep:
    """A way of relabelling and the thresholds that are tried.

    Args:
        key: of the records, "st" or "tt".
        title: of its table.
        axis: what the threshold bounds.
        thresholds: least cosines.
    """

    key: str
    title: str
    axis: str
    thresholds: tuple[float, ...]

    def curve(self, records: Sequence[Record], dataset: SemanticDataset) -> Curve:
        """IoU per image in percent when segments below each threshold stay without a class."""
        return [
            100 * numbers_of(records, dataset, self.key, threshold).value("iou")
            for threshold in self.thresholds
        ]

    def table(self, curves: Mapping[str, Curve]) -> Iterator[str]:
        """Lines of Markdown, a row for each curve."""
        yield f"| setting | {' | '.join(f'{value:.2f}' for value in self.thresholds)} |"
        yield f"|{' --- |' * (len(self.thresholds) + 1)}"
        for label, curve in curves.items():
            cells = ("" if value != value else f"{value:.1f}" for value in curve)
            yield f"| {label} | {' | '.join(cells)} |"


CLIP_SWEEP = Sweep(
    "st",
    "Least cosine for ST (Table 7 of the paper)",
    "least cosine of a segment and a class name",
    tuple(step / 20 for step in range(8)),
)
TEXT_SWEEP = Sweep(
    "tt",
    "Least cosine for TT (Table 6 of the paper)",
    "least cosine of a label and a class name",
    tuple(step / 10 for step in range(11)),
)


def write_sweeps(
    records: Sequence[Record], dataset: SemanticDataset, files: Destination
) -> list[Path]:
    """Write ``thresholds.md`` and, with matplotlib, ``thresholds.png``.

    Args:
        records: of `self_named.scoring.score_image`, all with ``tt`` or none.
        dataset: they are of.
        files: where they go.
    """
    sweeps = [sweep for sweep in (CLIP_SWEEP, TEXT_SWEEP) if sweep.key in records[0]]
    measured = {sweep: {dataset.name: sweep.curve(records, dataset)} for sweep in sweeps}
    lines = ["IoU in percent when segments below the threshold stay without a class."]
    for sweep, curves in measured.items():
        lines += ["", f"## {sweep.title}", "", *sweep.table(curves)]
    paths = [files.text(files.folder / PAGE, "\n".join(lines) + "\n")]
    return [*paths, plot_sweeps(measured, files, PLOT)] if find_spec("matplotlib") else paths


def plot_sweeps(
    measured: Mapping[Sweep, Mapping[str, Curve]], files: Destination, name: str
) -> Path:
    """Draw a panel for each sweep with a line for each of its curves.

    Args:
        measured: sweep -> label -> curve.
        files: where it goes.
        name: of the PNG.

    Returns:
        Its path.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(measured), 3.8), layout="constrained")
    panels = figure.subplots(1, len(measured), squeeze=False)[0]
    for axes, (sweep, curves) in zip(panels, measured.items(), strict=True):
        for label, curve in curves.items():
            axes.plot(sweep.thresholds, curve, marker=".", label=label)
        axes.set_xlabel(sweep.axis)
        axes.set_ylabel(f"{sweep.key.upper()} IoU (%)")
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    path = files.folder / name
    with files.open(path) as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return path
