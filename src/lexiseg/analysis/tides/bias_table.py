"""The distributions of Figures 3 and 5 and the shares read off them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.io.record_file import Record
from lexiseg.metrics import bootstrap_interval

GOOD = 0.5  # IoU above which a mask counts as the object
EVERYTHING = "all classes"
UNITS = ("prompt", "instance")
SCORE_OF_PROPOSALS = "Best Score of proposals"
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectCandidates:
    """Candidates of one choice, (k,) float64 each: of a prompt m of them, of an instance n * m."""

    iou: Numbers
    inside: Numbers
    score: Numbers
    io: Numbers

    @property
    def proposals(self) -> ObjectCandidates:
        """Those that step D sees."""
        chosen = self.io > 0
        return ObjectCandidates(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Selection:
    """A way to choose among candidates.

    Attributes:
        take: candidates -> positions of those taken.
        proposals: choose only among candidates that step C makes proposals, whose IO score is not
            0; where there are none, nothing is taken.
        reference: name of the selection that its gain is measured against.
    """

    take: Callable[[ObjectCandidates], list[int]]
    proposals: bool = False
    reference: str = "Best Score"


def _best_score(choice: ObjectCandidates) -> list[int]:
    return [int(choice.score.argmax())]


def _best_io(choice: ObjectCandidates) -> list[int]:
    """Ties go to the segmenter's own score."""
    return [int(np.lexsort((choice.score, choice.io))[-1])]


SELECTIONS: Mapping[str, Selection] = {
    "All": Selection(lambda choice: list(range(len(choice.iou)))),
    "Best Score": Selection(_best_score),
    SCORE_OF_PROPOSALS: Selection(_best_score, True, SCORE_OF_PROPOSALS),
    "Best IO": Selection(_best_io, True, SCORE_OF_PROPOSALS),
    "Best IoU": Selection(lambda choice: [int(choice.iou.argmax())]),
}


@dataclass(frozen=True)
class Selected:
    """Masks that a selection took, from all images.

    Attributes:
        image: (N,) int64, position of the image.
        label: (N,) int64, class index of the object.
        iou: (N,) float64 with the true mask.
        inside: (N,) float64, share of the mask that lies in the true one.
        best: (N,) float64, the largest IoU there was to choose.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    iou: Numbers
    inside: Numbers
    best: Numbers

    def __len__(self) -> int:
        return len(self.iou)

    def of_classes(self, classes: Sequence[int]) -> Selected:
        """Those of objects of some classes."""
        chosen = np.isin(self.label, classes)
        return Selected(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def good(self) -> NDArray[np.bool_]:
        """(N,) bool, the mask counts as the object."""
        return self.iou > GOOD


@dataclass(frozen=True)
class BiasRow:
    """One line of the table; shares and IoU in [0, 1].

    Attributes:
        group: of classes.
        unit: one choice per "prompt" (Fig. 3) or per "instance" (Fig. 5).
        selection: a key of `SELECTIONS`.
        masks: number of masks taken.
        good: share with IoU above 0.5.
        good_low: lower end of its 95 % bootstrap interval over images.
        good_high: upper end.
        gain: `good` minus that of the selection's reference.
        gain_low: lower end of its interval, over the same images.
        gain_high: upper end.
        part: share of masks that lie mostly inside the object and are not good, although a good
            one could have been chosen.
        beyond: the same for masks that lie mostly outside: groups and background.
        hopeless: share of masks of choices without any good one.
        mean_iou: over all masks taken.
    """

    group: str
    unit: str
    selection: str
    masks: int
    good: float
    good_low: float
    good_high: float
    gain: float
    gain_low: float
    gain_high: float
    part: float
    beyond: float
    hopeless: float
    mean_iou: float


def tabulate(
    records: Sequence[Record], names: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[dict[str, dict[str, Selected]], list[BiasRow]]:
    """Select masks in every way and count.

    Args:
        records: of `lexiseg.analysis.tides.psm_bias.judge_image`.
        names: of the classes.
        groups: of class names; empty groups are left out.

    Returns:
        Unit -> selection -> what was selected, and the rows for all classes and every group.
    """
    selected = {unit: {name: _select(records, unit, name) for name in SELECTIONS} for unit in UNITS}
    members = {group: _indices(own, names) for group, own in groups.items()}
    rows = [
        row
        for group, classes in {EVERYTHING: range(len(names)), **members}.items()
        for unit in UNITS
        for row in _rows(selected[unit], classes, (group, unit), len(records))
    ]
    return selected, rows


def _indices(own: Sequence[str], names: Sequence[str]) -> list[int]:
    return [names.index(name) for name in own if name in names]


def _select(records: Sequence[Record], unit: str, selection: str) -> Selected:
    taken = [
        (image, item["class"], choice.iou[number], choice.inside[number], choice.iou.max())
        for image, record in enumerate(records)
        for item in record["objects"]
        for choice in _candidates(item, unit, SELECTIONS[selection])
        for number in SELECTIONS[selection].take(choice)
    ]
    image, label, iou, inside, best = np.array(taken, dtype=np.float64).reshape(-1, 5).T
    return Selected(image.astype(np.int64), label.astype(np.int64), iou, inside, best)


def _candidates(item: Record, unit: str, selection: Selection) -> list[ObjectCandidates]:
    """The choices at one object, of proposals alone where that is what is chosen from."""
    every = choices(item, unit)
    if not selection.proposals:
        return every
    return [choice.proposals for choice in every if choice.io.any()]


def choices(item: Record, unit: str) -> list[ObjectCandidates]:
    """The choices at one object: one per point, or a single one among all candidates."""
    tables = {field.name: np.array(item[field.name]) for field in fields(ObjectCandidates)}
    if unit == "instance":
        tables = {name: table.reshape(1, -1) for name, table in tables.items()}
    rows = len(next(iter(tables.values())))
    return [
        ObjectCandidates(**{name: table[row] for name, table in tables.items()})
        for row in range(rows)
    ]


def _rows(
    selected: Mapping[str, Selected], classes: Sequence[int], of: tuple[str, str], images: int
) -> list[BiasRow]:
    """A row per selection for objects of some classes; none if there are no such objects."""
    own = {name: taken.of_classes(classes) for name, taken in selected.items()}
    return [
        _row(taken, own[SELECTIONS[name].reference], (*of, name), images)
        for name, taken in own.items()
        if len(taken)
    ]


def _row(taken: Selected, raw: Selected, of: tuple[str, str, str], images: int) -> BiasRow:
    share, other = _good_share(taken, images), _good_share(raw, images)
    once = np.ones((1, images), dtype=np.int64)
    lost = ~taken.good & (taken.best > GOOD)
    mostly_inside = taken.inside > GOOD
    return BiasRow(
        *of,
        len(taken),
        float(taken.good.mean()),
        *bootstrap_interval(images, share),
        float(share(once)[0] - other(once)[0]),
        *bootstrap_interval(images, lambda drawn: share(drawn) - other(drawn)),
        float((lost & mostly_inside).mean()),
        float((lost & ~mostly_inside).mean()),
        float((taken.best <= GOOD).mean()),
        float(taken.iou.mean()),
    )


def _good_share(taken: Selected, images: int) -> Callable[[NDArray[np.number]], Numbers]:
    """Of weights (D, images), how often each counts, the (D,) shares of good masks."""
    hits = np.bincount(taken.image, taken.good, minlength=images)
    counts = np.bincount(taken.image, minlength=images).astype(np.float64)

    def share(drawn: NDArray[np.number]) -> Numbers:
        whole = drawn @ counts
        empty = np.full(len(whole), np.nan)
        divided: Numbers = np.divide(drawn @ hits, whole, out=empty, where=whole > 0)
        return divided

    return share


def to_csv(rows: Sequence[BiasRow]) -> str:
    """The table as comma-separated values."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(BiasRow)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: f"{value:.4f}" if isinstance(value, float) else value
                for name, value in asdict(row).items()
            }
        )
    return buffer.getvalue()


def to_markdown(rows: Sequence[BiasRow]) -> str:
    """The table for people, in percent."""
    lines = [
        "| group | unit | mask taken | masks | IoU > 0.5 | 95 % interval | against best score | "
        "part | beyond | hopeless | IoU |",
        "|" + " --- |" * 11,
    ]
    for row in rows:
        shares = [row.part, row.beyond, row.hopeless, row.mean_iou]
        cells = [
            *(row.group, row.unit, row.selection, str(row.masks), _percent(row.good)),
            f"{_percent(row.good_low)} to {_percent(row.good_high)}",
            _gain(row),
            *(_percent(share) for share in shares),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _gain(row: BiasRow) -> str:
    if row.selection == SELECTIONS[row.selection].reference:
        return ""
    gain, low, high = (f"{100 * value:+.1f}" for value in (row.gain, row.gain_low, row.gain_high))
    return f"{gain} ({low} to {high})"
