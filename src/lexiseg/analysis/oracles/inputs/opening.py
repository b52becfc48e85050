"""Files of any form as the pictures of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lexiseg.analysis.oracles.case import CandidateSet, CaseMap
from lexiseg.analysis.oracles.classes import CaseClasses, read_vocabulary_file
from lexiseg.analysis.oracles.combinations import map_of
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inputs.bundles import read_bundle
from lexiseg.analysis.oracles.inputs.cases import CandidateReader, CaseKey, Cases, MapReader, Truth
from lexiseg.analysis.oracles.inputs.coco_panoptic import is_panoptic
from lexiseg.analysis.oracles.inputs.panoptic_pair import PanopticAnswers, PanopticTruth
from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.ops.panoptic_inference import panoptic_inference


@dataclass(frozen=True)
class Sources:
    """Where everything lies.

    Args:
        truth: file or folder.
        answers: file or folder; None where they follow from the candidates.
        candidates: folder of bundles, where there are some.
        pictures: folder of the pictures, for the gallery.
        synonyms: list of the texts of each class.
        trained_on: list of the texts that training knew.
        classes: list of the names of label maps, where none lies beside them.
        count_background: whether number 0 of label maps is a class.
    """

    truth: Path
    answers: Path | None = None
    candidates: Path | None = None
    pictures: Path | None = None
    synonyms: Path | None = None
    trained_on: Path | None = None
    classes: Path | None = None
    count_background: bool = False


def open_cases(sources: Sources, config: OracleConfig) -> Cases:
    """Open a study.

    Raises:
        UsageError: a file is absent, damaged or of no known form, or they do not fit.
    """
    for path in (sources.truth, sources.answers, sources.candidates):
        if path is not None and not path.exists():
            raise UsageError(f"{shown(path)} does not exist; check the path.")
    truth = open_truth(sources)
    classes = _known(truth.classes, sources)
    answers, bundles = sources.answers, sources.candidates
    if answers is not None and bundles is None and _is_bundles(answers):
        answers, bundles = None, answers
    return Cases(
        truth,
        classes,
        answer=None if answers is None else open_answers(answers, truth, classes),
        candidates=None if bundles is None else _bundles(bundles, classes),
        infer=_inference(classes, config),
        source=" and ".join(path.name for path in (answers, bundles) if path is not None),
    )


def open_truth(sources: Sources) -> Truth:
    """The truth, by its form."""
    if is_panoptic(sources.truth):
        return PanopticTruth.open(sources.truth, sources.pictures)
    raise UsageError(f"{shown(sources.truth)} is no truth; expected a COCO panoptic file.")


def open_answers(source: Path, truth: Truth, classes: CaseClasses) -> MapReader:
    """Answers, by their form."""
    if is_panoptic(source):
        return PanopticAnswers.open(source, classes)
    raise UsageError(f"{shown(source)} holds no answers; expected a COCO panoptic file.")


def _known(classes: CaseClasses, sources: Sources) -> CaseClasses:
    """The classes with synonyms and with what training knew."""
    if sources.synonyms:
        classes = classes.worded(read_vocabulary_file(sources.synonyms))
    if sources.trained_on:
        known = read_vocabulary_file(sources.trained_on)
        classes = classes.trained_on(word for words in known.values() for word in words)
    return classes


def _is_bundles(source: Path) -> bool:
    return source.is_dir() and any(source.glob("*.npz"))


def _bundles(folder: Path, classes: CaseClasses) -> CandidateReader:
    if not _is_bundles(folder):
        raise UsageError(f"{shown(folder)} holds no bundle; expected a folder of NAME.npz files.")

    def read(key: CaseKey) -> CandidateSet:
        names = (key.name, str(key.number))
        found = [path for name in names if (path := folder / f"{name}.npz").is_file()]
        return read_bundle(found[0] if found else folder / f"{key.name}.npz", len(classes))

    return read


def _inference(
    classes: CaseClasses, config: OracleConfig
) -> Callable[[CandidateSet, CaseMap], CaseMap]:
    def infer(candidates: CandidateSet, truth: CaseMap) -> CaseMap:
        return map_of(
            panoptic_inference(
                candidates.probabilities, candidates.masks, truth.size_hw, classes.things,
                config.thresholds,
            )
        )  # fmt: skip

    return infer
