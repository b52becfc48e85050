"""Judge all pictures, and sum up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from lexiseg.analysis.oracles.comparison import compare_runs
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.gallery import worst_shots
from lexiseg.analysis.oracles.inputs.cases import Cases, Mode
from lexiseg.analysis.oracles.instance_measure import InstanceMeasure
from lexiseg.analysis.oracles.judging import Judge
from lexiseg.analysis.oracles.levers import Tallies
from lexiseg.analysis.oracles.measures import Measure, PanopticMeasure, SemanticMeasure
from lexiseg.analysis.oracles.report import OracleReport
from lexiseg.analysis.terms import Terms
from lexiseg.evaluation.collecting import Collected, collect
from lexiseg.io.output_folder import output_folder
from lexiseg.io.writer import Destination
from lexiseg.types import Recipe

AGAINST = "against"
MEASURES: Mapping[Mode, Measure] = {
    "panoptic": PanopticMeasure(),
    "semantic": SemanticMeasure(),
    "instances": InstanceMeasure(),
}


def study_files(
    cases: Cases,
    out: Path,
    config: OracleConfig,
    *,
    against: Cases | None = None,
    gallery: int = 2,
    overwrite: bool = False,
    limit: int | None = None,
    quiet: bool = False,
) -> OracleReport:
    """What holds a predictor back.

    Args:
        cases: truth, answers and candidates.
        out: folder for the records, which a second call continues.
        config: settings.
        against: another predictor on the same truth; its records go to the folder ``against``.
        gallery: pictures of every type of error.
        overwrite: records of another study are replaced; files of others may be.
        limit: only the first so many pictures.
        quiet: no progress bar.

    Raises:
        DatasetError: not a single picture could be judged.
        OutputError: the folder cannot be written, or holds another study or files of others.
    """
    files = output_folder(out, overwrite=overwrite)
    files.check(*(out / name for name in OracleReport.FILES))
    judged = _judge(cases, files, config, limit, quiet)
    report = _summed(judged, cases, config)
    report = replace(report, gallery=worst_shots(cases, judged.records, gallery))
    if against is None:
        return report
    beside = output_folder(out / AGAINST, overwrite=overwrite)
    other = _judge(against, beside, config, limit, quiet)
    compared = compare_runs(
        judged.records, other.records, cases.classes, MEASURES[cases.truth.mode],
        source=against.source, seed=config.seed, draws=config.draws,
    )  # fmt: skip
    return replace(report, comparison=compared)


def _judge(
    cases: Cases, files: Destination, config: OracleConfig, limit: int | None, quiet: bool
) -> Collected:
    """The records of all pictures, those that are there already among them."""
    judge = Judge(cases.classes, config, MEASURES[cases.truth.mode], cases.infer)
    terms = _terms(cases, config).binding
    return collect(judge, cases, terms, files, limit=limit, quiet=quiet)


def _terms(cases: Cases, config: OracleConfig) -> Terms:
    """What a reader must know of the numbers."""
    recipe = Recipe("file", cases.source, {"mode": cases.truth.mode})
    settings = {**asdict(config), "seen": list(cases.classes.seen)}
    return Terms("oracles", cases.name, cases.split, cases.classes.names, settings, recipe)


def _summed(judged: Collected, cases: Cases, config: OracleConfig) -> OracleReport:
    measure, classes, records = MEASURES[cases.truth.mode], cases.classes, judged.records
    by_run = {
        name: measure.gather([record["runs"][name] for record in records], len(classes))
        for name in records[0]["runs"]
    }
    groups = classes.chosen()
    tallies = Tallies(by_run, measure, groups, len(records), config.seed, config.draws)
    return OracleReport.of(judged, classes, _terms(cases, config), tallies, config)
