"""Run a method over a data set: resumable, one bad image at most costs that image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lexiseg.datasets import AnyDataset, SemanticSample, check_dataset
from lexiseg.errors import UsageError
from lexiseg.evaluation.asking import (
    Prompts,
    asking_present,
    check_prompts,
    has_names,
    most_asked,
    oracle_words,
)
from lexiseg.evaluation.collecting import Judged, collect
from lexiseg.evaluation.presets import as_measured
from lexiseg.evaluation.protocol import TaskTerms, protocol_of
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import FILES, Evaluation, Summary
from lexiseg.evaluation.tasks import instances, panoptic, referring, semantic, video
from lexiseg.evaluation.tasks.self_named import scoring as zero_guidance
from lexiseg.evaluation.tasks.self_named.judging import Judging
from lexiseg.evaluation.tasks.self_named.meaning import by_meaning
from lexiseg.evaluation.tasks.self_named.thresholds import PAGE, PLOT, write_sweeps
from lexiseg.io.output_folder import output_folder
from lexiseg.models.sentence_bert import SentenceBert
from lexiseg.types import Method

_SEED = 0  # of the bootstrap


@dataclass(frozen=True)
class _Task:
    score: Callable[..., Record]
    summarize: Callable[..., Summary]
    write: Callable[..., object] | None = None
    files: tuple[str, ...] = ()  # that it writes
    terms: TaskTerms = field(default_factory=TaskTerms)  # what the protocol says otherwise


_TASKS = {
    "semantic": _Task(semantic.score_image, semantic.summarize),
    "panoptic": _Task(panoptic.score_image, panoptic.summarize),
    "referring": _Task(referring.score_image, referring.summarize),
    "video": _Task(video.score_clip, video.summarize),
    "instances": _Task(
        instances.score_image, instances.summarize, instances.write_results, (instances.RESULTS,)
    ),
}
_NAMING = _Task(
    zero_guidance.score_image,
    zero_guidance.summarize,
    write_sweeps,
    (PAGE, PLOT),
    zero_guidance.TERMS,
)


@dataclass(frozen=True)
class Measurement:
    """What is asked of a method and how it is judged; a plain value, which other processes take.

    Args:
        dataset: images and their truth.
        prompts: which names are asked.
        judging: of methods that name segments themselves.
    """

    dataset: AnyDataset
    prompts: Prompts = "global"
    judging: Judging | None = None

    def of(self, method: Method) -> tuple[Method, _Task]:
        """The method as it is measured, and the task."""
        method = _with_stuff_of(self.dataset, as_measured(method))
        task = _judged(_task_of(method, self.dataset), self.judging)
        if self.prompts == "oracle":
            task = _asking_present(task, self.dataset)
        return method, task

    def judge(self, method: Method) -> Callable[[int], Record]:
        """What makes the record of an image, given by its number."""
        measured, task = self.of(method)
        return lambda index: task.score(measured, self.dataset[index], self.dataset)


Elsewhere = Callable[[Measurement, Sequence[int]], Iterable[Judged]]
"""Makes a measurement of images, given by their numbers, in other processes."""


def evaluate(
    method: Method,
    dataset: AnyDataset,
    *,
    out: Path | None = None,
    overwrite: bool = False,
    limit: int | None = None,
    quiet: bool = False,
    sentences: SentenceBert | None = None,
    judging: Judging | None = None,
    prompts: Prompts = "global",
    elsewhere: Elsewhere | None = None,
) -> Evaluation:
    """Measure a method on a data set.

    Args:
        method: any; the names of one that names segments itself are moved onto the classes. It is
            asked with the settings it is measured with (`measured`), except where others were
            chosen.
        dataset: what ``lexiseg.registry.DATASETS[name](folder)`` opens.
        out: folder for ``records.jsonl`` (one line per image, appended as the run goes; a second
            call with the same folder continues), ``result.json``, ``report.md`` and
            ``per_class.csv``, for single objects also ``coco-results.json``, for names that a
            method found by itself ``thresholds.md`` and ``thresholds.png``; None writes nothing.
            What is there and was not written by such a call is refused.
        overwrite: files of others are replaced, and so are records of another protocol.
        limit: only the first so many images.
        quiet: no progress bar (there is none either where stderr is no terminal).
        sentences: for methods that name segments themselves, compares their labels with class
            names.
        judging: for the same methods, how their segments are moved onto classes; None judges as
            the paper does.
        prompts: "oracle" asks an image for the classes of its truth, and for nothing else;
            "global" for what the data set says. The protocol tells them apart.
        elsewhere: who asks the method, loaded alike, in place of this process; see
            `lexiseg.integrations.ray_evaluation`.

    Raises:
        DatasetError: the data set lacks what its kind of question needs, or not a single image
            could be judged.
        OutputError: the folder cannot be written, or holds files of others or records of another
            protocol.
    """
    check_dataset(dataset)
    check_prompts(prompts, dataset)
    measurement = Measurement(dataset, prompts, judging)
    method, task = measurement.of(method)
    protocol = replace(protocol_of(dataset, method.recipe(), seed=_SEED), **task.terms)
    with TemporaryDirectory() as spare:
        folder = Path(out or spare)
        files = output_folder(folder, overwrite=overwrite)
        files.check(*(folder / name for name in (*FILES, *task.files)))
        found = collect(
            lambda sample: task.score(method, sample, dataset),
            dataset, protocol.terms, files, limit=limit, quiet=quiet,
            judges=partial(elsewhere, measurement) if elsewhere else None,
        )  # fmt: skip
    done = found.records
    if sentences and task is _NAMING and dataset.task == "semantic":
        done = by_meaning(done, dataset.classes, sentences)
        weights = {**protocol.weights, "sentences": f"{sentences.name} {sentences.fingerprint}"}
        protocol = replace(protocol, weights=weights)
    summary = task.summarize(done, dataset, seed=_SEED)
    evaluation = Evaluation(replace(protocol, images=len(done)), summary, found.failures)
    if out:
        evaluation.save(folder, overwrite=overwrite)
        if task.write:
            task.write(done, dataset, output_folder(folder, overwrite=overwrite))
    return evaluation


def _task_of(method: Method, dataset: AnyDataset) -> _Task:
    """What is judged; a method that cannot be asked for names has found its own."""
    if method.task != "self-named":
        return _TASKS[dataset.task]
    if dataset.task != "semantic":
        raise UsageError(
            f"Data set {dataset.name!r} does not have a class for every pixel, which a method "
            "that names its own segments is judged by; take miniworld-regions, voc20, context59 "
            "or pc459."
        )
    return _NAMING


def _judged(task: _Task, judging: Judging | None) -> _Task:
    """The task with other choices of the judge, which only self-named segments leave to it."""
    if judging is None:
        return task
    if task is not _NAMING:
        raise UsageError("Ways of judging can be chosen only for systems that name segments.")
    score = partial(zero_guidance.score_image, judging=judging)
    return replace(task, score=score, terms=zero_guidance.terms_of(judging))


def _asking_present(task: _Task, dataset: AnyDataset) -> _Task:
    """The task under oracle prompts."""
    if task is not _TASKS.get(dataset.task) or not has_names(dataset):
        raise UsageError("Prompts can be chosen only for systems that are asked for names.")
    most = most_asked(dataset)

    def score(method: Method, sample: SemanticSample, data: AnyDataset) -> Record:
        return task.score(method, asking_present(sample, most), data)

    return replace(task, score=score, terms={"asking": "oracle", "asked": oracle_words(dataset)})


def _with_stuff_of(dataset: AnyDataset, method: Method) -> Method:
    """The method with the data set's split into things and stuff, if it has such a setting."""
    if not has_names(dataset):
        return method
    stuff = dataset.classes.stuff
    if stuff and method.takes_stuff:
        return method.configured(stuff=tuple(sorted(stuff)))
    return method
