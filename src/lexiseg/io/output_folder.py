"""A folder of numbers: pages, tables and plots beside the records they were made from."""

from __future__ import annotations

from pathlib import Path

from lexiseg.errors import OutputError
from lexiseg.io.image import shown
from lexiseg.io.manifest import FILES, Manifest
from lexiseg.io.output_file import refuse_existing
from lexiseg.io.run_folder import RUN
from lexiseg.io.writer import Destination


def output_folder(folder: Path, *, overwrite: bool = False) -> Destination:
    """Where a measurement writes: it replaces what it noted there in ``files.txt``, and no more.

    Args:
        folder: made when the first file is written.
        overwrite: files of others may be replaced.

    Raises:
        OutputError: the folder holds answers about pictures, whose run counts all noted files as
            its own, or a ``files.txt`` of another program.
    """
    manifest = Manifest(folder, overwrite=overwrite)
    if manifest.holds(folder / RUN):
        raise OutputError(
            f"Folder {shown(folder)} holds answers about pictures, made by segment, refer or "
            "label; choose another folder with -o."
        )
    refuse_existing(folder / FILES, overwrite or manifest.exists)
    return Destination(folder, "", overwrite, manifest=manifest)
