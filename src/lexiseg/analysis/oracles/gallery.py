"""Pictures of the worst errors: truth, answer and best candidate side by side."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from lexiseg.analysis.oracles.candidates import candidate_ious
from lexiseg.analysis.oracles.case import Case, CaseMap
from lexiseg.analysis.oracles.error_types import TrueType
from lexiseg.analysis.oracles.inputs.cases import Cases
from lexiseg.analysis.oracles.judging import TRUE_TYPES
from lexiseg.errors import LexisegError
from lexiseg.io.image import read_image
from lexiseg.io.palette import color_of
from lexiseg.io.record_file import Record
from lexiseg.ops.mask_cost import scaled

SIDE = 300  # pixels of the longer side of a panel
PAPER = 232  # grey level where there is no picture
COLOUR = 0.55  # share of a class's colour
OUTLINE = (255, 255, 255)
_CANDIDATE = "candidate"


@dataclass(frozen=True)
class Shot:
    """One error.

    Args:
        kind: its type.
        picture: name of the picture.
        true_class: name of the segment's class.
        other: name of the class of the answer there; empty for none.
        panels: what is shown -> JPEG as a data URI.
    """

    kind: TrueType
    picture: str
    true_class: str
    other: str
    panels: Sequence[tuple[str, str]]

    def to_json(self) -> dict[str, str]:
        """All but the pixels."""
        return {
            "type": self.kind,
            "picture": self.picture,
            "true_class": self.true_class,
            "other": self.other,
        }


def worst_shots(cases: Cases, records: Sequence[Record], each: int) -> list[Shot]:
    """The largest errors of every type, each of another picture.

    Args:
        cases: the pictures, of which a few are read again.
        records: of the pictures.
        each: how many of every type.
    """
    place = {name: number for number, name in enumerate(cases.ids)}
    wanted: dict[str, list[tuple[TrueType, int]]] = defaultdict(list)
    for kind in TRUE_TYPES[1:]:
        for name, segment in _largest(records, TRUE_TYPES.index(kind))[:each]:
            wanted[name].append((kind, segment))
    by_name = {record["id"]: record for record in records}
    shots = []
    for name, errors in wanted.items():
        case = cases[place[name]]
        shots += [_shot(case, by_name[name], kind, at, cases.classes.names) for kind, at in errors]
    return sorted(shots, key=lambda shot: TRUE_TYPES.index(shot.kind))


def _largest(records: Sequence[Record], kind: int) -> list[tuple[str, int]]:
    """Picture and place of the largest segment of a type in each picture, the largest first."""
    found = []
    for record in records:
        own = [(row[1], at) for at, row in enumerate(record["true"]) if row[2] == kind]
        if own:
            area, at = max(own, key=lambda pair: pair[0])
            found.append((area, record["id"], at))
    return [(name, at) for _, name, at in sorted(found, key=lambda one: (-one[0], one[1]))]


def _shot(case: Case, record: Record, kind: TrueType, at: int, names: Sequence[str]) -> Shot:
    segment, other = case.truth.segments[at], record["true"][at][3]
    ground = _ground(case.picture, case.truth.size_hw)
    edge = _edge(case.truth.ids == segment.id)
    panels = [
        ("truth", _panel(_coloured(ground, case.truth, names), edge)),
        ("answer", _panel(_coloured(ground, case.found, names), edge)),
    ]
    if (best := _best_candidate(case, at)) is not None:
        mask, iou = best
        colour = np.where(mask[..., None], _mixed(ground, color_of(_CANDIDATE)), ground)
        panels.append((f"best candidate, IoU {iou:.2f}", _panel(colour.astype(np.uint8), edge)))
    shown = names[other] if other >= 0 and kind is not TrueType.FOUND else ""
    return Shot(kind, case.name, names[segment.class_index], shown, panels)


def _best_candidate(case: Case, at: int) -> tuple[NDArray[np.bool_], float] | None:
    candidates = case.candidates
    if candidates is None or not len(candidates):
        return None
    ious = candidate_ious(candidates.masks, case.truth)[at]
    best = int(ious.argmax())
    mask = scaled(candidates.masks[best : best + 1], case.truth.size_hw)[0] > 0
    return mask.numpy(), float(ious[best])


def _ground(picture: Path | None, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture in grey, or paper where there is none of this size."""
    paper = np.full((*size_hw, 3), PAPER, dtype=np.uint8)
    if picture is None:
        return paper
    try:
        pixels = read_image(picture)
    except LexisegError:
        return paper
    if pixels.shape[:2] != size_hw:
        return paper
    grey = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
    pale: NDArray[np.uint8] = (0.7 * grey + 0.3 * pixels).astype(np.uint8)
    return pale


def _coloured(ground: NDArray[np.uint8], shown: CaseMap, names: Sequence[str]) -> NDArray[np.uint8]:
    drawn = ground.copy()
    for segment in shown.segments:
        mask = shown.ids == segment.id
        drawn[mask] = _mixed(ground, color_of(names[segment.class_index]))[mask]
        drawn[mask & _edge(mask)] = 40
    return drawn


def _mixed(ground: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    mixed = (1 - COLOUR) * ground + COLOUR * np.array(colour)
    return mixed.astype(np.uint8)


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels on both sides of an outline."""
    edge: NDArray[np.bool_] = binary_dilation(mask) & binary_dilation(~mask)
    return edge


def _panel(drawn: NDArray[np.uint8], edge: NDArray[np.bool_]) -> str:
    drawn = drawn.copy()
    drawn[edge] = OUTLINE
    photo = Image.fromarray(drawn)
    photo.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
