"""``--engine ray``: the same verbs on many machines, as rows of Parquet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.cli import console
from lexiseg.cli.endings import resumable, tell_end
from lexiseg.cli.option_groups import ImageRun
from lexiseg.cli.options import USUAL_FORMATS
from lexiseg.errors import UsageError

if TYPE_CHECKING:
    from lexiseg.io.answering import MethodCall
    from lexiseg.io.run_folder import Job


def answer_on_cluster(images: list[str], job: Job, call: MethodCall, run: ImageRun) -> None:
    """Answer images into a folder or bucket of Parquet parts, and leave with 1 if some failed.

    Args:
        images: files, folders, patterns, lists; by path or by address.
        job: what is asked.
        call: the same as a question to a method.
        run: its `out` is where the parts go.

    Raises:
        UsageError: an option that goes with one machine only.
    """
    from lexiseg.integrations.ray_data import answer_pictures
    from lexiseg.io.addresses import is_address, list_addresses
    from lexiseg.io.part_folder import PartFolder

    if run.out is None or run.json:
        raise UsageError("--engine ray writes into a folder: give it with -o, and no --json.")
    if run.format not in (USUAL_FORMATS, "parquet"):
        raise UsageError(
            f"--engine ray writes Parquet, and --format was given {run.format!r}; leave it out, "
            "and make other formats of the folder with lexiseg convert."
        )
    place = run.out if is_address(run.out) else str(Path(run.out).absolute())
    paths, failures = list_addresses(images), 0
    console.tell(f"results -> {run.out}")
    with resumable(run.out):
        outcomes = answer_pictures(
            paths, call, PartFolder(place), replace(job, formats=["parquet"]),
            read=run.colours.reader(), device=run.loading.device, workers=run.jobs,
            batch=run.batch, overwrite=run.overwrite,
        )  # fmt: skip
        for outcome in console.progress(outcomes, len(paths), "image"):
            if outcome.reason is not None:
                failures += 1
                console.say(f"failed: {outcome.reason}")
    tell_end(len(paths), failures, run.out)
