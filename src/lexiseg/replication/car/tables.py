"""The rows of CaR's ablation tables as changes to one base setting.

Numbers are those of Sun et al., CLIP as RNN, CVPR 2024; where a table has several data sets, the
Pascal VOC column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FULL = 67.6  # the paper's full system on Pascal VOC
_LISTS = ("terrestrial", "aquatic-atmospheric", "man-made")
_VOC = {
    "eta": 0.4,
    "theta": 0.6,
    "lam": 0.4,
    "prompts": ("circle", "blur"),
    "background": _LISTS,
    "background_factor": 1.0,
    "affinity": True,
    "max_steps": None,
}
_AFFINITY = (
    "the attention of the small tower spreads over the whole picture, so affinity blurs a map more "
    "than it fills the object. The model cards show it without any judge: Grad-CAM meets "
    "visible things better before it is refined than after."
)
_TOWERS = (
    "the paper's towers differ in size, ours in what they learnt: the classifier tower saw "
    "marked regions, had no loss on the mean of its patches, and has the sharper Grad-CAM."
)
_PUBLISHED = "this setting has affinity, and most of the loss is that row's (above)."
_SURROUNDINGS = (
    "a circle and a light blur leave the surroundings recognizable. The small judge, which saw few "
    "circles, then names what it sees best; the rows with gray and black, which take colors away, "
    "lose least."
)
WEAK = ("circle+blur", "contour+blur")  # prompts that change little around a region


@dataclass(frozen=True)
class Row:
    """One setting.

    Args:
        label: what the table calls it.
        paper: the paper's number in percent, None for a row of our own.
        options: what differs from the base setting.
        remark: why it may differ from the paper; told only where it does.
    """

    label: str
    paper: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the paper."""

    number: int
    title: str
    rows: tuple[Row, ...]


def ablation_tables(config: Any) -> tuple[Table, ...]:
    """Tables 2 to 6; every table begins with the base setting.

    Args:
        config: the base setting, with ``eta``, ``theta``, ``lam``.
    """
    bodies = (
        (2, "the recurrence and the mask proposals", _recurrence_rows()),
        (3, "which CLIP proposes and which one judges", _tower_rows()),
        (4, "visual prompts", _prompt_rows()),
        (5, "thresholds, one step around the base setting", _threshold_rows(config)),
        (6, "background words", _background_rows()),
    )
    base = Row("base setting", FULL)
    return tuple(Table(number, title, (base, *rows)) for number, title, rows in bodies)


def _recurrence_rows() -> tuple[Row, ...]:
    return (
        Row("no recurrence: nothing is judged or removed", 15.2, {"max_steps": 0}),
        Row("plain Grad-CAM, no affinity", 41.1, {"affinity": False}),
        Row("Grad-CAM with affinity", FULL, {"affinity": True}, _AFFINITY),
        Row("thresholds, prompts and words as in the paper for VOC", FULL, _VOC, _PUBLISHED),
        Row("judged once, not repeated (ours)", None, {"max_steps": 1}),
        Row("no CRF (ours)", None, {"use_crf": False}),
        Row("the best name always stays, as published", FULL, {"reject_all": False}),
        Row("everything may be rejected (ours)", None, {"reject_all": True}),
    )


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
            _TOWERS,
        )
        for (proposal, classifier), number in paper.items()
    )


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
        Row(name, number, {"prompts": tuple(name.split("+"))}, _SURROUNDINGS * (name in WEAK))
        for name, number in paper.items()
    )


def _threshold_rows(config: Any) -> tuple[Row, ...]:
    paper = {
        ("eta", -1): 67.0,
        ("eta", +1): 67.0,
        ("theta", -1): 67.4,
        ("theta", +1): 67.5,
        ("lam", -1): 67.3,
        ("lam", +1): 67.0,
    }
    rows = []
    for (name, sign), number in paper.items():
        value = round(min(1.0, max(0.0, getattr(config, name) + 0.1 * sign)), 3)
        word = {"lam": "lambda"}.get(name, name)
        rows.append(Row(f"{word} = {value:g}", number, {name: value}))
    return tuple(rows)


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
