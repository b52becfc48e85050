"""``lexiseg evaluate``: a method on a data set, or the miniature tables of its paper."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, Model, grouped
from lexiseg.cli.options import Engine, Overwrite, Preset, Quiet, read_settings
from lexiseg.errors import UsageError
from lexiseg.types import Recipe, Task

if TYPE_CHECKING:
    from lexiseg.datasets import AnyDataset
    from lexiseg.evaluation import Evaluation
    from lexiseg.evaluation.asking import Prompts


@grouped
def evaluate(
    method: Annotated[
        str | None, typer.Argument(help="The system to evaluate; none with --predictions.")
    ] = None,
    *,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="voc21, refcoco, coco, lvis, ...")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The data set's folder, laid out as published.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Finished answers, in any format read.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="What --predictions are judged by.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for numbers and records.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Default: the usual one.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="First n images.")] = None,
    replicate: Annotated[
        bool, typer.Option("--replicate", help="The paper's tables in miniature, on Miniworld.")
    ] = False,
    scenes: Annotated[int, typer.Option("--scenes", min=1, help="Scenes for --replicate.")] = 200,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, help="Processes for --replicate or --engine ray; default: cores."
        ),
    ] = None,
    engine: Engine = "local",
    preset: Preset = None,
    sentences: Annotated[
        str | None,
        typer.Option(
            "--sentences",
            help="Sentence-BERT (folder or hub id) that compares a system's own labels with names.",
        ),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            help="How segments that name themselves are judged: templates=imagenet, "
            "candidates=present, ignore_unlabelled=true; repeatable.",
        ),
    ] = None,
    prompts: Annotated[
        Literal["global", "oracle"],
        typer.Option("--prompts", help="oracle: only the classes that an image's truth shows."),
    ] = "global",
    wording: Annotated[
        str | None,
        typer.Option("--wording", help="Of classes: released, plain, verbatim or fc-clip."),
    ] = None,
    loading: Loading,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure quality; every file of numbers is stamped with its protocol.

    Example: lexiseg evaluate car --dataset voc21 --data VOCdevkit/VOC2012 -o runs/voc21

    Example: lexiseg evaluate --predictions found.json --truth instances_val2017.json
    """
    console.state.quiet = quiet
    if engine == "ray" and dataset is None:
        raise UsageError("--engine ray goes with --dataset NAME.")
    if predictions or truth:
        if not (predictions and truth) or method or dataset or replicate:
            raise UsageError(
                "--predictions and --truth go together, without a method, --dataset or --replicate."
            )
        _evaluate_files(predictions, truth, out, overwrite)
        return
    if method is None:
        raise UsageError("Name the method to evaluate, or give --predictions and --truth.")
    if replicate == (dataset is not None):
        raise UsageError("Give either --dataset NAME or --replicate.")
    judged = sentences or judge or wording or prompts == "oracle"
    if replicate and (preset or loading.set or loading.config or judged):
        raise UsageError(
            "--preset, --set, --config, --sentences, --judge, --prompts and --wording go with "
            "--dataset NAME."
        )
    if dataset is None:
        how = {"device": loading.device, "dtype": loading.dtype}
        _replicate(method, out, overwrite=overwrite, scenes=scenes, jobs=jobs, **how)
        return
    from lexiseg.registry import METHODS

    answer: Task = METHODS[method].task
    model = loading.model(method, preset, dataset)
    if sentences and answer != "self-named":
        raise UsageError("--sentences is for systems that name segments themselves.")
    opened = open_dataset(answer, dataset, data, split, wording)
    judging = read_settings(judge, None, "--judge")
    _evaluate(
        model,
        opened,
        sentences,
        judging,
        out=out,
        overwrite=overwrite,
        limit=limit,
        prompts=prompts,
        engine=engine,
        jobs=jobs,
    )


_MINIWORLD = {"semantic": "", "instances": "-instances", "self-named": "-regions"}


def open_dataset(
    answer: Task, name: str, data: Path | None, split: str | None, wording: str | None = None
) -> AnyDataset:
    """The data set in its folder; Miniworld needs none, others are looked for right here.

    Args:
        answer: what the method answers, which says what is asked of Miniworld.
        name: as typed.
        data: its folder.
        split: as typed; None takes the usual one.
        wording: of its classes; None takes the usual one.

    Raises:
        UsageError: the data set has no wordings to choose from.
    """
    from lexiseg.registry import DATASETS

    name = f"miniworld{_MINIWORLD[answer]}" if name == "miniworld" else name
    drawn = name.startswith("miniworld")
    options = {"wording": "plain"} if answer == "self-named" and not drawn else {}
    if split:
        options["split"] = split
    if wording:
        if "wording" not in signature(DATASETS[name]).parameters:
            raise UsageError(f"Data set {name!r} has one wording only; leave --wording out.")
        options["wording"] = wording
    opened: AnyDataset = DATASETS[name](data if data or drawn else Path(), **options)
    return opened


def _evaluate(
    model: Model,
    dataset: AnyDataset,
    sentences: str | None,
    judging: Mapping[str, object],
    *,
    out: Path | None,
    overwrite: bool,
    limit: int | None,
    prompts: Prompts = "global",
    engine: str = "local",
    jobs: int | None = None,
) -> None:
    from lexiseg.config import override
    from lexiseg.evaluation import evaluate as measure
    from lexiseg.evaluation.tasks.self_named.judging import Judging
    from lexiseg.models.sentence_bert import SentenceBert

    meaning = SentenceBert.load(sentences, model.device) if sentences else None
    choices = override(Judging(), judging) if judging else None
    method = model.load()
    elsewhere = None
    if engine == "ray":
        from lexiseg.integrations.ray_evaluation import OnCluster

        elsewhere = OnCluster(model.load, method.recipe(), model.device, jobs)
    outcome = measure(
        method, dataset, out=out, overwrite=overwrite, limit=limit, quiet=console.state.quiet,
        sentences=meaning, judging=choices, prompts=prompts, elsewhere=elsewhere,
    )  # fmt: skip
    _print(outcome, method.recipe())


def _evaluate_files(predictions: Path, truth: Path, out: Path | None, overwrite: bool) -> None:
    from lexiseg.evaluation.files import evaluate_files

    _print(evaluate_files(predictions, truth, out=out, overwrite=overwrite))


def _print(outcome: Evaluation, recipe: Recipe | None = None) -> None:
    typer.echo(outcome.to_markdown())
    if recipe:
        console.caution(recipe)
    if outcome.failures:
        console.say(f"{len(outcome.failures)} images could not be judged")
        raise typer.Exit(1)


def _replicate(method: str, out: Path | None, **how: object) -> None:
    from lexiseg.registry import REPLICATIONS

    typer.echo(REPLICATIONS[method](out=out, quiet=console.state.quiet, **how))
