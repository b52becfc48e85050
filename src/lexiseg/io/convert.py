"""Result files in one format to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lexiseg.errors import UsageError
from lexiseg.io.coco import read_coco, read_coco_results
from lexiseg.io.image import shown
from lexiseg.io.index_png import read_index_png
from lexiseg.io.labelme import read_labelme
from lexiseg.io.object_png import TABLE, read_object_pngs
from lexiseg.io.panoptic import read_panoptic
from lexiseg.io.reading import read_json
from lexiseg.io.record import RECORDS, read_records
from lexiseg.io.table import read_csv
from lexiseg.io.yolo import read_yolo
from lexiseg.registry import WRITERS
from lexiseg.types import Result

Reader = Callable[[Path], Iterator[Result]]


def convert(
    source: Path, to: str, out: Path, *, name: str | None = None, overwrite: bool = False
) -> list[Path]:
    """Rewrite results in another format; the source's own format is recognised.

    Args:
        source: a file or folder of one of `READERS`, or the folder of a run.
        to: name of a format, see `lexiseg.registry.WRITERS`.
        out: folder for the new files.
        name: file name without suffix for formats that hold many pictures; "annotations" by
            default.
        overwrite: replace files that are already there.

    Returns:
        The paths written.

    Raises:
        UsageError: the source is of no known format, or damaged.
        OutputError: a file exists already, or the folder cannot be written.
    """
    writer = WRITERS[to]
    results = read_results(source)
    if writer.scope == "collection":
        written: list[Path] = writer(
            results, Path(out), name=name or "annotations", overwrite=overwrite
        )
        return written
    paths: list[Path] = []
    used: dict[str, int] = {}
    for result in results:
        stem = result.path.stem if result.path else "image"
        used[stem] = used.get(stem, 0) + 1
        unique = stem if used[stem] == 1 else f"{stem}-{used[stem]}"
        paths += writer([result], Path(out), name=unique, overwrite=overwrite)
    return paths


def read_results(source: Path) -> Iterator[Result]:
    """Results from a file or folder of any format lexiseg writes, one at a time.

    Raises:
        UsageError: the source is absent, of no known format, or damaged.
    """
    return READERS[detect_format(source)](source)


def detect_format(source: Path) -> str:
    """Which of `READERS` fits a file or folder.

    Raises:
        UsageError: none does.
    """
    source = Path(source)
    if not source.exists():
        raise UsageError(f"{shown(source)} does not exist; check the path.")
    found = _folder_format(source) if source.is_dir() else _file_format(source)
    if found is None:
        known = ", ".join(sorted(READERS))
        raise UsageError(
            f"{shown(source)} holds no results that lexiseg can read; expected one of: {known}."
        )
    return found


def _file_format(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".csv"):
        return {".jsonl": "json", ".csv": "csv"}[suffix]
    if path.name.endswith(".semantic.png"):
        return "png"
    return _json_format(read_json(path)) if suffix == ".json" else None


def _json_format(data: Any) -> str | None:
    """Judge a JSON file by the keys that only its format has."""
    if isinstance(data, list):
        return "coco-results" if all("image_id" in entry for entry in data[:1]) else None
    if not isinstance(data, dict):
        return None
    if "shapes" in data:
        return "labelme"
    if "names" in data and "scores" in data:
        return "png"
    if "annotations" not in data or "categories" not in data:
        return None
    first: Mapping[str, Any] = next(iter(data["annotations"]), {})
    return "panoptic" if "segments_info" in first else "coco"


def _folder_format(folder: Path) -> str | None:
    """The most complete format first, as a run's folder may hold several."""
    for pattern, name in _FOLDER_SIGNS.items():
        if next(folder.glob(pattern), None) is not None:
            return name
    return None


_FOLDER_SIGNS = {
    RECORDS: "run",
    "data.yaml": "yolo",
    TABLE: "masks",
    f"*/{TABLE}": "mask-folders",
    "*.semantic.png": "png-folder",
    "*.coco.json": "coco-folder",
    "*.coco-polygons.json": "coco-polygons-folder",
    "*.json": "labelme-folder",
}


def _each(pattern: str, read: Callable[[Path], Result]) -> Reader:
    """A reader of folders from a reader of single files."""

    def read_all(folder: Path) -> Iterator[Result]:
        return (read(path) for path in sorted(folder.glob(pattern)))

    return read_all


def _one(read: Callable[[Path], Result]) -> Reader:
    return lambda path: iter([read(path)])


def _all_coco(pattern: str) -> Reader:
    def read_all(folder: Path) -> Iterator[Result]:
        return (result for path in sorted(folder.glob(pattern)) for result in read_coco(path))

    return read_all


READERS: Mapping[str, Reader] = {
    "json": read_records,
    "csv": read_csv,
    "coco": read_coco,
    "coco-results": read_coco_results,
    "coco-folder": _all_coco("*.coco.json"),
    "coco-polygons-folder": _all_coco("*.coco-polygons.json"),
    "panoptic": read_panoptic,
    "labelme": _one(read_labelme),
    "labelme-folder": _each("*.json", read_labelme),
    "yolo": read_yolo,
    "png": _one(read_index_png),
    "png-folder": _each("*.semantic.png", read_index_png),
    "masks": _one(read_object_pngs),
    "mask-folders": _each(f"*/{TABLE}", lambda path: read_object_pngs(path.parent)),
    "run": lambda folder: read_records(folder / RECORDS),
}
"""Readers by the format they understand; each gives its results one at a time."""
