"""Who a checkpoint is: size and digests of its file against what is published."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lexiseg.models.hub import checkpoints
from lexiseg.models.verify.outcome import CheckRow
from lexiseg.models.verify.published import KnownFile, PublishedTables
from lexiseg.models.weights import fingerprint, weight_files

UNKNOWN = "-"


def check_identity(name: str, path: Path, published: PublishedTables) -> list[CheckRow]:
    """Size, digests and licence of a checkpoint's file.

    A file of another checkpoint, or one that is only taken for a checkpoint, is named as what it
    is. Where nothing is published for a layout, a row says so.

    Args:
        name: of the checkpoint.
        path: file, or folder with its weights.
        published: what to compare with.

    Raises:
        WeightsNotFoundError: the folder holds no weights.
    """
    files = weight_files(path)
    digest = fingerprint(path)
    stranger = _stranger(name, digest, published)
    if stranger:
        return [CheckRow("who it is", name, stranger[0], "exact", stranger[1], "MISMATCH")]
    known = _known_file(name, files[0], published) if len(files) == 1 else None
    rows = _rows_of(known, files[0], digest) if known else [_unpublished(files[0], digest)]
    return [*rows, *_license(name, known)]


def _stranger(name: str, digest: str, published: PublishedTables) -> tuple[str, str] | None:
    """What a file is, if it is known to be something else, and who says so."""
    for one in published.look_alikes:
        if one.sha256 == digest:
            return f"{one.name}: {one.what}", "sha256"
    for file in published.files:
        if file.sha256 == digest and file.name != name:
            return f"{file.name} ({file.file})", file.source
    return None


def _known_file(name: str, file: Path, published: PublishedTables) -> KnownFile | None:
    """The published file of the same layout: of the same name, else of the same kind."""
    same = [one for one in published.files_of(name) if _kind(Path(one.file)) == _kind(file)]
    named = [one for one in same if one.file == file.name]
    return next(iter(named or same), None)


def _kind(file: Path) -> str:
    return ".safetensors" if file.suffix == ".safetensors" else "pickle"


def _rows_of(known: KnownFile, file: Path, digest: str) -> list[CheckRow]:
    size = file.stat().st_size
    rows = []
    if known.bytes is not None:
        part = f" (cut off: {100 * size / known.bytes:.0f} %)" if size < known.bytes else ""
        rows.append(CheckRow.exact("size, bytes", str(known.bytes), f"{size}{part}", known.source))
        if part:
            return rows  # no digest of a part means anything
    for kind, expected in known.digests.items():
        found = digest if kind == "sha256" else _digest(file, kind)
        rows.append(CheckRow.exact(kind, expected, found, known.source))
    return rows


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def _unpublished(file: Path, digest: str) -> CheckRow:
    what = f"sha256 of {file.suffix or file.name}"
    return CheckRow(what, UNKNOWN, digest, UNKNOWN, "nothing is published", "not published")


def _license(name: str, known: KnownFile | None) -> list[CheckRow]:
    stated = known.license if known else None
    if stated is None and name in checkpoints():
        stated = checkpoints()[name].license
    return [CheckRow("licence", stated, stated, UNKNOWN, "stated", "ok")] if stated else []
