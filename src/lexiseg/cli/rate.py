"""``lexiseg rate``: let people judge labels, and see how far they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import Overwrite
from lexiseg.errors import UsageError


def rate(
    inputs: Annotated[
        list[Path], typer.Argument(help="A folder of `lexiseg label`; with --agreement CSV files.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page.")] = Path("rate.html"),
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Compare files of ratings instead.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a page on which people rate labels from 0 to 3, or compare what they rated.

    Example: lexiseg rate out -o rate.html
    """
    if agreement:
        _compare(inputs)
    else:
        _write(inputs, out, overwrite=overwrite)


def _write(inputs: list[Path], out: Path, *, overwrite: bool) -> None:
    from lexiseg.io.output_file import refuse_existing, write_text
    from lexiseg.io.rating_page import rating_page
    from lexiseg.io.record import RECORDS, read_records

    refuse_existing(out, overwrite)
    results = (result for folder in inputs for result in read_records(folder / RECORDS))
    write_text(out, rating_page(results), overwrite=overwrite)
    console.tell(f"page -> {out}")


def _compare(paths: list[Path]) -> None:
    from lexiseg.io.rating_page import LEVELS, read_ratings
    from lexiseg.metrics.agreement import krippendorff_alpha

    if len(paths) < 2:
        raise UsageError("--agreement compares files of at least two raters.")
    raters = [read_ratings(path) for path in paths]
    given = [value for ratings in raters for value in ratings.values()]
    if not given:
        raise UsageError("These files hold no rating.")
    typer.echo("| rating | share |\n| --- | --- |")
    for level in range(LEVELS):
        typer.echo(f"| {level} | {100 * given.count(level) / len(given):.1f} % |")
    for kind, ordered in (("nominal", False), ("interval", True)):
        alpha = krippendorff_alpha(raters, LEVELS, ordered=ordered)
        typer.echo(f"Krippendorff's alpha ({kind}): {alpha:.3f}")
