"""Figures 1 and 4: progress over the years, and how many labels are worth as much."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Any

from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.io.writer import Destination

if TYPE_CHECKING:
    from lexiseg.replication.oracles.report import OraclesPage

FEW_LABELS, PROGRESS = "replication-oracles-labels.png", "replication-oracles-progress.png"
INK, BLUE, RED, GREY = "#333333", "#2166ac", "#b2182b", "#888888"


@dataclass(frozen=True)
class Milestone:
    """A published panoptic quality on ADE20K.

    Args:
        year: with its month as a fraction.
        system: its name.
        quality: PQ in points.
        labels: "other" where ADE20K's labels were not used, "own" where they were.
        source: where the number stands.
        at_hand: whether that was there to be checked; if not, it is quoted.
    """

    year: float
    system: str
    quality: float
    labels: str
    source: str
    at_hand: bool


def milestones() -> tuple[Milestone, ...]:
    """The points of Figure 1, oldest first, with what was published since.

    Example:
        >>> [point.system for point in milestones() if point.quality == 26.8]
        ['FC-CLIP']
    """
    text = (package_files(__package__) / "progress.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    points = (
        Milestone(
            float(row["year"]), row["system"], float(row["pq"]), row["labels"], row["source"],
            row["at_hand"] == "yes",
        )
        for row in rows
    )  # fmt: skip
    return tuple(sorted(points, key=lambda point: point.year))


def plot_progress(files: Destination) -> None:
    """Draw Figure 1 into a folder; needs matplotlib."""
    figure, axes = _axes("year", "PQ on ADE20K")
    for labels, colour in (("other", BLUE), ("own", GREY)):
        chosen = [point for point in milestones() if point.labels == labels]
        axes.plot(
            [point.year for point in chosen], [point.quality for point in chosen], "o",
            color=colour, label="trained without ADE20K" if labels == "other" else "trained on it",
        )  # fmt: skip
        for point in chosen:
            axes.annotate(
                point.system, (point.year, point.quality), xytext=(5, 4),
                textcoords="offset points", color=INK, fontsize=8,
            )  # fmt: skip
    axes.set_ylim(0, 55)
    axes.set_xlim(right=max(point.year for point in milestones()) + 0.6)
    _finish(figure, axes, files, PROGRESS)


def plot_few_labels(page: OraclesPage, files: Destination) -> None:
    """Draw Figure 4 into a folder; needs matplotlib."""
    figure, axes = _axes("labelled pictures of policy B", "PQ")
    for label, curve, colour in (
        ("with CLIP in the ensemble", page.curve(True), BLUE),
        ("decoder alone", page.curve(False), RED),
    ):
        _line(axes, curve, label, colour)
    for (steps, away), style in zip(page.trained_away.items(), ("--", ":"), strict=True):
        label = f"policy A, {steps} steps more"
        axes.axhline(100 * away.value, color=INK, linestyle=style, label=label)
        axes.axhspan(100 * away.low, 100 * away.high, color=INK, alpha=0.06)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    _finish(figure, axes, files, FEW_LABELS)


def _line(axes: Any, curve: Mapping[int, Estimate], label: str, colour: str) -> None:
    places, values = list(curve), [100 * estimate.value for estimate in curve.values()]
    low, high = (
        [100 * getattr(estimate, end) for estimate in curve.values()] for end in ("low", "high")
    )
    axes.plot(places, values, "o-", color=colour, label=label)
    axes.fill_between(places, low, high, color=colour, alpha=0.15)


def _axes(horizontal: str, vertical: str) -> Sequence[Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=120)
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.grid(alpha=0.3)
    return figure, axes


def _finish(figure: Any, axes: Any, files: Destination, name: str) -> None:
    from matplotlib import pyplot

    axes.legend(fontsize=8, loc="best")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    pyplot.close(figure)
    files.bytes(files.folder / name, stream.getvalue())
