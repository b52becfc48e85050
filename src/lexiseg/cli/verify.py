"""``lexiseg models verify``: a checkpoint against what is published of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.endings import ExitCode
from lexiseg.errors import CheckpointError

if TYPE_CHECKING:
    from lexiseg.models.verify.outcome import CheckRow

HEADS = ("check", "expected", "found", "tolerance", "source", "verdict")


def verify(
    name: Annotated[str, typer.Argument(help="A name of `lexiseg models list`.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="The weights, if not where that list has them.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the pictures that checks need.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per check.")] = False,
) -> None:
    """Check who a checkpoint is and that it does here what it did elsewhere; 1 on a mismatch.

    Example: lexiseg models verify sam-vit-b --file sam_vit_b_01ec64.pth --pictures photos
    """
    from dataclasses import asdict

    from lexiseg.models.hub import find_weights
    from lexiseg.models.verify.behaviour import check_behaviour
    from lexiseg.models.verify.identity import check_identity
    from lexiseg.models.verify.published import published_tables, require_known

    tables = published_tables()
    require_known(name, tables)
    path = find_weights(file or name)
    rows = check_identity(name, path, tables)
    if not _failed(rows):  # the answers of another file would say nothing
        rows += check_behaviour(name, path, pictures, tables)
    if json:
        for row in rows:
            console.emit(asdict(row))
    else:
        typer.echo(_table(rows))
    _conclude(name, path, rows)


def refuse_strangers(name: str, path: Path) -> None:
    """Check who a checkpoint is.

    Raises:
        CheckpointError: it is another file than the published one.
    """
    from lexiseg.models.verify.identity import check_identity
    from lexiseg.models.verify.published import published_tables

    rows = check_identity(name, path, published_tables())
    for row in rows:
        if row.verdict == "MISMATCH":
            raise CheckpointError(
                f"{path} is not {name!r} as published: {row.check} is {row.found}, expected "
                f"{row.expected} ({row.source}); remove it and fetch it again."
            )
        console.say(f"{name}: {row.check} {row.verdict} ({row.source})")


def _conclude(name: str, path: Path, rows: Sequence[CheckRow]) -> None:
    from lexiseg.models.verify.record import note_verified

    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in _VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    console.say(f"{name}: {told}.")
    if counts["MISMATCH"]:
        raise typer.Exit(ExitCode.SOME_FAILED)
    if any(row.verdict == "ok" and row.tolerance != "-" for row in rows):
        note_verified(name, path, told)


_VERDICTS = ("ok", "MISMATCH", "not checked", "not published")


def _failed(rows: Sequence[CheckRow]) -> bool:
    return any(row.verdict == "MISMATCH" for row in rows)


def _table(rows: Sequence[CheckRow]) -> str:
    lines = [[getattr(row, head) for head in HEADS] for row in rows]
    cells = [list(HEADS), ["---"] * len(HEADS), *lines]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in cells)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
