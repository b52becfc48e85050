"""The plot of the threshold sweep."""

from __future__ import annotations

from pathlib import Path

from lexiseg.evaluation.replication_zero_guidance_report import THRESHOLDS, Report
from lexiseg.evaluation.replication_zero_guidance_worker import ROWS
from lexiseg.io.writer import open_output

PLOT = "replication-zero-guidance-threshold.png"


def plot_thresholds(report: Report, folder: Path) -> Path:
    """Write ST IoU by least cosine, one line per row.

    Args:
        report: the measured rows.
        folder: for the picture.

    Returns:
        Path of the PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for row in ROWS:
        axes.plot(THRESHOLDS, report.sweep[row.key], marker=".", label=row.label)
    axes.set_xlabel("least cosine of a segment and a class name")
    axes.set_ylabel("ST IoU (%)")
    axes.legend(frameon=False, fontsize=8)
    with open_output(folder / PLOT, overwrite=True) as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return folder / PLOT
