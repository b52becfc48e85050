"""``lexiseg models``: what weights exist, what is here, and how to fetch the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.endings import EarlyEndError, ExitCode
from lexiseg.cli.verify import refuse_strangers, verify
from lexiseg.errors import WeightsNotFoundError

ABSENT = "not here"
PERMISSIVE = ("Apache-2.0", "MIT", "BSD-3-Clause")
app = typer.Typer(
    help="Weights: list, pull, path, verify.\n\nExample: lexiseg models pull clip-vit-b16",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def weight_places() -> dict[str, str]:
    """Every known checkpoint with the place it lies in on this machine, or "not here"."""
    from lexiseg.models.bundled import bundled_weights
    from lexiseg.models.hub import checkpoints

    places = {name: str(folder) for name, folder in bundled_weights().items()}
    places.update({name: str(_local(name) or ABSENT) for name in checkpoints()})
    return places


def _local(name: str) -> Path | None:
    from lexiseg.models.hub import find_weights

    try:
        return find_weights(name)
    except WeightsNotFoundError:
        return None


@app.command("list")
def list_models(
    commercial: Annotated[
        bool,
        typer.Option("--commercial", help="Only those whose licence allows commercial use."),
    ] = False,
) -> None:
    """Show every known checkpoint: hub id, size, licence, checksum, where it is, how it verified.

    With --commercial those stay whose weights are published under a permissive licence by name.

    Example: lexiseg models list --commercial
    """
    from lexiseg.models.hub import checkpoints

    published = checkpoints()
    left_out = []
    for name, place in weight_places().items():
        terms = published[name].license if name in published else "Apache-2.0"
        if commercial and terms not in PERMISSIVE:
            left_out.append(f"{name} ({terms})")
            continue
        about = published[name].describe() if name in published else "bundled, license Apache-2.0"
        typer.echo(f"{name}\n  {about}\n  {place}{_verdict(name, place)}")
    if left_out:
        console.tell(f"left out: {', '.join(left_out)}")


def _verdict(name: str, place: str) -> str:
    """How the checks of a checkpoint that is here went."""
    from lexiseg.models.verify.record import verified

    if place == ABSENT:
        return ""
    told = verified(name, Path(place))
    return f"\n  verified: {told}" if told else "\n  not verified"


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
        path = here.get(name) or fetch(name, progress=console.say)
        if name in checkpoints():
            refuse_strangers(name, path)
        typer.echo(str(path))


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


app.command("verify")(verify)
