"""Which files of a YOLO folder belong together, in all the layouts that tools make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import yaml

from lexiseg.errors import UsageError
from lexiseg.io.image import SUFFIXES, shown
from lexiseg.io.listing import walk_visible
from lexiseg.io.reading import MalformedFile, whole_number

_PICTURE_FOLDERS = frozenset({"images", "JPEGImages"})
_LABEL_FOLDER = "labels"
_NAME_LISTS = ("classes.txt", "labels/classes.txt", "obj.names", "_darknet.labels", "classes.names")
_TABLES = (".yaml", ".yml")

Key = tuple[PurePath, str]
"""Folder without its part ``images`` or ``labels``, and stem: a picture's is that of its labels."""


@dataclass
class YoloFolder:
    """Pictures and label files of one folder, listed in one walk.

    Pictures and labels lie in ``images`` and ``labels``, in either order with the folders of a
    split (``images/train``, ``train/images``), or beside each other.

    Args:
        root: the folder.
        pictures: by key; two of one stem share their labels, as in the tools.
        labels: by key, one each.
    """

    root: Path
    pictures: dict[Key, list[Path]] = field(default_factory=dict)
    labels: dict[Key, Path] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path, images: Path | None = None) -> YoloFolder:
        """List a folder, and the one that its pictures lie in if it is another."""
        folder = cls(root)
        texts: dict[Key, Path] = {}
        for path in _visible_files(root):
            place = path.relative_to(root)
            if path.suffix.lower() in SUFFIXES and images is None:
                folder.pictures.setdefault(_key(place), []).append(path)
            elif path.suffix.lower() == ".txt":
                texts[_key(place)] = path
        if images is not None:
            for path in _visible_files(images):
                if path.suffix.lower() in SUFFIXES:
                    folder.pictures.setdefault(_key(path.relative_to(images)), []).append(path)
        folder._keep_the_labelled(texts)
        return folder

    def _keep_the_labelled(self, texts: Mapping[Key, Path]) -> None:
        """Label files are those in ``labels``, or beside a picture; other texts are none."""
        for key, path in texts.items():
            named = _LABEL_FOLDER in path.relative_to(self.root).parts[:-1]
            if key in self.pictures or (named and path.name != "classes.txt"):
                self.labels[key] = path
        self._join_by_stem()
        if any(_PICTURE_FOLDERS & set(path.parts) for path in self._all_pictures()):
            self.pictures = {
                key: found
                for key, found in self.pictures.items()
                if key in self.labels or any(_PICTURE_FOLDERS & set(path.parts) for path in found)
            }

    def _join_by_stem(self) -> None:
        """Pictures in a folder of another name belong to the only label file of their stem."""
        free: dict[str, list[Key]] = {}
        for key in self.pictures.keys() - self.labels.keys():
            free.setdefault(key[1], []).append(key)
        for key in [key for key in self.labels if key not in self.pictures]:
            candidates = free.get(key[1], [])
            if len(candidates) == 1:
                self.pictures[key] = self.pictures.pop(candidates.pop())

    def _all_pictures(self) -> Iterator[Path]:
        for found in self.pictures.values():
            for path in found:
                yield path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def pairs(self) -> Iterator[tuple[list[Path], Path | None]]:
        """Pictures with their label file, or none, and at last label files without pictures."""
        for key in sorted(self.pictures):
            yield sorted(self.pictures[key]), self.labels.get(key)
        for key in sorted(self.labels.keys() - self.pictures.keys()):
            yield [], self.labels[key]


def _visible_files(root: Path) -> Iterator[Path]:
    for folder, names in walk_visible(root):
        yield from (folder / name for name in names)


def _key(place: Path) -> Key:
    parts = list(place.parent.parts)
    for number in range(len(parts) - 1, -1, -1):
        if parts[number] in _PICTURE_FOLDERS or parts[number] == _LABEL_FOLDER:
            del parts[number]
            break
    return PurePath(*parts), place.stem


@dataclass(frozen=True)
class YoloTable:
    """What a folder says of its classes.

    Args:
        names: of classes by number; empty if nothing names them.
        keypoints: values of a line that are key points; 0 if lines have none.
        place: folder of the data set, as the table states it.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    keypoints: int = 0
    place: str = ""

    @classmethod
    def find(cls, root: Path, table: Path | None = None) -> YoloTable:
        """From ``data.yaml`` or another YAML file that has names, else from a list of names.

        Raises:
            UsageError: the table that was given, or the only one, has no names or is damaged.
        """
        tables = [table] if table else yaml_tables(root)
        if tables:
            return cls.parse(tables[0])
        lists = (root / name for name in _NAME_LISTS)
        lines = next((_text(path).splitlines() for path in lists if path.is_file()), [])
        return cls({number: line.strip() for number, line in enumerate(lines) if line.strip()})

    @classmethod
    def parse(cls, table: Path) -> YoloTable:
        """Read a YAML table, whose names are a list or a mapping from numbers.

        Raises:
            UsageError: it is damaged or has no names.
        """
        with MalformedFile(table, "a YOLO data.yaml"):
            content = _yaml(table)
            names, shape = content["names"], content.get("kpt_shape")
            pairs = names.items() if isinstance(names, dict) else enumerate(_listed(names))
            each = [whole_number(size) for size in _listed(shape)] if shape else [0]
            place = str(content.get("path") or "")
            known = {whole_number(number): str(name) for number, name in pairs}
            return cls(known, math.prod(each), place)


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.40} where a list belongs")
    return value


def yaml_tables(root: Path) -> list[Path]:
    """YAML files of a folder that name classes, ``data.yaml`` first."""
    found = (path for path in root.iterdir() if path.suffix in _TABLES and path.is_file())
    tables = sorted(found, key=lambda path: (path.stem != "data", path.name))
    named = [path for path in tables if _has_names(path)]
    return named or [path for path in tables if path.stem == "data"]


def _has_names(table: Path) -> bool:
    try:
        return "names" in _yaml(table)
    except (UsageError, ValueError):
        return False


def _yaml(table: Path) -> dict[str, object]:
    """The mapping a YAML file holds, all its values as text, so that "no" stays a name."""
    try:
        content = yaml.load(_text(table), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{shown(table)} cannot be read; expected a YOLO data.yaml.") from error
    if not isinstance(content, dict):
        raise ValueError("expected names and folders")
    return content


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read; expected UTF-8 text.") from error


def is_yolo(root: Path) -> bool:
    """Whether a folder has a table of classes, or label files in one of the usual places."""
    if yaml_tables(root) or any((root / name).is_file() for name in _NAME_LISTS[2:]):
        return True
    patterns = ("labels/*.txt", "labels/*/*.txt", "*/labels/*.txt")
    return any(next(root.glob(pattern), None) is not None for pattern in patterns)
