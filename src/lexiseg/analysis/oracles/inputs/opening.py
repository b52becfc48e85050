"""Files of any form as the pictures of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lexiseg.analysis.oracles.case import CandidateSet, ObjectPair
from lexiseg.analysis.oracles.classes import CaseClasses, read_vocabulary_file
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inference import Inference
from lexiseg.analysis.oracles.inputs.bundles import read_bundle
from lexiseg.analysis.oracles.inputs.cases import (
    CandidateReader,
    CaseKey,
    Cases,
    CaseTruth,
    MapReader,
    ObjectReader,
)
from lexiseg.analysis.oracles.inputs.coco_instances import (
    InstanceAnswers,
    InstanceTruth,
    is_instances,
    is_results,
)
from lexiseg.analysis.oracles.inputs.coco_panoptic import is_empty, is_panoptic
from lexiseg.analysis.oracles.inputs.label_maps import LabelMapFolder, LabelMapTruth, label_maps
from lexiseg.analysis.oracles.inputs.panoptic_pair import PanopticAnswers, PanopticTruth
from lexiseg.analysis.oracles.inputs.results import ResultAnswers
from lexiseg.analysis.oracles.perfect_masks import (
    SIZES,
    TEMPLATES,
    NamedTruth,
    Wording,
    load_encoder,
)
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.io.image import shown
from lexiseg.io.record import RECORDS


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
        encoder: name of an encoder that names the true masks, in place of answers.
        encoder_size: at which it looks at pictures, a name of `perfect_masks.SIZES`.
        wording: of the texts it reads.
    """

    truth: Path
    answers: Path | None = None
    candidates: Path | None = None
    pictures: Path | None = None
    synonyms: Path | None = None
    trained_on: Path | None = None
    classes: Path | None = None
    count_background: bool = False
    encoder: str | None = None
    encoder_size: str = "640"
    wording: Wording = "ensemble"


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
    if answers is None and bundles is None and sources.encoder is None:
        raise UsageError(
            "There is neither an answer nor candidates nor an encoder; give one of them."
        )
    reader = None if answers is None else _open_answers(answers, truth, classes, sources, config)
    if sources.encoder is not None and reader is None:
        reader = _by_encoder(truth, classes, sources)
    if isinstance(reader, ResultAnswers):
        classes = reader.classes
    return Cases(
        truth,
        classes,
        answer=reader,
        candidates=None if bundles is None else _bundles(bundles, len(truth.classes)),
        infer=Inference(
            truth.classes.things,
            config.thresholds,
            config.thresholds_without_void,
            truth.mode == "semantic",
        ),
        source=_source(sources, answers, bundles),
        objects=_objects(truth, reader),
    )


def _source(sources: Sources, answers: Path | None, bundles: Path | None) -> str:
    """What answers, in words."""
    if answers is None and sources.encoder is not None:
        return f"true masks named by {sources.encoder} at {sources.encoder_size}, {sources.wording}"
    return " and ".join(path.name for path in (answers, bundles) if path is not None)


def _by_encoder(truth: CaseTruth, classes: CaseClasses, sources: Sources) -> MapReader:
    """Oracle (a)."""
    if sources.encoder_size not in SIZES:
        raise UnknownNameError("size", sources.encoder_size, SIZES)
    if sources.wording not in TEMPLATES:
        raise UnknownNameError("wording", sources.wording, TEMPLATES)
    encoder = load_encoder(sources.encoder or "")
    return NamedTruth(truth, classes, encoder, SIZES[sources.encoder_size], sources.wording)


def open_truth(sources: Sources) -> CaseTruth:
    """The truth, by its form.

    Raises:
        UsageError: it is of none that is known.
    """
    source = sources.truth
    if is_panoptic(source):
        return PanopticTruth.open(source, sources.pictures)
    if is_instances(source):
        return InstanceTruth.open(source, sources.pictures)
    if source.is_dir() and label_maps(source):
        return LabelMapTruth.open(
            source, sources.classes, sources.pictures, count_background=sources.count_background
        )
    raise UsageError(
        f"{shown(source)} is no truth; expected a COCO panoptic or instances file, or a folder of "
        "label maps."
    )


def _open_answers(
    source: Path, truth: CaseTruth, classes: CaseClasses, sources: Sources, config: OracleConfig
) -> MapReader:
    """Answers, by their form."""
    if is_empty(source):
        raise UsageError(
            f"{shown(source)} is an empty prediction, its list of annotations has no entry; "
            "expected answers about the pictures of the truth."
        )
    if is_panoptic(source):
        return PanopticAnswers.open(source, classes)
    if isinstance(truth, InstanceTruth):
        if is_results(source):
            return InstanceAnswers.open(source, classes, config.min_score)
        raise UsageError(
            f"{shown(source)} is no list of COCO results; expected one for a truth of single "
            "objects."
        )
    if isinstance(truth, LabelMapTruth) and _is_label_maps(source):
        maps = LabelMapFolder(source, sources.count_background)
        return lambda key, _: maps.read(key.name, classes)
    return ResultAnswers.open(source, classes.with_other(), truth.mode)


def _is_label_maps(source: Path) -> bool:
    """A folder of label maps, but not of those that bring their own names."""
    own = source.is_dir() and (any(source.glob("*.names.json")) or (source / RECORDS).is_file())
    return source.is_dir() and not own and bool(label_maps(source))


def _objects(truth: CaseTruth, answers: MapReader | None) -> ObjectReader | None:
    if not (isinstance(truth, InstanceTruth) and isinstance(answers, InstanceAnswers)):
        return None
    return lambda key, shown_map: ObjectPair(
        truth.objects_of(key), answers.objects_of(key, shown_map.size_hw)
    )


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


def _bundles(folder: Path, classes: int) -> CandidateReader:
    if not _is_bundles(folder):
        raise UsageError(f"{shown(folder)} holds no bundle; expected a folder of NAME.npz files.")

    def read(key: CaseKey) -> CandidateSet:
        names = (key.name, str(key.number))
        found = [path for name in names if (path := folder / f"{name}.npz").is_file()]
        return read_bundle(found[0] if found else folder / f"{key.name}.npz", classes)

    return read
