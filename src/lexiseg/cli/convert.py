"""``lexiseg convert``: results in one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import FORMATS, Overwrite, Quiet


def convert(
    source: Annotated[Path, typer.Argument(help="A run folder, results.jsonl, COCO file, ...")],
    to: Annotated[str, typer.Option("--to", help=f"What to write: {FORMATS}.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the new files.")],
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Turn results into another format; masks stay exact between run-length formats.

    Example: lexiseg convert out/ --to yolo -o yolo-labels
    """
    from lexiseg.io.convert import convert as convert_files

    console.state.quiet = quiet
    written = convert_files(source, to, out, overwrite=overwrite)
    console.tell(f"{len(written)} files -> {out}")
