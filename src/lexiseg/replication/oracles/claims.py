"""What the paper's tables say of which number lies above which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lexiseg.analysis.oracles.helps import (
    BASELINE,
    NAMES,
    SELECTION,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.replication.oracles.numbers import Place, RowNumbers, difference
from lexiseg.replication.oracles.rows import (
    CONVNEXT,
    FC_CLIP,
    IN_DOMAIN,
    MAFT_PLUS,
    SIDES,
    SMALLER_VIT,
    SYSTEMS,
    TABLE_1,
    VIT,
    Row,
)

GROUPS = ("all", "seen", "unseen")


@dataclass(frozen=True)
class Point:
    """A number, before it is measured.

    Args:
        row: who.
        run: with which help.
        group: of classes.
        sign: with which it enters a claim.
    """

    row: Row
    run: str = BASELINE
    group: str = "all"
    sign: int = 1

    @property
    def paper(self) -> float | None:
        """The paper's number in points, with its sign."""
        found = self.row.paper.get(self.run)
        return None if found is None else self.sign * found[GROUPS.index(self.group)]


@dataclass(frozen=True)
class Claim:
    """A sum of numbers that is above zero in the paper.

    Args:
        table: of the paper.
        says: in words.
        points: the numbers with their signs.
        cause: what may be behind the opposite, where it is found.
    """

    table: str
    says: str
    points: tuple[Point, ...]
    cause: str = ""

    @property
    def paper(self) -> float | None:
        """The paper's sum in points, if it has all numbers."""
        known = [value for point in self.points if (value := point.paper) is not None]
        return sum(known) if len(known) == len(self.points) else None

    def measured(self, numbers: Mapping[Row, RowNumbers]) -> Estimate:
        """The sum here, in [0, 1], with its interval over scenes."""
        return difference([Place(numbers[p.row], p.run, p.group, p.sign) for p in self.points])


def all_claims() -> tuple[Claim, ...]:
    """The orderings of Tables 1 to 4 and of Figure 4."""
    return (*_table_1(), *_stairs(), *_true_masks(), *_few_labels())


_BY_ENCODER = {
    name: tuple(row for row in TABLE_1 if row.encoder == name)
    for name in (VIT, SMALLER_VIT, CONVNEXT)
}
_SMALL_WORLD = (
    "ConvNeXt by size: its cells are 32 pixels wide and Miniworld's things 30 to 110 of 224, so "
    "that a larger picture helps until things are larger than those it learned from."
)
_FINE_PATCHES = (
    "ViT by size: patches of 8 pixels are small even in the smallest picture, and its training "
    "showed things in many sizes."
)
_YOUNG = (
    "ConvNeXt and ViT: the ConvNeXt saw some 60,000 pictures, most of them close-ups, the ViT some "
    "900,000; it knows fewer things at any size."
)
_REGIONS = (
    "True masks: FC-CLIP multiplies what its decoder says with what CLIP says, and a decoder that "
    "learned for minutes names things worse than the CLIP that it sees through."
)
_LONGER = (
    "MAFT+ and FC-CLIP: the small MAFT+ began with the small FC-CLIP and learned on, so that its "
    "candidates are better, which they are not in the paper."
)
_POOR_NAMES = (
    "What names cost: the small networks name few things right, so that more than in the paper is "
    "lost to names and less to the choice; selection does not touch names."
)


def _table_1() -> Iterator[Claim]:
    small, middle, large = _BY_ENCODER[CONVNEXT]
    yield _above("1", f"ConvNeXt: {SIDES[1]} pixels above {SIDES[0]}", middle, small, _SMALL_WORLD)
    yield _above("1", f"ConvNeXt: {SIDES[2]} pixels above {SIDES[1]}", large, middle, _SMALL_WORLD)
    for name in (VIT, SMALLER_VIT):
        small, _, large = _BY_ENCODER[name]
        says = f"{small.label}: {SIDES[0]} pixels above {SIDES[2]}"
        yield _above("1", says, small, large, _FINE_PATCHES)
    yield _above(
        "1", f"at {SIDES[2]} pixels the ConvNeXt above the ViT",
        _BY_ENCODER[CONVNEXT][2], _BY_ENCODER[VIT][2], _YOUNG,
    )  # fmt: skip
    for row in TABLE_1:
        says = f"{row.label} at {row.side}: seen above unseen"
        yield Claim("1", says, (Point(row, group="seen"), Point(row, group="unseen", sign=-1)))


def _above(table: str, says: str, better: Row, worse: Row, cause: str = "") -> Claim:
    return Claim(table, says, (Point(better), Point(worse, sign=-1)), cause)


_LADDER = (
    ("3", "the answer above selection with no object", BASELINE, WITH_VOID),
    ("3", "selection without no object above the answer", SELECTION, BASELINE),
    ("2, 3", "true names on the map above selection", NAMES, SELECTION),
    ("2, 4", "selection with true masks above true names on the map", WITH_MASKS, NAMES),
    ("4", "selection with true names above selection with true masks", WITH_NAMES, WITH_MASKS),
)


def _stairs() -> Iterator[Claim]:
    for system in SYSTEMS:
        for table, says, better, worse in _LADDER:
            points = (Point(system, better), Point(system, worse, sign=-1))
            yield Claim(table, f"{system.label}: {says}", points, _POOR_NAMES)


def _true_masks() -> Iterator[Claim]:
    for system in SYSTEMS:
        yield from _true_masks_of(system)
    for says, run, sign in (
        ("selection with true masks: MAFT+ above FC-CLIP", WITH_MASKS, 1),
        ("selection with true names: FC-CLIP above MAFT+", WITH_NAMES, -1),
    ):
        points = (Point(MAFT_PLUS, run, sign=sign), Point(FC_CLIP, run, sign=-sign))
        yield Claim("4", says, points, _LONGER)


def _true_masks_of(system: Row) -> Iterator[Claim]:
    best = _BY_ENCODER[CONVNEXT][2]
    for group in ("all", "unseen"):
        says = f"selection with true masks above the ConvNeXt on true masks ({group} classes)"
        points = (Point(system, WITH_MASKS, group), Point(best, BASELINE, group, -1))
        yield Claim("1, 4", f"{system.label}: {says}", points, _REGIONS)
    gains = [
        Point(system, run, group, sign * side)
        for group, sign in (("seen", 1), ("unseen", -1))
        for run, side in ((WITH_MASKS, 1), (SELECTION, -1))
    ]
    says = f"{system.label}: true masks give more to seen classes than to unseen ones"
    yield Claim("4", says, tuple(gains))


def _few_labels() -> Iterator[Claim]:
    for alone, mixed in zip(IN_DOMAIN[False], IN_DOMAIN[True], strict=True):
        yield _above("Figure 4", f"{mixed.label}: with CLIP above without", mixed, alone)
