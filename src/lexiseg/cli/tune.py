"""``lexiseg tune``: settings chosen on labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.evaluate import open_dataset
from lexiseg.cli.option_groups import Loading, grouped
from lexiseg.cli.options import Overwrite, Preset, Quiet, read_settings
from lexiseg.types import Method


@grouped
def tune(
    method: Annotated[str, typer.Argument(help="The system whose settings are chosen.")],
    *,
    tried: Annotated[
        list[str] | None,
        typer.Option("--try", help="A value of an option, as eta=0.4; repeatable, in order."),
    ] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", help="Labelled pictures: miniworld, coco, voc21, ...")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="The data set's folder, laid out as published.")
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="Of the data set; not the one that you report.")
    ] = "val",
    limit: Annotated[int, typer.Option("--limit", min=1, help="First n pictures.")] = 40,
    by: Annotated[
        str | None, typer.Option("--by", help="Score that decides; default: the first of its kind.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the table; resumes there.")
    ] = None,
    preset: Preset = None,
    loading: Loading,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure values of options on labelled pictures, one option after the other; keep the best.

    Example: lexiseg tune car --dataset miniworld --try eta=0.4 --try eta=0.5 --try proposals=value
    """
    from lexiseg.evaluation.tuning import tune as search
    from lexiseg.registry import METHODS

    console.state.quiet = quiet
    opened = open_dataset(METHODS[method].task, dataset, data, split)

    def load(settings: Mapping[str, object]) -> Method:
        return loading.model(method, preset, dataset, **settings).load()

    choices = _choices(tried or [])
    found = search(
        load, opened, choices, by=by, out=out, overwrite=overwrite, limit=limit, quiet=quiet
    )
    typer.echo(found.to_markdown())
    console.caution(load({}).recipe())


def _choices(tried: list[str]) -> dict[str, list[object]]:
    """Values by option, both in the order in which they were typed."""
    choices: dict[str, list[object]] = {}
    for entry in tried:
        for name, value in read_settings([entry], None, "--try").items():
            choices.setdefault(name, []).append(value)
    return choices
