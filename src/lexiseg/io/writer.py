"""How results are written: the formats' common form, and safe names for their files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

from lexiseg.errors import ImageError
from lexiseg.io.image import image_of, read_image, shown
from lexiseg.io.manifest import Manifest
from lexiseg.io.output_file import open_output, refuse_existing
from lexiseg.io.read_context import PictureAccess
from lexiseg.io.report import Kind, Report, Skip
from lexiseg.io.samples import ImageArray
from lexiseg.types import Result

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SLUG_BYTES = 80


@dataclass(frozen=True)
class Destination:
    """Where a writer puts its files.

    Args:
        folder: made when the first file is written.
        stem: safe file name without suffix.
        overwrite: replace files that are already there.
        report: takes what a format has no place for.
        access: which of the pictures that results name may be read and copied.
        manifest: of the run that writes: its own files may be replaced, and every file is noted
            before it appears.
        read: reads pictures, of the colours that were chosen.
        failures: pictures without an answer, with the reasons, for formats with a place for them.
    """

    folder: Path
    stem: str
    overwrite: bool = False
    report: Report = field(default_factory=Report)
    access: PictureAccess = field(default_factory=lambda: PictureAccess(everything=True))
    manifest: Manifest | None = None
    read: Callable[[Path], ImageArray] = read_image
    failures: Mapping[Path, str] = field(default_factory=dict)

    def named(self, stem: str) -> Destination:
        """The same destination under another file name."""
        return replace(self, stem=stem)

    def pixels_of(self, result: Result) -> ImageArray:
        """A result's picture, from memory or from its file, if that may be read.

        Raises:
            ImageError: there is none, it is damaged or of another size, or it lies outside the
                folders that the source may name.
        """
        if result.image is None and result.path and not self.access.allows(result.path):
            raise ImageError(
                f"{shown(result.path)} is not among the pictures beside the file that names it; "
                "give their folder with --images, or allow any path with --trust-paths."
            )
        return image_of(result, self.read)

    def file_of(self, result: Result) -> Path | None:
        """The file of a result's picture, if it is there, may be read, and is a picture.

        Raises:
            ImageError: it is damaged or no picture.
        """
        path = result.path
        if path is None or not self.access.allows(path) or not path.is_file():
            return None
        if result.image is None:  # else it has been read already
            image_of(result, self.read)
        return path

    def leave_out(self, kind: Kind, reason: str, result: Result, detail: str = "") -> None:
        """Note what this format has no place for, or cannot be written.

        Raises:
            UsageError: the report is strict.
        """
        file = result.path or Path(self.stem)
        self.report.skip(Skip(kind, reason, file, detail=detail.rstrip(".")))

    def path(self, suffix: str) -> Path:
        """``folder/stem`` and a suffix such as ``".coco.json"``."""
        return self.folder / f"{self.stem}{suffix}"

    def check(self, *paths: Path) -> None:
        """Refuse before anything is written if one of several files is already there."""
        for path in paths:
            refuse_existing(path, self._replaces(path))

    def _replaces(self, path: Path) -> bool:
        return self.overwrite or (self.manifest is not None and self.manifest.holds(path))

    def note(self, *paths: Path) -> None:
        """Tell the run, if one writes, that files are its own."""
        if self.manifest is not None:
            self.manifest.add(*paths)

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """`open_output` under this destination's rule."""
        with open_output(path, overwrite=self._replaces(path)) as stream:
            yield stream
            if self.manifest is not None:
                refuse_existing(path, self._replaces(path))
                self.note(path)

    def bytes(self, path: Path, content: bytes) -> Path:
        """Write one binary file."""
        with self.open(path) as stream:
            stream.write(content)
        return path

    def text(self, path: Path, text: str) -> Path:
        """Write one UTF-8 text file."""
        return self.bytes(path, text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Writer:
    """A file format that results can be written in.

    Calling it with results, a folder and a name writes the files and returns their paths.

    Args:
        write: writes one result (scope "image") or an iterable of them (scope "collection")
            to a `Destination`.
        scope: "image" if every picture has files of its own, "collection" if one set of files
            covers many pictures; the results of a collection are read once, one at a time.
    """

    write: Callable[..., list[Path]]
    scope: Literal["image", "collection"]

    def __call__(
        self,
        results: Iterable[Result],
        folder: Path,
        *,
        name: str,
        overwrite: bool = False,
        manifest: Manifest | None = None,
        failures: Mapping[Path, str] | None = None,
        **options: object,
    ) -> list[Path]:
        """Write results.

        Args:
            results: answers; an image writer numbers them from the second on.
            folder: made if absent.
            name: file name without suffix; what no file system accepts is replaced.
            overwrite: replace files that are already there.
            manifest: of the run that writes, if one does.
            failures: pictures without an answer, with the reasons.
            options: what the format offers, e.g. ``tolerance`` in pixels for polygons.

        Raises:
            OutputError: a file exists already, or the folder cannot be written.
        """
        target = Destination(
            Path(folder), slug(name), overwrite, manifest=manifest, failures=failures or {}
        )
        if self.scope == "collection":
            return self.write(results, target, **options)
        paths: list[Path] = []
        for number, result in enumerate(results, start=1):
            stem = target.stem if number == 1 else f"{target.stem}-{number}"
            paths += self.write(result, target.named(stem), **options)
        return paths


def image_writer(write: Callable[..., list[Path]]) -> Writer:
    """Decorator: a function of (result, destination) becomes a writer called once per picture."""
    return Writer(write, "image")


def collection_writer(write: Callable[..., list[Path]]) -> Writer:
    """Decorator: a function of (results, destination) becomes a writer called once per run."""
    return Writer(write, "collection")


def slug(text: str) -> str:
    """A file name for any text: bounded, portable, different for different texts.

    Letters and digits of every script, blanks and ``-_.()`` stay; where anything else had to
    be replaced or cut, a short hash of the text is added.

    Example:
        >>> slug("red car"), slug("a/b")
        ('red car', 'a-b-c14cddc0')
    """
    kept = "".join(c if _is_plain(c) else "-" for c in unicodedata.normalize("NFC", text))
    safe = kept.encode()[:_SLUG_BYTES].decode(errors="ignore").strip(" .")
    if text and safe == text and not _RESERVED.fullmatch(safe):
        return safe
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    name = f"{safe.strip('- .') or 'unnamed'}-{digest}"
    return f"_{name}" if _RESERVED.fullmatch(name) else name


@dataclass
class FreeNames:
    """File names that are all different, on file systems that ignore case too.

    Example:
        >>> names = FreeNames()
        >>> [names.take(stem) for stem in ("a", "A", "a-2", "a")]
        ['a', 'A-2', 'a-2-2', 'a-3']
    """

    _used: set[str] = field(default_factory=set)
    _next: dict[str, int] = field(default_factory=dict)

    def take(self, stem: str) -> str:
        """The name itself if it is free, else with the first number that is."""
        name, number = stem, self._next.get(stem.casefold(), 2)
        while name.casefold() in self._used:
            name, number = f"{stem}-{number}", number + 1
        self._next[stem.casefold()] = number
        self._used.add(name.casefold())
        return name


def unique_stems(images: Sequence[Path], taken: Iterable[str] = ()) -> dict[Path, str]:
    """A file stem per image; images of equal name in different folders get their folders too.

    Args:
        images: paths.
        taken: stems that are in use.
    """
    used = {stem.casefold() for stem in taken}
    counts = Counter(path.stem.casefold() for path in images)
    names = FreeNames(set(used))
    stems = {}
    for path in images:
        key = path.stem.casefold()
        alone = counts[key] == 1 and key not in used
        stems[path] = names.take(path.stem if alone else f"{path.parent.name}-{path.name}")
    return stems


def _is_plain(character: str) -> bool:
    return character in " -_.()" or unicodedata.category(character)[0] in "LMN"
