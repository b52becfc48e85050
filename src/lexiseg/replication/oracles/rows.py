"""Who is judged in the replication, and on which scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.replication.oracles.lessons import Lesson

Paper = Mapping[str, tuple[float, float, float]]
"""Answer -> the paper's PQ of all, seen and unseen classes."""


@dataclass(frozen=True)
class Row:
    """One predictor.

    Args:
        key: name of the file of its records.
        label: in tables.
        encoder: names true masks; None asks FC-CLIP.
        side: at which the encoder looks at pictures, in pixels.
        lesson: decoders that the replication trains; None takes the bundled ones.
        ensemble: CLIP has its say beside the decoder.
        oracles: all helps are measured, not its answer alone.
        validation: is asked about scenes of validation under policy A, not about the test.
        paper: what the paper measured.
    """

    key: str
    label: str
    encoder: str | None = None
    side: int = 0
    lesson: Lesson | None = None
    ensemble: bool = True
    oracles: bool = False
    validation: bool = False
    paper: Paper = field(default_factory=dict, hash=False)


SIDES = (224, 280, 350)
"""In the proportions of the paper's 512, 640 and 800, from the size of the scenes."""
VIT, SMALLER_VIT, CONVNEXT = "mini-clip-proposal", "mini-clip-classifier", "mini-convnext-clip"
_ENCODERS: Mapping[str, tuple[str, tuple[tuple[float, float, float], ...]]] = {
    VIT: (
        "ViT of 224 pixels",
        ((31.5, 40.5, 24.8), (29.9, 39.0, 23.1), (20.3, 28.0, 14.6)),  # OpenCLIP ViT-B/16@224
    ),
    SMALLER_VIT: (
        "ViT of 160 pixels",
        ((27.0, 36.2, 20.2), (26.3, 35.4, 19.5), (19.6, 28.7, 12.8)),  # CLIP ViT-B/16@224
    ),
    CONVNEXT: (
        "ConvNeXt",
        ((32.6, 41.1, 26.3), (35.6, 45.1, 28.5), (39.0, 50.7, 30.3)),  # OpenCLIP ConvNeXt-B
    ),
}
TABLE_1 = tuple(
    Row(f"{name}-{side}", label, encoder=name, side=side, paper={"baseline": numbers})
    for name, (label, columns) in _ENCODERS.items()
    for side, numbers in zip(SIDES, columns, strict=True)
)
"""True masks: encoders at three sizes."""

FC_CLIP = Row(
    "fc-clip", "FC-CLIP, trained under policy A", oracles=True,
    paper={
        "baseline": (26.8, 39.5, 17.3),
        "names": (39.8, 47.5, 34.2),
        "selection with void": (21.9, 33.6, 13.2),
        "selection": (36.7, 48.9, 27.7),
        "selection and masks": (50.3, 66.0, 38.7),
        "selection and names": (66.4, 67.1, 65.9),
    },
)  # fmt: skip
VALIDATION = Row("fc-clip-validation", "the same on validation", oracles=True, validation=True)

FEW = (10, 100, 1000)
"""Labelled pictures of the curve."""
HOME = tuple(Lesson(f"b-{count}", "B", count) for count in FEW)
AWAY = Lesson("a-20000", "A", 20_000)
IN_DOMAIN = {
    ensemble: tuple(
        Row(
            f"{lesson.key}-{'with' if ensemble else 'without'}",
            f"{lesson.pictures} pictures of policy B",
            lesson=lesson,
            ensemble=ensemble,
        )
        for lesson in HOME
    )
    for ensemble in (True, False)
}
"""Figure 4, with and without CLIP in the ensemble."""
TRAINED_AWAY = Row(AWAY.key, "policy A, as many steps more", lesson=AWAY)


def all_rows() -> tuple[Row, ...]:
    """Every row once."""
    return (*TABLE_1, FC_CLIP, VALIDATION, *IN_DOMAIN[True], *IN_DOMAIN[False], TRAINED_AWAY)
