"""Which mask should be taken of a promptable segmenter? (TIDES, Sections 3 and 4)

Points are drawn inside true objects and every candidate mask is compared with the object. If the
candidate of the highest score were the object, single objects would come for free; the study shows
how often it is only a part, and how often the IO score knows better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lexiseg.analysis.terms import Terms, with_objects
from lexiseg.analysis.tides.bias_plots import FIGURES, draw_figures
from lexiseg.analysis.tides.bias_table import BiasRow, Selected, tabulate, to_csv
from lexiseg.analysis.tides.instance_masks import identity_scores, image_seed, prompt_objects
from lexiseg.datasets import InstanceDataset, InstanceSample, TrueObject
from lexiseg.evaluation.collecting import Collected, collect
from lexiseg.io.output_file import json_text
from lexiseg.io.output_folder import output_folder
from lexiseg.io.record_file import Record
from lexiseg.methods.tides import Scene, Tides
from lexiseg.methods.tides.proposals import Foreground
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.semantic_features import find_foreground

DIGITS = 4
TABLE, DATA = "psm-bias.csv", "psm-bias.json"


@dataclass(frozen=True)
class BiasConfig:
    """The protocol of Sections 3 and 4.

    Attributes:
        points: n, random points inside each object.
        seed: of the points.
    """

    points: int = 5
    seed: int = 0


@dataclass(frozen=True)
class BiasStudy:
    """What was measured.

    Attributes:
        terms: of the measurement.
        groups: group -> class names.
        selected: unit -> selection -> what was selected, see `tabulate`.
        rows: the table.
        images: that were judged.
        failures: image id -> why it could not be judged.
    """

    terms: Terms
    groups: Mapping[str, Sequence[str]]
    selected: Mapping[str, Mapping[str, Selected]]
    rows: Sequence[BiasRow]
    images: int
    failures: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """Terms, groups, table and failures as plain data; NaN becomes None."""
        return {
            "rows": [
                {name: None if value != value else value for name, value in asdict(row).items()}
                for row in self.rows
            ],
            "groups": {name: list(own) for name, own in self.groups.items()},
            "images": self.images,
            "failures": dict(self.failures),
            "protocol": self.terms.to_json(),
        }

    def save(self, folder: Path, *, overwrite: bool = False) -> list[Path]:
        """Write ``psm-bias.csv`` and ``psm-bias.json``.

        Raises:
            OutputError: a file cannot be written, or is somebody else's.
        """
        files = output_folder(folder, overwrite=overwrite)
        return [
            files.text(folder / TABLE, to_csv(self.rows)),
            files.text(folder / DATA, json_text(self.to_json(), indent=1) + "\n"),
        ]

    def draw(self, folder: Path, *, overwrite: bool = False) -> list[Path]:
        """Write the histograms, ``per-prompt.png`` (Fig. 3) and ``per-instance.png`` (Fig. 5).

        Raises:
            MissingExtraError: matplotlib is not installed.
            OutputError: a file cannot be written, or is somebody else's.
        """
        files = output_folder(folder, overwrite=overwrite)
        points = int(self.terms.settings["points"])
        return draw_figures(self.selected, self.terms.classes, self.groups, files, points)


def study_bias(
    tides: Tides,
    dataset: InstanceDataset,
    groups: Mapping[str, Sequence[str]],
    out: Path,
    *,
    config: BiasConfig | None = None,
    overwrite: bool = False,
    limit: int | None = None,
    quiet: bool = False,
) -> BiasStudy:
    """Prompt a segmenter at all objects of a data set.

    Args:
        tides: its segmenter is studied; its scorer and settings make the IO score.
        dataset: images with masks of single objects.
        groups: of class names that are reported apart; see `lexiseg.analysis.tides.class_groups`.
        out: folder for the records, which a second call continues.
        config: number and seed of the points.
        overwrite: records of another study are replaced; files of others may be.
        limit: only the first so many images.
        quiet: no progress bar.

    Raises:
        DatasetError: the data set has no masks, or nothing could be judged.
        OutputError: the folder cannot be written, or holds another study or files of others.
    """
    files = output_folder(out, overwrite=overwrite)
    files.check(*(out / name for name in (TABLE, DATA, *FIGURES.values())))
    chosen = config or BiasConfig()
    tides = tides.configured(**tides.measured)
    terms = _terms(tides, with_objects(dataset), chosen)
    found = collect(
        lambda sample: judge_image(tides, sample, dataset, chosen),
        dataset, terms.binding, files, limit=limit, quiet=quiet,
    )  # fmt: skip
    return _conclude(terms, groups, found)


def _conclude(terms: Terms, groups: Mapping[str, Sequence[str]], found: Collected) -> BiasStudy:
    selected, rows = tabulate(found.records, terms.classes, groups)
    return BiasStudy(terms, groups, selected, rows, len(found.records), found.failures)


def _terms(tides: Tides, dataset: InstanceDataset, config: BiasConfig) -> Terms:
    return Terms(
        study="psm-bias",
        dataset=dataset.name,
        split=dataset.split,
        classes=dataset.classes.names,
        settings=asdict(config),
        recipe=tides.recipe(),
    )


def judge_image(
    tides: Tides, sample: InstanceSample, dataset: InstanceDataset, config: BiasConfig
) -> Record:
    """All candidates of all objects of an image.

    Returns:
        ``objects``: per object its ``class`` index, ``area`` in pixels, and rows of n points with
        m numbers each: ``iou``, ``inside``, ``score``, and ``io``, which is 0 for candidates that
        step C would not have made proposals.
    """
    objects = [item for item in sample.objects if not item.crowd and item.mask.area]
    scene = tides.encode(sample.image)
    seed = image_seed(sample.id, config.seed)
    answers = prompt_objects(scene, tides.segmenter, objects, config.points, seed)
    classes = sorted({item.class_index for item in objects})
    foreground = _foreground(tides, scene, dataset, classes) if classes else None
    if foreground is None:
        return {"objects": []}
    rows = [classes.index(item.class_index) for item in objects]
    identity = identity_scores(answers, rows, foreground, tides.config)
    return {
        "objects": [
            _object(item, iou=one.iou, inside=one.inside, score=one.scores, io=io)
            for item, one, io in zip(objects, answers, identity, strict=True)
        ]
    }


def _foreground(
    tides: Tides, scene: Scene, dataset: InstanceDataset, classes: Sequence[int]
) -> Foreground:
    """Where the scorer sees the classes that are there, asked among all of the data set."""
    question = Question.ask(dataset.classes.vocabulary(), tides.scorer, tides.config)
    return find_foreground(scene, question, classes, tides.scorer, tides.config)


def _object(item: TrueObject, **numbers: object) -> Record:
    rounded = {
        name: [[round(value, DIGITS) for value in row] for row in table.tolist()]  # type: ignore[attr-defined]
        for name, table in numbers.items()
    }
    return {"class": item.class_index, "area": item.mask.area, **rounded}
