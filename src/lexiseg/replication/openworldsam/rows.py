"""What the miniature of OpenWorldSAM's tables asks, beside the paper's numbers.

Numbers are in percent, on ADE20K-150 (PQ, AP, mIoU) and RefCOCOg (cIoU), from Tables 1 to 6 of
Xiao et al., "OpenWorldSAM: Extending SAM2 for Universal Image Segmentation with Language Prompts",
NeurIPS 2025.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lexiseg.replication.openworldsam.lessons import Lesson

Prompts = Literal["oracle", "global", "half"]
Paper = Mapping[str, float]
THRESHOLD = 0.7  # of predicted IoU, the released one for objects and segments
RIVAL = "sclip"  # answers every pixel by the text alone, as X-Decoder's classes do


@dataclass(frozen=True)
class Row:
    """One way to ask a scene.

    Args:
        key: name of the file of its records.
        label: in tables.
        prompts: "oracle": the names that the scene shows; "global": all names of Miniworld;
            "half": the names that it shows and as many that it does not.
        options: fields of the method's settings that differ from the bundled preset's.
        lesson: an adapter that the replication trains; None takes the bundled one.
        blind: the encoder is not shown the picture.
        method: registry name.
        threshold: names whose best predicted IoU is below are refused; None asks the method.
        sentences: is asked with sentences rather than names.
        every: of so many scenes one is asked, the first ones.
        paper: name of a number -> the paper's.
    """

    key: str
    label: str
    prompts: Prompts = "oracle"
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    lesson: Lesson | None = None
    blind: bool = False
    method: str = "openworldsam"
    threshold: float | None = None
    sentences: bool = False
    every: int = 1
    paper: Paper = field(default_factory=dict, hash=False)

    def scenes_of(self, scenes: int) -> int:
        """How many of the scenes are asked, at least one."""
        return -(-scenes // self.every)


def _ade(pq: float, ap: float, miou: float) -> Paper:
    return {"pq": pq, "ap": ap, "miou": miou}


ONE_STAGE = {"two_stage": False}
ALL = {**ONE_STAGE, "presence": "none"}  # every asked name is taken to be there, as in the paper
TWO = {**ALL, "two_stage": True}
SLOW = 4  # scenes for one of a slow row

ORACLE = Row("oracle", "one stage", options=ALL, paper=_ade(35.2, 16.9, 60.4))
ORACLE_TWO = Row("oracle-two", "two stages", options=TWO, paper=_ade(36.3, 15.6, 58.0))
GLOBAL = Row("global", "one stage", "global", ALL, every=SLOW)
GLOBAL_TWO = Row("global-two", "two stages", "global", TWO, every=SLOW)
TABLE_1 = (ORACLE, ORACLE_TWO, GLOBAL, GLOBAL_TWO)

RIVAL_ORACLE = Row("rival-oracle", RIVAL, method=RIVAL, paper={"miou": 51.5})
RIVAL_GLOBAL = Row("rival-global", RIVAL, "global", method=RIVAL, paper={"miou": 29.6})
TABLE_2 = (RIVAL_GLOBAL, RIVAL_ORACLE, ORACLE, GLOBAL)

TOGETHER = Row(
    "refer-joint", "all sentences of a scene together", options={**ALL, "scope": "joint"},
    sentences=True, paper={"ciou": 74.0},
)  # fmt: skip
APART = Row(
    "refer-each", "each sentence alone", options={**ALL, "scope": "each"}, sentences=True
)  # fmt: skip
REFER_RIVAL = Row("refer-car", "car", method="car", sentences=True, every=8)
TABLE_3 = (TOGETHER, APART, REFER_RIVAL)

E1 = Lesson("e1", layers=0, tie_breakers=1)
E3 = Lesson("e3", layers=0)
E4 = Lesson("e4", layers=0, thawed=True)
E5 = Lesson("e5")
E6 = Lesson("e6", thawed=True)
CLIP_TEXT = Lesson("clip-text", encoder="clip-text")
CLIP_LATE = Lesson("clip-late", encoder="clip-late")
BEIT3_TEXT = Lesson("beit3-text", encoder="beit3-text")
FULL = Row("e5", "E5: full adapter", options=ALL, lesson=E5, paper=_ade(35.2, 16.9, 60.4))


def _taught(lesson: Lesson, label: str, paper: Paper) -> Row:
    return Row(lesson.key, label, options=ALL, lesson=lesson, paper=paper)


ENCODERS = (
    _taught(CLIP_TEXT, "CLIP, text", _ade(13.5, 2.9, 25.7)),
    _taught(CLIP_LATE, "CLIP, text and picture, late fusion", _ade(14.0, 3.6, 26.5)),
    _taught(BEIT3_TEXT, "BEiT-3, text only", _ade(13.6, 3.1, 26.3)),
    FULL,
)
_CIOU = {"clip-text": 25.2, "clip-late": 25.3, "beit3-text": 26.1, "e5": 74.0}
ENCODER_SENTENCES = tuple(
    Row(
        f"refer-{row.key}",
        row.label,
        options=ALL,
        lesson=row.lesson,
        sentences=True,
        paper={"ciou": _CIOU[row.key]},
    )
    for row in ENCODERS
)
"""Table 4, asked with names and with sentences."""

MODULES = (
    _taught(E1, "E1: projector only", _ade(0.4, 1.0, 1.2)),
    Row("e2", "E2: E3, asked without the picture", options=ALL, lesson=E3, blind=True,
        paper={"ap": 9.5}),
    _taught(E3, "E3: projector and tie-breakers", _ade(35.1, 17.1, 56.8)),
    _taught(E4, "E4: E3, BEiT-3 trained as well", _ade(13.6, 3.5, 24.4)),
    FULL,
    _taught(E6, "E6: E5, BEiT-3 trained as well", _ade(15.9, 3.8, 23.6)),
)  # fmt: skip
"""Table 5."""


def _judges(none: Row, prompts: Prompts, every: int = 1) -> tuple[Row, ...]:
    """One question under every way to tell absent names."""
    limit = f"predicted IoU of at least {THRESHOLD:g}"
    clip, learned = ({**ONE_STAGE, "presence": rule} for rule in ("clip", "learned"))
    return (
        none,
        Row(f"{prompts}-threshold", limit, prompts, ALL, threshold=THRESHOLD, every=every),
        Row(f"{prompts}-clip", "CLIP", prompts, clip, every=every),
        Row(f"{prompts}-learned", "learned", prompts, learned, every=every),
    )


HALF = _judges(Row("half-none", "all are taken to be there", "half", ALL), "half")
EVERYTHING = _judges(GLOBAL, "global", SLOW)
PRESENT = _judges(ORACLE, "oracle")


def all_rows() -> tuple[Row, ...]:
    """Every row once."""
    tables = (
        TABLE_1, TABLE_2, TABLE_3, ENCODERS, ENCODER_SENTENCES, MODULES, HALF, EVERYTHING, PRESENT,
    )  # fmt: skip
    return tuple(dict.fromkeys(row for rows in tables for row in rows))
