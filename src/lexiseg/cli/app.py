"""The program and its way of failing: one sentence, exit code 2, no traceback unless asked."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lexiseg import __version__
from lexiseg.cli import (
    analyze,
    console,
    convert,
    demo,
    doctor,
    evaluate,
    label,
    label_studio,
    models,
    rate,
    segment,
    serve,
    train,
    tune,
    video,
    world,
)
from lexiseg.cli import bench as bench_verb
from lexiseg.cli.endings import EarlyEndError, drop_output, ending_of


class _Program(TyperGroup):
    """Leaves to us the ends that typer would word itself, or not at all."""

    def invoke(self, ctx: Any) -> object:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise EarlyEndError(*ending_of(error)) from error


app = typer.Typer(
    name="lexiseg",
    cls=_Program,
    help=(
        "Segment anything you can name, and name anything you can segment.\n\n"
        "Example: lexiseg segment photo.jpg -t dog -t 'red car'"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "segment": (segment.segment, "Names in, masks out; absent names are refused."),
    "refer": (segment.refer, "Sentences in, the thing they describe out."),
    "label": (label.label, "Segments that name themselves."),
    "serve": (serve.serve, "A page to try it on, and the same over HTTP."),
    "rate": (rate.rate, "A page on which people judge labels."),
    "video": (video.video, "Names in every frame of a clip."),
    "evaluate": (evaluate.evaluate, "Quality on data sets, with its protocol."),
    "tune": (tune.tune, "Settings chosen on labelled pictures."),
    "train": (train.train, "A small part, on pictures of one's own."),
    "convert": (convert.convert, "Results into another file format."),
    "label-studio": (label_studio.label_studio, "A backend for Label Studio."),
    "bench": (bench_verb.bench, "Time a method on this machine."),
    "doctor": (doctor.doctor, "Versions, devices, weights, extras."),
    "demo": (demo.demo, "See it work, offline, in a minute."),
    "miniworld": (world.miniworld, "Scenes with exact truth of every kind."),
}
for _verb, (_function, _line) in _VERBS.items():
    app.command(_verb, short_help=_line)(_function)
app.add_typer(analyze.app, name="analyze")
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before the verb."""
    console.state.debug = debug


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Args:
        arguments: words after the program's name; by default those of the process.
    """
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return _called(arguments)
    except (Exception, KeyboardInterrupt) as error:
        if console.state.debug and not isinstance(error, EarlyEndError | KeyboardInterrupt):
            raise
        code, sentence = ending_of(error)
        drop_output()
        console.say(sentence)
        return code


def _called(arguments: Sequence[str] | None) -> int:
    """The exit code of a verb that came to its end; whatever it printed has been taken."""
    with warnings.catch_warnings():
        warnings.showwarning = console.warn
        warnings.simplefilter("default", UserWarning)  # for people, whatever -W says
        try:
            app(args=arguments, standalone_mode=True)
        except SystemExit as finished:
            sys.stdout.flush()
            return finished.code if isinstance(finished.code, int) else 0
    return 0
