"""Readers: which one fits a file or folder, and its results one by one with their account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import finalize

from lexiseg.errors import UsageError
from lexiseg.io.fitting import fit_to_picture
from lexiseg.io.image import shown
from lexiseg.io.read_context import PictureAccess, ReadContext
from lexiseg.io.reading import read_json
from lexiseg.io.report import Report
from lexiseg.registry import READERS
from lexiseg.types import Result

_LOOKED_AT = 20  # JSON files of a folder, and entries of a list, that decide what they are


@dataclass(frozen=True)
class Outline:
    """What a JSON file looks like from outside.

    Args:
        keys: of the object the file holds; none if it holds a list.
        entries: by key, the keys of the objects in the list that stands there; the file's own
            list stands under the empty key.
    """

    keys: frozenset[str] = frozenset()
    entries: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: object) -> Outline:
        """The outline of parsed JSON."""
        if isinstance(content, dict):
            lists = {str(key): _keys(value) for key, value in content.items()}
            return cls(frozenset(lists), lists)
        return cls(frozenset(), {"": _keys(content)})


def _keys(value: object) -> frozenset[str]:
    entries = value[:_LOOKED_AT] if isinstance(value, list) else []
    return frozenset(str(key) for entry in entries if isinstance(entry, dict) for key in entry)


@dataclass(frozen=True)
class Source:
    """A file or folder to be recognised and read.

    Args:
        path: that exists.
    """

    path: Path

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @property
    def folder(self) -> Path:
        """The folder itself, or that of the file."""
        return self.path if self.is_folder else self.path.parent

    def files(self, pattern: str) -> list[Path]:
        """Visible files of a folder that match a pattern, sorted; of a file, itself at most.

        Names that begin with a dot are left out, in the pattern's folders too.
        """
        if not self.is_folder:
            return [self.path] if self.path.match(pattern) else []
        found = (path for path in self.path.glob(pattern) if path.is_file())
        return sorted(
            path
            for path in found
            if not any(part.startswith(".") for part in path.relative_to(self.path).parts)
        )

    @cached_property
    def json_files(self) -> list[Path]:
        """The JSON file, or those of a folder; if it has none, of ``annotations`` or any other."""
        if not self.is_folder:
            return self.files("*.json")
        found = (self.files(pattern) for pattern in ("*.json", "annotations/*.json", "*/*.json"))
        return next(filter(None, found), [])

    @cached_property
    def outlines(self) -> dict[Path, Outline]:
        """Outlines of the JSON file, or of a folder's first ones; what is no JSON is left out."""
        found = {}
        for path in self.json_files[:_LOOKED_AT]:
            try:
                found[path] = Outline.of(read_json(path))
            except UsageError:
                if not self.is_folder:
                    raise
        return found


@dataclass(frozen=True)
class Reader:
    """A file format that results can be read from.

    Args:
        recognises: tells from a source whether it is of this format; looks at names and
            outlines and parses no picture.
        read: gives the results one at a time; what it leaves out goes to the context's report.
        rank: of several readers that recognise a source the highest reads: built-in ones are
            ranked 10 to 90 by how much of a result their files keep.
    """

    recognises: Callable[[Source], bool]
    read: Callable[[Source, ReadContext], Iterator[Result]]
    rank: int = 100


@dataclass
class Reading(Iterator[Result]):
    """Results of a file or folder, one by one.

    Args:
        source: the file or folder.
        format: name of the reader.
        results: what the reader gives.
        context: what it was told.
    """

    source: Path
    format: str
    results: Iterator[Result]
    context: ReadContext

    @property
    def report(self) -> Report:
        """The account, complete once the last result is read."""
        return self.context.report

    def __next__(self) -> Result:
        for result in self.results:
            with self.context.entry(self.source, str(result.path), "picture"):
                fitted = fit_to_picture(result, self.context)
                self.report.read.add(fitted)
                return fitted
        raise StopIteration


def read_results(
    source: str | Path,
    images: str | Path | None = None,
    *,
    strict: bool = False,
    trust_paths: bool = False,
) -> Reading:
    """Results of any readable file or folder, one by one.

    Args:
        source: a file or folder of one of `lexiseg.registry.READERS`; one that is given by an
            address, such as ``s3://bucket/out``, is copied to this machine for as long as it is
            read.
        images: folder of the pictures, where they do not lie beside the file that names them.
        strict: an entry that would be left out is an error.
        trust_paths: pictures may be read wherever the source says they are; otherwise only from
            its own folder and from `images`.

    Returns:
        An iterator whose `report` says what was left out.

    Raises:
        UsageError: the source is absent, of no known format, or damaged.

    Example:
        >>> reading = read_results("annotations.json")             # doctest: +SKIP
        >>> [len(result.instances) for result in reading]          # doctest: +SKIP
        >>> print(reading.report.summary())                        # doctest: +SKIP
    """
    from lexiseg.io.addresses import fetch, is_address  # it lists pictures, and so knows readers

    if is_address(str(source)):
        place = TemporaryDirectory(prefix="lexiseg-")
        copy = fetch(str(source), Path(place.name))
        reading = read_results(copy, images, strict=strict, trust_paths=trust_paths)
        finalize(reading, place.cleanup)
        return reading
    found = Source(Path(source))
    name = detect_format(found.path)
    folder = Path(images) if images is not None else None
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{shown(folder)} is no folder; expected the folder of the pictures.")
    roots = (found.folder, *((folder,) if folder else ()))
    context = ReadContext(folder, Report(strict), PictureAccess(roots, trust_paths))
    reader: Reader = READERS[name]
    return Reading(found.path, name, reader.read(found, context), context)


def detect_format(path: str | Path) -> str:
    """Name of the reader in `lexiseg.registry.READERS` that fits a file or folder.

    Raises:
        UsageError: none does, or the file is absent or damaged.
    """
    source = Source(Path(path))
    if not source.path.exists():
        raise UsageError(f"{shown(source.path)} does not exist; check the path.")
    fitting = [name for name in READERS if READERS[name].recognises(source)]
    if not fitting:
        known = ", ".join(READERS)
        raise UsageError(
            f"{shown(source.path)} holds no results that lexiseg can read; expected one of: "
            f"{known}."
        )
    return max(fitting, key=lambda name: READERS[name].rank)
