"""``lexiseg segment`` and ``lexiseg refer``: images in, masks out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.endings import ExitCode, resumable
from lexiseg.cli.option_groups import ImageRun, Model, NameOptions, grouped
from lexiseg.cli.options import read_formats
from lexiseg.errors import UsageError
from lexiseg.types import Result, Vocabulary

if TYPE_CHECKING:
    from lexiseg.io.answering import Failure
    from lexiseg.io.samples import ImageArray

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
    run_model(images, vocabulary, MethodCall(model, "segment", vocabulary), run)


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
    run_model(images, sentences, MethodCall(model, "refer", sentences.names), run)


@dataclass(frozen=True)
class MethodCall:
    """What a model is asked, for this process or for others.

    Args:
        model: which method.
        verb: what it is to do; also the name of its function for it.
        question: names or sentences; None where nothing is asked.
    """

    model: Model
    verb: str
    question: Vocabulary | tuple[str, ...] | None = None

    def __call__(self) -> Callable[[ImageArray], Result]:
        """Load the method; the function that answers one image."""
        ask: Callable[..., Result] = getattr(self.model.load(), self.verb)
        given = () if self.question is None else (self.question,)
        return lambda image: ask(image, *given)


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
    images: list[str], asked: Vocabulary | None, asking: MethodCall, run: ImageRun
) -> None:
    """Answer images into a run folder, and leave with 1 if some failed.

    Args:
        images: files, folders, patterns, lists.
        asked: names or sentences; None where nothing is asked.
        asking: the same as a question to a model.
        run: its `out` is by default a new folder, or none with `json`.

    Raises:
        UsageError: the method has no such verb.
    """
    from lexiseg.io.answering import answer_images
    from lexiseg.io.listing import list_images
    from lexiseg.io.processes import Processes
    from lexiseg.io.run_folder import Job, RunFolder, open_default

    verb, model = asking.verb, asking.model
    require_verb(model.method, verb)
    read = run.colours.reader()
    settings = {**model.settings, **run.colours.typed()}
    job = Job(
        verb, model.method, model.preset, texts_of(asked), settings,
        read_formats(run.format), rules_of(asked),
    )  # fmt: skip
    paths = list_images(images)
    with ExitStack() as stack:
        folder = None
        if run.out is not None:
            folder = stack.enter_context(RunFolder(run.out, job, overwrite=run.overwrite))
        elif not run.json:
            default = open_default(Path("lexiseg-out"), job, overwrite=run.overwrite)
            folder = stack.enter_context(default)
        if folder:
            console.tell(f"results -> {folder.path}")
        stack.enter_context(resumable(folder.path if folder else None))
        debug, compute = console.state.debug, None
        if run.jobs > 1:
            compute = stack.enter_context(Processes(run.jobs, asking, read, debug)).answers
        outcomes = stack.enter_context(  # it writes until it is closed
            closing(answer_images(paths, asking, folder, read=read, debug=debug, compute=compute))
        )
        failures = tell_outcomes(console.progress(outcomes, len(paths), "image"), as_json=run.json)
    where = f" -> {folder.path}" if folder else ""
    failed = f", {failures} failed" if failures else ""
    console.tell(f"{len(paths) - failures} of {len(paths)} images done{failed}{where}")
    if failures:
        raise typer.Exit(ExitCode.SOME_FAILED)


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
