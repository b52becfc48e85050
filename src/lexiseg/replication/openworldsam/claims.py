"""What the paper's tables claim: which row lies above which, and what may turn that around here."""

from __future__ import annotations

from dataclasses import dataclass

from lexiseg.replication.openworldsam.rows import (
    ENCODER_SENTENCES,
    ENCODERS,
    GLOBAL,
    HALF,
    MODULES,
    ORACLE,
    ORACLE_TWO,
    REFER_RIVAL,
    RIVAL_GLOBAL,
    RIVAL_ORACLE,
    TOGETHER,
    Row,
)


@dataclass(frozen=True)
class Claim:
    """One row lies above another.

    Args:
        table: of the paper, or "presence" for what goes beyond it.
        better: the row that is above in the paper.
        worse: the other.
        figure: name of the number.
        cause: what explains the opposite, where it is found.
    """

    table: str
    better: Row
    worse: Row
    figure: str
    cause: str = ""

    @property
    def paper(self) -> float | None:
        """The paper's difference in points, if it has both numbers."""
        ours, theirs = self.better.paper.get(self.figure), self.worse.paper.get(self.figure)
        return None if ours is None or theirs is None else ours - theirs


_TWO = (
    "Two stages: the second one sees its own mask at the resolution of the first, which at this "
    "size is that of the answer; how much it mends depends on how far the first masks are off."
)
_STEPS = (
    "E5 against E3: both learned for the same few steps, and the stack has three layers more to "
    "learn in them."
)
_THAWED = (
    "E4 and E6: in the paper BEiT-3 forgets words that COCO lacks; here all asked words are of the "
    "world that it is trained on, so that nothing can be forgotten."
)
_WORDS = (
    "Encoders: adapters that learned for a few steps use of a vector what is easiest to use, and "
    "SAM 2 sees the picture in any case; the paper's trained for 325,000 steps."
)
E1, E2, E3, E4, E5, E6 = MODULES
CLIP_TEXT, CLIP_LATE, BEIT3_TEXT, EARLY = ENCODERS
CLAIMS = (
    Claim("1", ORACLE_TWO, ORACLE, "pq", _TWO),
    Claim("1", ORACLE, ORACLE_TWO, "ap", _TWO),
    Claim("1", ORACLE, ORACLE_TWO, "miou", _TWO),
    Claim("1", ORACLE, GLOBAL, "miou"),
    Claim("2", ORACLE, RIVAL_ORACLE, "miou"),
    Claim("2", RIVAL_ORACLE, RIVAL_GLOBAL, "miou"),
    Claim("3", TOGETHER, REFER_RIVAL, "ciou"),
    *(Claim("4", EARLY, row, figure, _WORDS) for row in ENCODERS[:3] for figure in ("pq", "miou")),
    *(Claim("4", ENCODER_SENTENCES[-1], row, "ciou", _WORDS) for row in ENCODER_SENTENCES[:3]),
    Claim("5", E3, E1, "pq"),
    Claim("5", E3, E2, "ap", _WORDS),
    Claim("5", E5, E3, "miou", _STEPS),
    Claim("5", E3, E4, "pq", _THAWED),
    Claim("5", E5, E6, "pq", _THAWED),
    *(Claim("presence", HALF[-1], row, "mcc") for row in HALF[:-1]),
    *(Claim("presence", HALF[-1], row, "cgf1") for row in HALF[:-1]),
)
