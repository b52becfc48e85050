"""``lexiseg train``: fine-tune a small part on pictures of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.endings import EarlyEndError, ExitCode
from lexiseg.cli.option_groups import grouped
from lexiseg.cli.options import ConfigFile, Device, Quiet, read_settings

if TYPE_CHECKING:
    from lexiseg.training.engine.process_group import ProcessGroup
    from lexiseg.training.openworldsam.config import AdapterTraining, DataTask, Schedule
    from lexiseg.training.openworldsam.examples import FileExamples
    from lexiseg.training.openworldsam.loading import NetworkChoice

SHOWN = 10  # complaints on the screen; all of them are in a file


class Trainable(StrEnum):
    """What can be trained."""

    OPENWORLDSAM = "openworldsam"


class AnnotationKind(StrEnum):
    """What the annotations are."""

    PANOPTIC = "panoptic"
    INSTANCE = "instance"
    REFERRING = "referring"


class Whose(StrEnum):
    """Whose settings."""

    PAPER = "paper"
    RELEASED = "released"


class Fused(StrEnum):
    """How picture and text become one vector."""

    EARLY = "early"
    LATE = "late"
    TEXT = "text"


class Kept(StrEnum):
    """Where SAM 2's maps are kept."""

    NONE = "none"
    MEMORY = "memory"
    DISK = "disk"


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What to learn from."""

    data: Annotated[
        Path, typer.Option("--data", help="Annotation file, or a folder in a published layout.")
    ]
    task: Annotated[
        AnnotationKind | None,
        typer.Option("--task", help="What the annotations are; default: look."),
    ] = None
    split: Annotated[str, typer.Option("--split", help="Which part of a folder.")] = "train"
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the pictures; default: look.")
    ] = None
    val: Annotated[Path | None, typer.Option("--val", help="Held-out annotations, as --data.")] = (
        None
    )
    hold_out: Annotated[
        float,
        typer.Option("--hold-out", min=0, max=0.9, help="Share of --data to hold out, without it."),
    ] = 0.05


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """Where to start."""

    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            help="A preset, as paper: its networks and adapter; new: an adapter that knows "
            "nothing; or an adapter's file or folder. Default: the preset's adapter.",
        ),
    ] = None
    preset: Annotated[str, typer.Option("--preset", help="Whose frozen networks.")] = "paper"
    sam2: Annotated[str | None, typer.Option("--sam2", help="Another SAM 2.")] = None
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Another BEiT-3, or a CLIP with --fusion.")
    ] = None
    fusion: Annotated[
        Fused, typer.Option("--fusion", help="How the encoder is used (the paper's Table 4).")
    ] = Fused.EARLY
    variant: Annotated[
        Whose, typer.Option("--variant", help="Settings of the paper or of the released code.")
    ] = Whose.PAPER

    def choice(self) -> NetworkChoice:
        """The weights that are needed."""
        from lexiseg.training.openworldsam.loading import NetworkChoice

        return NetworkChoice.of(
            self.init, self.preset, sam2=self.sam2, encoder=self.encoder, fusion=self.fusion.value
        )


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """How long to train."""

    epochs: Annotated[float | None, typer.Option("--epochs", help="Times each is seen.")] = None
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Of the optimizer.")] = None
    minutes: Annotated[float | None, typer.Option("--minutes", help="On this machine.")] = None

    def schedule(self, usual: Schedule) -> Schedule:
        """What was typed, or the usual length."""
        from lexiseg.training.openworldsam.config import Schedule

        if self.epochs is self.steps is self.minutes is None:
            return usual
        return Schedule(self.steps, self.minutes, self.epochs)


@dataclass(frozen=True, kw_only=True)
class KeepingOptions:
    """What is kept of the frozen networks' work."""

    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder that runs share; default: in the run.")
    ] = None
    keep_maps: Annotated[
        Kept, typer.Option("--keep-maps", help="SAM 2's maps, 17 MB per picture as published.")
    ] = Kept.NONE
    half_maps: Annotated[
        bool, typer.Option("--half-maps", help="Keep and use them in half precision.")
    ] = False


@grouped
def train(
    method: Annotated[Trainable, typer.Argument(help="What to train.")],
    *,
    data: DataOptions,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    start: StartOptions,
    length: LengthOptions,
    keeping: KeepingOptions,
    set: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--set",
            help="OPTION=VALUE of the training, e.g. rate=1e-5, batch=2, adapter.tie_breakers=10; "
            "docs/training.md lists them. Repeatable.",
        ),
    ] = None,
    config: ConfigFile = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data, draw one batch, and stop.")
    ] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train OpenWorldSAM's adapter on annotated pictures; everything else stays frozen.

    Example: lexiseg train openworldsam --data my_coco.json --epochs 3 -o run
    """
    from lexiseg.config import override, split_options
    from lexiseg.training.engine.process_group import ProcessGroup
    from lexiseg.training.openworldsam.config import settings_of

    group = ProcessGroup.join()
    console.state.quiet = quiet or not group.is_main
    examples, task = _open(data)
    usual, usual_length = settings_of(task, start.variant.value)
    own, of_adapter = split_options(read_settings(set, config), "adapter.")
    training = override(usual, own)
    held_out = _held_out(data, task)
    if held_out is None:
        from lexiseg.training.openworldsam.check import hold_out

        examples, held_out = hold_out(examples, data.hold_out, training.seed)
    if dry_run:
        _dry_run(examples, training, out)
        return
    schedule = length.schedule(usual_length)
    job = _Job(examples, held_out, training, schedule, of_adapter, group, device)
    _train(job, data, start, keeping, out, resume)


@dataclass(frozen=True)
class _Job:
    """What is decided before any weights are looked for."""

    examples: FileExamples
    held_out: FileExamples | None
    training: AdapterTraining
    schedule: Schedule
    of_adapter: dict[str, object]
    group: ProcessGroup
    device: str


def _open(data: DataOptions) -> tuple[FileExamples, DataTask]:
    from lexiseg.training.openworldsam.open_data import DataChoice, open_examples

    task: DataTask | None = None if data.task is None else data.task.value
    examples, found = open_examples(DataChoice(data.data, task, data.split, data.images))
    _complain(examples.complaints)
    console.tell(f"{examples.file}: {len(examples)} pictures, {found}")
    return examples, found


def _complain(complaints: tuple[str, ...]) -> None:
    for sentence in complaints[:SHOWN]:
        console.tell(sentence)
    if len(complaints) > SHOWN:
        console.tell(f"... and {len(complaints) - SHOWN} more that are left out")


def _held_out(data: DataOptions, task: DataTask) -> FileExamples | None:
    if data.val is None:
        return None
    from lexiseg.training.openworldsam.open_data import DataChoice, open_examples

    examples, _ = open_examples(DataChoice(data.val, task, "val", data.images))
    return examples


def _dry_run(examples: FileExamples, training: AdapterTraining, out: Path) -> None:
    """Look through all data and draw what the first step would ask."""
    import io

    from lexiseg.io.output_file import write_bytes, write_text
    from lexiseg.training.openworldsam.batches import Batches
    from lexiseg.training.openworldsam.check import look_through
    from lexiseg.training.openworldsam.preview import draw_batch
    from lexiseg.training.openworldsam.run import LEFT_OUT

    found = look_through(
        examples, lambda numbers: console.progress(numbers, len(numbers), "picture")
    )
    buffer = io.BytesIO()
    draw_batch(Batches(examples, training).of_step(0)).save(buffer, "PNG")
    picture = write_bytes(out / "batch.png", buffer.getvalue())
    complaints = (*examples.complaints, *found.complaints)
    write_text(out / LEFT_OUT, "".join(f"{line}\n" for line in complaints))
    _complain(found.complaints)
    typer.echo(replace(found, complaints=complaints).to_text())
    console.tell(f"one batch is drawn in {picture}, all that is left out in {out / LEFT_OUT}")


def _train(
    job: _Job,
    data: DataOptions,
    start: StartOptions,
    keeping: KeepingOptions,
    out: Path,
    resume: bool,
) -> None:
    from lexiseg.models.device import choose_device
    from lexiseg.training.openworldsam.features import FeatureCaching
    from lexiseg.training.openworldsam.loading import load_frozen, load_start
    from lexiseg.training.openworldsam.run import AdapterRun
    from lexiseg.training.openworldsam.validation import Validation

    choice = start.choice()
    choice.require()
    networks = load_frozen(choice, choose_device(job.device), job.training)
    adapter = load_start(choice, networks, job.of_adapter, start.variant.value)
    run = AdapterRun(
        out, networks, adapter, job.examples, job.training, job.schedule,
        validation=None if job.held_out is None else Validation(job.held_out),
        caching=FeatureCaching(
            keeping.cache or out / "cache", keeping.keep_maps.value, keeping.half_maps
        ),
        resume=resume,
        quiet=console.state.quiet,
        group=job.group,
        data={"file": str(job.examples.file), "start": choice.adapter or "nothing"},
        complaints=job.examples.complaints,
    )  # fmt: skip
    with _resumable(out):
        learner = run.run()
    _complain(tuple(learner.batches.left_out.values()))
    console.tell(f"lexiseg segment PICTURE -t NAME --method openworldsam --set adapter={out}")
    if job.group.is_main:
        typer.echo(str(out))


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise EarlyEndError(
            ExitCode.INTERRUPTED,
            f"Interrupted; the last checkpoint is in {out}, and the same command with --resume "
            "goes on from there.",
        ) from error
