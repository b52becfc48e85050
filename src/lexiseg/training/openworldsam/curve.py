"""The curve of a training for people: a table, a picture, and TensorBoard's files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.io.output_file import write_bytes, write_text
from lexiseg.training.engine.session import CURVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE, PICTURE, BOARD = "curve.csv", "curve.png", "tensorboard"
LOSSES = ("loss", "mask", "presence")
Row = Mapping[str, float]


def draw_curve(folder: Path) -> None:
    """Write what a folder's ``curve.jsonl`` tells as CSV, and as PNG where matplotlib is there."""
    rows = read_curve(folder)
    write_text(folder / TABLE, as_table(rows))
    if find_spec("matplotlib") is not None:
        write_bytes(folder / PICTURE, as_picture(rows))


def read_curve(folder: Path) -> list[Row]:
    """A row per checkpoint: step, seconds and figures."""
    lines = (folder / CURVE).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def as_table(rows: Sequence[Row]) -> str:
    """CSV with a column for every figure that any row has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_picture(rows: Sequence[Row]) -> bytes:
    """PNG: losses above, figures on held-out pictures below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    held_out = dict.fromkeys(name for row in rows for name in row if name.startswith("val_"))
    _lines(above, rows, LOSSES, "loss")
    _lines(below, rows, tuple(held_out), "held-out pictures")
    below.set_xlabel("step")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _lines(axes: Axes, rows: Sequence[Row], names: Sequence[str], title: str) -> None:
    for name in names:
        known = [(row["step"], row[name]) for row in rows if row.get(name)]
        if known:
            axes.plot(*zip(*known, strict=True), marker=".", label=name.removeprefix("val_"))
    axes.set_ylabel(title)
    if axes.lines:
        axes.legend(fontsize=8)


class Board:
    """TensorBoard's files in a folder, with ``lexiseg[tensorboard]``; without it, nothing.

    Args:
        folder: of the run.
        step: where the run goes on; what was written of later steps is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        try:
            import tensorboard  # noqa: F401
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer = None
        else:
            self._writer = SummaryWriter(str(folder / BOARD), purge_step=step + 1)

    def add(self, row: Row) -> None:
        """Write the figures of a row of the curve."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(row["step"]))
        self._writer.flush()
