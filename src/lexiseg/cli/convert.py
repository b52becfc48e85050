"""``lexiseg convert``: results in one file format to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Colours, grouped
from lexiseg.cli.options import FORMATS, Overwrite, Quiet
from lexiseg.errors import UsageError

if TYPE_CHECKING:
    from lexiseg.io.report import Report, Skip

_EXAMPLES = 5  # of each reason are shown


@grouped
def convert(
    source: Annotated[
        str, typer.Argument(help="A run folder, results.jsonl, COCO file, ...; or its address.")
    ],
    *,
    to: Annotated[str, typer.Option("--to", help=f"What to write: {FORMATS}.")],
    out: Annotated[str, typer.Option("-o", "--out", help="Folder for the new files.")],
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the pictures that SOURCE names.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at what would be left out.")
    ] = False,
    trust_paths: Annotated[
        bool, typer.Option("--trust-paths", help="Read pictures wherever SOURCE says they are.")
    ] = False,
    colours: Colours,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Turn results into another format; ends with what was read, written and left out.

    Masks stay exact between run-length formats. Exit code 1 says that something was left out.

    Example: lexiseg convert out/ --to yolo -o yolo-labels
    """
    from lexiseg.io.addresses import is_address
    from lexiseg.io.convert import convert as convert_files

    if is_address(out):
        raise UsageError(f"-o was given {out!r}; expected a folder of this machine.")
    console.state.quiet = quiet
    done = convert_files(
        source,
        to,
        Path(out),
        images=images,
        strict=strict,
        trust_paths=trust_paths,
        overwrite=overwrite,
        read=colours.reader(),
    )
    for line in (*done.report.notes, *map(str, _examples(done.report))):
        console.say(line)
    console.tell(f"{len(done.paths)} files -> {out}; {done.report.summary()}")
    if done.report.skipped:
        raise typer.Exit(1)


def _examples(report: Report) -> Iterator[Skip]:
    """The first few of every reason."""
    shown: Counter[str] = Counter()
    for skip in report.skips:
        shown[skip.reason] += 1
        if shown[skip.reason] <= _EXAMPLES:
            yield skip
