"""``lexiseg segment`` and ``lexiseg refer``: images in, masks out."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.cluster import answer_on_cluster
from lexiseg.cli.endings import resumable, tell_end
from lexiseg.cli.option_groups import ImageRun, Model, NameOptions, grouped
from lexiseg.cli.options import read_formats
from lexiseg.errors import UsageError
from lexiseg.types import Result, Vocabulary

if TYPE_CHECKING:
    from lexiseg.io.answering import Failure, MethodCall
    from lexiseg.io.run_folder import Job

Images = Annotated[
    list[str], typer.Argument(help="Images, folders, patterns, or a .txt list of them.")
]


@grouped
def segment(images: Images, asked: NameOptions, run: ImageRun) -> None:
    """Find named things in images; names that are not there are refused.

    Example: lexiseg segment photos/ -t dog -t "red car" -o out --format overlay,coco
    """
    console.state.quiet = run.quiet
    vocabulary = asked.vocabulary()
    model = run.loading.model(run.method, run.preset)
    run_model("segment", images, vocabulary, model, vocabulary, run)


@grouped
def refer(
    images: Images,
    text: Annotated[list[str], typer.Option("-t", "--text", help="A sentence. Repeatable.")],
    run: ImageRun,
) -> None:
    """Find the one thing that a sentence describes; each sentence gets its own mask.

    Example: lexiseg refer photo.jpg -t "the dog left of the sofa"
    """
    console.state.quiet = run.quiet
    sentences = Vocabulary.parse(text)
    model = run.loading.model(run.method, run.preset)
    run_model("refer", images, sentences, model, sentences.names, run)


def texts_of(asked: Vocabulary | None) -> dict[str, tuple[str, ...]]:
    """Names with their wordings, as a run remembers them."""
    return dict(zip(asked.names, asked.wordings, strict=True)) if asked else {}


def rules_of(asked: Vocabulary | None) -> dict[str, object]:
    """What names compete with, and their cut-offs, as a run remembers them."""
    if asked is None:
        return {}
    limits = {name: limit for name, limit in zip(asked.names, asked.limits, strict=True) if limit}
    rules = {"against": asked.against, "excluded": asked.excluded, "cutoffs": limits}
    return {name: rule for name, rule in rules.items() if rule}


def run_model(
    verb: str,
    images: list[str],
    asked: Vocabulary | None,
    model: Model,
    question: Vocabulary | tuple[str, ...] | None,
    run: ImageRun,
) -> None:
    """Answer images, and leave with 1 if some failed.

    Args:
        verb: what the method is to do; also the name of its function for it.
        images: files, folders, patterns, lists.
        asked: names or sentences; None where nothing is asked.
        model: which method.
        question: the same as its function takes them.
        run: its `out` is by default a new folder, or none with `json`.

    Raises:
        UsageError: the method has no such verb, or options do not go together.
    """
    from lexiseg.io.answering import MethodCall
    from lexiseg.io.run_folder import Job

    require_verb(model.method, verb)
    settings = {**model.settings, **run.colours.typed()}
    job = Job(
        verb, model.method, model.preset, texts_of(asked), settings,
        read_formats(run.format), rules_of(asked),
    )  # fmt: skip
    answer = answer_on_cluster if run.engine == "ray" else _answer_here
    answer(images, job, MethodCall(model.load, verb, question), run)


def _answer_here(images: list[str], job: Job, call: MethodCall, run: ImageRun) -> None:
    """Answer images on this machine into a run folder."""
    from lexiseg.io.addresses import is_address
    from lexiseg.io.answering import answer_images
    from lexiseg.io.listing import list_images
    from lexiseg.io.processes import Processes
    from lexiseg.io.run_folder import RunFolder, open_default
    from lexiseg.models.device import usual_batch

    if run.out is not None and is_address(run.out):
        raise UsageError(f"-o was given {run.out!r}; expected a folder, or add --engine ray.")
    read, batch = run.colours.reader(), run.batch or usual_batch(run.loading.device)
    paths = list_images(images)
    with ExitStack() as stack:
        folder = None
        if run.out is not None:
            folder = stack.enter_context(RunFolder(Path(run.out), job, overwrite=run.overwrite))
        elif not run.json:
            default = open_default(Path("lexiseg-out"), job, overwrite=run.overwrite)
            folder = stack.enter_context(default)
        if folder:
            console.tell(f"results -> {folder.path}")
        stack.enter_context(resumable(folder.path if folder else None))
        debug, compute = console.state.debug, None
        if run.jobs and run.jobs > 1:
            compute = stack.enter_context(Processes(run.jobs, call, read, debug, batch)).answers
        outcomes = stack.enter_context(  # it writes until it is closed
            closing(
                answer_images(
                    paths, call, folder, read=read, debug=debug, batch=batch, compute=compute
                )
            )
        )
        failures = tell_outcomes(console.progress(outcomes, len(paths), "image"), as_json=run.json)
    tell_end(len(paths), failures, folder.path if folder else None)


def tell_outcomes(outcomes: Iterable[Result | Failure], *, as_json: bool) -> int:
    """Say what became of each image, and count those without an answer.

    Args:
        outcomes: one per image.
        as_json: print a JSON object per answer on stdout.
    """
    from lexiseg.cli.summary import summary

    failures, recipe = 0, None
    for outcome in outcomes:
        if not isinstance(outcome, Result):
            failures += 1
            console.say(f"failed: {outcome.reason}")
            continue
        if as_json:
            console.emit(outcome.to_json())
        console.tell(summary(outcome))
        recipe = outcome.recipe
    if recipe:
        console.caution(recipe)
    return failures


def require_verb(method: str, verb: str) -> None:
    """Check that a method can do what is asked of it.

    Raises:
        UnknownNameError: there is no such method.
        UsageError: it has no such verb.
    """
    from lexiseg.registry import METHODS

    if verb not in METHODS[method].verbs:
        raise UsageError(
            f"Method {method!r} cannot {verb}; choose another with --method, or another verb "
            "(lexiseg --help)."
        )
