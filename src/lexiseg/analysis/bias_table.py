"""The distributions of Figures 3 and 5 and the shares read off them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.io.record_file import Record
from lexiseg.metrics import bootstrap_interval

GOOD = 0.5  # IoU above which a mask counts as the object
EVERYTHING = "all classes"
UNITS = ("prompt", "instance")
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Candidates of one choice, (k,) float64 each: of a prompt m of them, of an instance n * m."""

    iou: Numbers
    inside: Numbers
    score: Numbers
    io: Numbers


# How the candidate of a choice is found; ties of IO scores go to the segmenter's own.
SELECTIONS: Mapping[str, Callable[[Candidates], list[int]]] = {
    "All": lambda choice: list(range(len(choice.iou))),
    "Best Score": lambda choice: [int(choice.score.argmax())],
    "Best IO": lambda choice: [int(np.lexsort((choice.score, choice.io))[-1])],
    "Best IoU": lambda choice: [int(choice.iou.argmax())],
}


@dataclass(frozen=True)
class Selected:
    """Masks that a selection took, from all images.

    Attributes:
        image: (N,) int64, position of the image.
        label: (N,) int64, class index of the object.
        iou: (N,) float64 with the true mask.
        inside: (N,) float64, share of the mask that lies in the true one.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    iou: Numbers
    inside: Numbers

    def __len__(self) -> int:
        return len(self.iou)

    def of_classes(self, classes: Sequence[int]) -> Selected:
        """Those of objects of some classes."""
        chosen = np.isin(self.label, classes)
        return Selected(
            self.image[chosen], self.label[chosen], self.iou[chosen], self.inside[chosen]
        )


@dataclass(frozen=True)
class Row:
    """One line of the table; shares and IoU in [0, 1].

    Attributes:
        group: of classes.
        unit: one choice per "prompt" (Fig. 3) or per "instance" (Fig. 5).
        selection: a key of `SELECTIONS`.
        masks: number of masks taken.
        good: share with IoU above 0.5.
        good_low: lower end of its 95 % bootstrap interval over images.
        good_high: upper end.
        part: share of masks that are not good and lie mostly inside the object.
        beyond: share of masks that are not good and lie mostly outside: groups, background.
        mean_iou: over all masks taken.
    """

    group: str
    unit: str
    selection: str
    masks: int
    good: float
    good_low: float
    good_high: float
    part: float
    beyond: float
    mean_iou: float


def tabulate(
    records: Sequence[Record], names: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[dict[str, dict[str, Selected]], list[Row]]:
    """Select masks in every way and count.

    Args:
        records: of `lexiseg.analysis.psm_bias.judge_image`.
        names: of the classes.
        groups: of class names; empty groups are left out.

    Returns:
        Unit -> selection -> what was selected, and the rows for all classes and every group.
    """
    selected = {unit: {name: _select(records, unit, name) for name in SELECTIONS} for unit in UNITS}
    members = {group: _indices(own, names) for group, own in groups.items()}
    rows = [
        _row(taken.of_classes(classes), group, unit, name, len(records))
        for group, classes in {EVERYTHING: range(len(names)), **members}.items()
        for unit in UNITS
        for name, taken in selected[unit].items()
    ]
    return selected, [row for row in rows if row.masks]


def _indices(own: Sequence[str], names: Sequence[str]) -> list[int]:
    return [names.index(name) for name in own if name in names]


def _select(records: Sequence[Record], unit: str, selection: str) -> Selected:
    taken = [
        (image, item["class"], choice.iou[number], choice.inside[number])
        for image, record in enumerate(records)
        for item in record["objects"]
        for choice in choices(item, unit)
        for number in SELECTIONS[selection](choice)
    ]
    image, label, iou, inside = np.array(taken, dtype=np.float64).reshape(-1, 4).T
    return Selected(image.astype(np.int64), label.astype(np.int64), iou, inside)


def choices(item: Record, unit: str) -> list[Candidates]:
    """The choices at one object: one per point, or a single one among all candidates."""
    tables = {field.name: np.array(item[field.name]) for field in fields(Candidates)}
    if unit == "instance":
        tables = {name: table.reshape(1, -1) for name, table in tables.items()}
    rows = len(next(iter(tables.values())))
    return [
        Candidates(**{name: table[row] for name, table in tables.items()}) for row in range(rows)
    ]


def _row(taken: Selected, group: str, unit: str, selection: str, images: int) -> Row:
    if not len(taken):
        return Row(group, unit, selection, 0, *[float("nan")] * 6)
    good = taken.iou > GOOD
    mostly_inside = taken.inside > GOOD
    hits = np.bincount(taken.image, good, minlength=images)
    counts = np.bincount(taken.image, minlength=images)
    low, high = bootstrap_interval(images, lambda drawn: _share(drawn @ hits, drawn @ counts))
    return Row(
        group,
        unit,
        selection,
        len(taken),
        float(good.mean()),
        low,
        high,
        float((~good & mostly_inside).mean()),
        float((~good & ~mostly_inside).mean()),
        float(taken.iou.mean()),
    )


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Numbers:
    share: Numbers = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return share


def to_csv(rows: Sequence[Row]) -> str:
    """The table as comma-separated values."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: f"{value:.4f}" if isinstance(value, float) else value
                for name, value in asdict(row).items()
            }
        )
    return buffer.getvalue()


def to_markdown(rows: Sequence[Row]) -> str:
    """The table for people, in percent."""
    lines = [
        "| group | unit | mask taken | masks | IoU > 0.5 | 95 % interval | part | beyond | IoU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        shares = [row.good, row.good_low, row.good_high, row.part, row.beyond, row.mean_iou]
        good, low, high, part, beyond, iou = (f"{100 * share:.1f}" for share in shares)
        lines.append(
            f"| {row.group} | {row.unit} | {row.selection} | {row.masks} | {good} | "
            f"{low} to {high} | {part} | {beyond} | {iou} |"
        )
    return "\n".join(lines) + "\n"
