"""The rows of CaR's ablation tables as changes to one base setting.

Numbers are those of Sun et al., CLIP as RNN, CVPR 2024; where a table has several data sets, the
Pascal VOC column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.presets import VOC

FULL = 67.6  # the paper's full system on Pascal VOC
_LISTS = ("terrestrial", "aquatic-atmospheric", "man-made")

BASE = "base setting"
SINGLE_STEP = "no recurrence (T = 1): judged once"
UNJUDGED = "nothing is judged or removed (ours)"
AFFINITY = (
    "Grad-CAM, affinity, t = 0: boxes alone",
    "Grad-CAM, affinity, t = 1",
    "Grad-CAM, affinity, t = 2",
)
"""Labels of rows that sentences of the page speak about; t counts the refinements."""


@dataclass(frozen=True)
class Row:
    """One setting.

    Args:
        label: what the table calls it.
        paper: the paper's number in percent, None for a row of our own.
        options: what differs from the base setting.
        against: label of the row of the same table that it is compared with.
    """

    label: str
    paper: float | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    against: str = BASE


@dataclass(frozen=True)
class Table:
    """One table of the paper.

    Args:
        number: in the paper.
        title: what it is about.
        rows: the base setting first.
        note: what a reader must know about the rows.
    """

    number: int
    title: str
    rows: tuple[Row, ...]
    note: str = ""

    def row(self, label: str) -> Row:
        """The row of that label."""
        return next(row for row in self.rows if row.label == label)


def ablation_tables(config: CarConfig) -> tuple[Table, ...]:
    """Tables 2 to 6; every table begins with the base setting.

    Args:
        config: the base setting.
    """
    base = Row(BASE, FULL)
    return (
        Table(2, "the recurrence and the mask proposals", (base, *_recurrence_rows())),
        Table(
            3,
            "which CLIP proposes, from which maps, and which one judges",
            _proposal_rows(base),
            _TOWERS,
        ),
        Table(4, "visual prompts", (base, *_prompt_rows())),
        Table(
            5,
            "thresholds, one step around the base setting",
            (base, *_threshold_rows(config), *_box_rows(config)),
            _BOXES,
        ),
        Table(6, "background words", (base, *_background_rows())),
    )


_TOWERS = (
    "The paper's towers differ in size, ours in training: the classifier tower was also trained on "
    "pictures with marked regions (see the model cards). The paper proposes by Grad-CAM refined by "
    "affinity; the other maps are ours. `python -m benchmarks.car_maps` measures the maps "
    "themselves. Which of them suits published weights best is not known: none could be tried."
)
_BOXES = (
    "Boxes, and with them lambda, matter only where maps are refined by affinity; the base setting "
    "does not refine, so that the rows with affinity are compared with their own lambda."
)


def _recurrence_rows() -> tuple[Row, ...]:
    published = VOC.config("paper")
    return (
        Row(SINGLE_STEP, 15.2, {"max_steps": 1}),
        Row(UNJUDGED, None, {"max_steps": 0}),
        Row("plain Grad-CAM, no affinity", 41.1, {"proposals": "gradcam", "affinity": False}),
        *(
            Row(
                label,
                FULL if times == 2 else None,
                {"proposals": "gradcam", "affinity": True, "refinements": times},
            )
            for times, label in enumerate(AFFINITY)
        ),
        Row("the paper's settings for VOC, all of them", FULL, _all_fields(published)),
        Row("no CRF (ours)", None, {"use_crf": False}),
        Row("the best name always stays, as published", FULL, {"reject_all": False}),
        Row("everything may be rejected (ours)", None, {"reject_all": True}),
    )


def _all_fields(config: CarConfig) -> dict[str, object]:
    return {entry.name: getattr(config, entry.name) for entry in fields(config)}


def _tower_rows() -> tuple[Row, ...]:
    """The paper's B/16 is our proposal tower; its L/14, which judges best, our classifier tower."""
    towers = {"B/16": "mini-clip-proposal", "L/14": "mini-clip-classifier"}
    roles = {"B/16": "proposal tower", "L/14": "classifier tower"}
    paper = {
        ("B/16", "B/16"): 54.1,
        ("B/16", "L/14"): FULL,
        ("L/14", "B/16"): 50.6,
        ("L/14", "L/14"): 57.6,
    }
    return tuple(
        Row(
            f"{roles[proposal]} proposes, {roles[classifier]} judges",
            number,
            {
                "proposal_weights": towers[proposal],
                "classifier_weights": towers[classifier],
            },
        )
        for (proposal, classifier), number in paper.items()
    )


MAPS = ("gradcam", "gradcam++", "layercam", "value", "clip-surgery")


def _proposal_rows(base: Row) -> tuple[Row, ...]:
    once: dict[str, object] = {"affinity": True, "refinements": 1}
    ways: dict[str, dict[str, object]] = {
        "not refined": {"affinity": False},
        "affinity t = 1": once,
    }
    maps = (
        Row(f"{kind}, {way}", None, {"proposals": kind, **options})
        for kind in MAPS
        for way, options in ways.items()
    )
    return (base, *_tower_rows(), *maps)


def _prompt_rows() -> tuple[Row, ...]:
    paper = {
        "circle": 66.9,
        "contour": 66.0,
        "blur": 66.4,
        "gray": 66.1,
        "black": 61.8,
        "circle+blur": 67.6,
        "circle+gray": 67.1,
        "contour+blur": 66.5,
        "blur+gray": 66.3,
        "circle+blur+gray": 66.8,
    }
    return tuple(
        Row(name, number, {"prompts": tuple(name.split("+"))}) for name, number in paper.items()
    )


def _threshold_rows(config: CarConfig) -> tuple[Row, ...]:
    paper = {("eta", -1): 67.0, ("eta", +1): 67.0, ("theta", -1): 67.4, ("theta", +1): 67.5}
    rows = []
    for (name, sign), number in paper.items():
        value = _step(getattr(config, name), sign)
        rows.append(Row(f"{name} = {value:g}", number, {name: value}))
    return tuple(rows)


def _box_rows(config: CarConfig) -> tuple[Row, ...]:
    """Lambda means something only where maps are refined from inside their boxes."""
    base = Row(f"affinity, lambda = {config.lam:g}", FULL, {"affinity": True})
    rows = [base]
    for sign, number in {-1: 67.3, +1: 67.0}.items():
        value = _step(config.lam, sign)
        options = {"affinity": True, "lam": value}
        rows.append(Row(f"affinity, lambda = {value:g}", number, options, base.label))
    return tuple(rows)


def _step(value: float, sign: int) -> float:
    return round(min(1.0, max(0.0, value + 0.1 * sign)), 3)


def _background_rows() -> tuple[Row, ...]:
    terrestrial, aquatic, built = _LISTS
    paper = (
        ("none", 64.3, ("None",)),
        ("T", 65.6, (terrestrial,)),
        ("A", 64.9, (aquatic,)),
        ("M", 66.4, (built,)),
        ("T + A", 65.8, (terrestrial, aquatic)),
        ("A + M", 66.4, (aquatic, built)),
        ("T + M", 65.8, (terrestrial, built)),
        ("T + A + M", 67.6, _LISTS),
    )
    return tuple(Row(label, number, {"background": words}) for label, number, words in paper)


@dataclass(frozen=True)
class ReferringRow:
    """One kind of sentence: the paper's data set it resembles and its number in percent."""

    label: str
    paper: float | None
    kind: str


REFERRING = (
    ReferringRow("all sentences (as RefCOCO val)", 33.57, "all"),
    ReferringRow("without words of place (as RefCOCO+ val)", 34.22, "without place"),
    ReferringRow("only with words of place (ours)", None, "with place"),
)
