"""``lexiseg models``: what weights exist, what is here, and how to fetch the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.endings import EarlyEndError, ExitCode
from lexiseg.errors import WeightsNotFoundError

app = typer.Typer(
    help="Weights: list, pull, path.\n\nExample: lexiseg models pull clip-vit-b16",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def weight_places() -> dict[str, str]:
    """Every known checkpoint with the place it lies in on this machine, or "not here"."""
    from lexiseg.models.bundled import bundled_weights
    from lexiseg.models.hub import checkpoints

    places = {name: str(folder) for name, folder in bundled_weights().items()}
    places.update({name: str(_local(name) or "not here") for name in checkpoints()})
    return places


def _local(name: str) -> Path | None:
    from lexiseg.models.hub import find_weights

    try:
        return find_weights(name)
    except WeightsNotFoundError:
        return None


@app.command("list")
def list_models() -> None:
    """Show every known checkpoint: where it is, its hub id, size, checksum and licence.

    Example: lexiseg models list
    """
    from lexiseg.models.hub import checkpoints

    published = checkpoints()
    for name, place in weight_places().items():
        terms = published[name].describe() if name in published else "bundled, Apache-2.0"
        typer.echo(f"{name}\n  {terms}\n  {place}")


@app.command("pull")
def pull(
    names: Annotated[list[str], typer.Argument(help="Names as `lexiseg models list` shows them.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before fetching.")] = False,
) -> None:
    """Fetch weights ahead of use; shows size, checksum and licence first.

    Example: lexiseg models pull clip-vit-b16 clip-vit-l14
    """
    from lexiseg.models.bundled import bundled_weights
    from lexiseg.models.hub import check_name, checkpoints
    from lexiseg.models.hub import pull as fetch

    here = bundled_weights() | {name: Path(name) for name in names if Path(name).exists()}
    wanted = [name for name in names if name not in here]
    for name in wanted:
        check_name(name)
    for name in wanted:
        known = checkpoints().get(name)
        console.say(f"{name}: {known.describe() if known else 'a repository of the hub'}")
    if wanted and not (yes or _agreed()):
        raise EarlyEndError(
            ExitCode.DECLINED, "Nothing was fetched; answer y, or give --yes to be asked nothing."
        )
    for name in names:
        typer.echo(str(here.get(name) or fetch(name, progress=console.say)))


def _agreed() -> bool:
    """Whether somebody is there who says yes."""
    try:
        return typer.confirm("Fetch from the hub?", err=True)
    except typer.Abort:
        return False


@app.command("path")
def path(name: Annotated[str, typer.Argument(help="A name of `lexiseg models list`.")]) -> None:
    """Print where the weights lie; an error with both ways out if they are not here.

    Example: lexiseg models path clip-vit-b16
    """
    from lexiseg.models.bundled import bundled_weights
    from lexiseg.models.hub import find_weights

    typer.echo(str(bundled_weights().get(name) or find_weights(name)))
