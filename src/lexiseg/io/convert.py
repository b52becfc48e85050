"""Result files in one format to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lexiseg.errors import ImageError
from lexiseg.io.image import read_image
from lexiseg.io.reader import Reading, read_results
from lexiseg.io.report import Report, Skip
from lexiseg.io.samples import ImageArray
from lexiseg.io.writer import Destination, FreeNames, Writer, slug
from lexiseg.registry import WRITERS
from lexiseg.types import Result


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Args:
        paths: files written.
        report: what was read, written and left out.
    """

    paths: list[Path]
    report: Report


def convert(
    source: str | Path,
    to: str,
    out: Path,
    *,
    images: Path | None = None,
    name: str | None = None,
    strict: bool = False,
    trust_paths: bool = False,
    overwrite: bool = False,
    read: Callable[[Path], ImageArray] = read_image,
) -> Conversion:
    """Rewrite results in another format; the source's own format is recognised.

    Args:
        source: a file or folder of one of `lexiseg.registry.READERS`, or the folder of a run; by
            path or by address.
        to: name of a format, see `lexiseg.registry.WRITERS`.
        out: folder for the new files.
        images: folder of the pictures, where they do not lie beside the file that names them.
        name: file name without suffix for formats that hold many pictures; "annotations" by
            default.
        strict: an entry that would be left out is an error.
        trust_paths: pictures are read wherever the source says they are; otherwise only from
            its own folder and from `images`.
        overwrite: replace files that are already there.
        read: reads pictures, where their colours have to be chosen.

    Returns:
        The paths written, and the account of what was left out.

    Raises:
        UsageError: the source is of no known format, or damaged.
        OutputError: a file exists already, or the folder cannot be written.
    """
    writer: Writer = WRITERS[to]
    reading = read_results(source, images, strict=strict, trust_paths=trust_paths)
    target = Destination(
        Path(out), slug(name or "annotations"), overwrite, reading.report, reading.context.access,
        read=read,
    )  # fmt: skip
    if writer.scope == "collection":
        paths = writer.write(_counted(reading), target)
    else:
        paths = list(_write_each(writer, reading, target))
    return Conversion(paths, reading.report)


def _counted(reading: Reading) -> Iterator[Result]:
    for result in reading:
        yield result
        reading.report.written.add(result)


def _write_each(writer: Writer, reading: Reading, target: Destination) -> Iterator[Path]:
    names = FreeNames()
    for result in reading:
        stem = names.take(slug(result.path.stem if result.path else "image"))
        try:
            yield from writer.write(result, target.named(stem))
        except ImageError as error:
            what = Skip("picture", "image not found", result.path or Path(stem), "", str(error))
            reading.report.skip(what)
        else:
            reading.report.written.add(result)
