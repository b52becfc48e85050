"""``lexiseg evaluate``: a method on a data set, or the miniature tables of its paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import ConfigFile, Device, Dtype, Quiet, Settings, read_settings
from lexiseg.errors import UsageError


def evaluate(
    method: Annotated[str, typer.Argument(help="The system to evaluate.")],
    dataset: Annotated[str | None, typer.Option("--dataset", help="voc21, refcoco, ...")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The data set's folder, laid out as published.")
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
    preset: Annotated[
        str | None, typer.Option("--preset", help="Default: the data set's own settings.")
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    set: Settings = None,  # noqa: A002 - the flag people type
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """Measure quality; every file of numbers is stamped with its protocol.

    Example: lexiseg evaluate car --dataset voc21 --data VOCdevkit/VOC2012 -o runs/voc21
    """
    console.state.quiet = quiet
    if replicate == (dataset is not None):
        raise UsageError("Give either --dataset NAME or --replicate.")
