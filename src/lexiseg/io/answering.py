"""Many images through one method: one bad image never stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lexiseg.errors import LexisegError, OutputError
from lexiseg.io.fingerprint import Fingerprint
from lexiseg.io.image import read_image, require_file, shown
from lexiseg.io.overlap import ahead, behind
from lexiseg.io.run_folder import RunFolder
from lexiseg.io.samples import ImageArray
from lexiseg.types import BatchMethod, EncodedImage, Method, Result, Vocabulary

Read = Callable[[Path], ImageArray]
Picture = ImageArray | EncodedImage
Answer = Callable[[Picture], Result]
FoundT = TypeVar("FoundT")
_AHEAD = 2  # pictures that are decoded before they are due


@dataclass(frozen=True)
class Failure:
    """An image without an answer, and the reason in one line that names it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Seen:
    """A picture that was read, and what tells it from a later one of its name."""

    path: Path
    picture: Fingerprint
    pixels: ImageArray


@dataclass(frozen=True)
class AnsweredImage:
    """An answer, and the picture that was answered."""

    result: Result
    picture: Fingerprint


Computed = AnsweredImage | Failure
Compute = Callable[[Sequence[Path]], Iterator[Computed]]
"""Answers pictures, in their order or not."""


def answer_images(
    images: Sequence[Path],
    load: Callable[[], Answer],
    folder: RunFolder | None = None,
    *,
    read: Read = read_image,
    debug: bool = False,
    batch: int = 1,
    compute: Compute | None = None,
) -> Generator[Result | Failure]:
    """Answer every image that is not done yet.

    While the method computes, the next pictures are read and the files of the last are written,
    each in a thread of its own. Closed before its end, it first completes what is being written.

    Args:
        images: files to read.
        load: loads the method, once there is an image that could be read, and gives the function
            that answers (H, W, 3) uint8 RGB.
        folder: where to write; None to write nothing.
        read: how images are read.
        debug: let the first failure stop the run, with its traceback.
        batch: pictures that are encoded together, if the method can; thrice as many are in memory.
        compute: answers pictures elsewhere, in place of `load`, `read` and `batch`; see
            `lexiseg.io.processes`.

    Yields:
        The outcome for each image: what is missing first, the others in their order; answers of
        an earlier call come from the folder.

    Raises:
        OutputError: the folder cannot be written.
        LexisegError: what `load` raises.
    """
    names = folder.prepare(images) if folder else {}
    images = sorted(images, key=_is_there)
    todo = [path for path in images if not folder or path in names]
    answering = ImageAnswerer(load, read, debug, batch)
    computed = (compute or answering.answers)(todo)
    if folder is None:
        yield from (item.result if isinstance(item, AnsweredImage) else item for item in computed)
        return
    run = _Run(folder, names, answering)
    failures: dict[Path, str] = {}
    with closing(behind(run.keep, run.all(images, computed))) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                failures[outcome.path] = outcome.reason
            yield outcome
    folder.finish(failures)
    folder.report(failures)


@dataclass(frozen=True)
class MethodCall:
    """A method and what it is asked; called, it loads the method, for this process or for others.

    Args:
        load: loads the method; for others it must be a plain value, or a function of a module.
        verb: "segment", "refer" or "label".
        question: names or sentences; None where nothing is asked.
    """

    load: Callable[[], Method]
    verb: str
    question: Vocabulary | tuple[str, ...] | None = None

    def __call__(self) -> Answer:
        """Load the method; the function that answers one image."""
        return self.of(self.load())

    def of(self, method: Method) -> AskedMethod:
        """The function with which a method answers one image."""
        return AskedMethod(method, self.verb, self.question)


@dataclass(frozen=True)
class AskedMethod:
    """A method that is loaded, and what it is asked; called with an image, it answers.

    Args:
        method: any.
        verb: as for `MethodCall`.
        question: the same.
    """

    method: Method
    verb: str
    question: Vocabulary | tuple[str, ...] | None = None

    def __call__(self, picture: Picture) -> Result:
        """Answer an image, encoded or not."""
        ask: Callable[..., Result] = getattr(self.method, self.verb)
        return ask(picture) if self.question is None else ask(picture, self.question)


def encoded_together(method: object, images: Sequence[ImageArray]) -> Sequence[Picture]:
    """Scenes of images that are encoded in one pass, or the images where that does not work.

    What makes a batch fail, one image or too little memory for all, need not make its halves fail.

    Args:
        method: whose scenes they are to be.
        images: (H, W, 3) uint8 RGB each.
    """
    if len(images) < 2 or not isinstance(method, BatchMethod):
        return images
    try:
        return method.encode_many(images)
    except Exception:  # an image alone is encoded where its failure is noted
        half = len(images) // 2
    halves = images[:half], images[half:]
    return [one for some in halves for one in encoded_together(method, some)]


@dataclass
class ImageAnswerer:
    """Reads pictures and answers them with a method that is loaded once, for the first of them.

    Args:
        load: loads the method and gives the function that answers.
        read: how pictures are read.
        debug: let failures out.
        batch: pictures that are encoded together, if the method can.
    """

    load: Callable[[], Answer]
    read: Read
    debug: bool = False
    batch: int = 1
    _solve: Answer | None = None

    def answers(self, paths: Sequence[Path]) -> Iterator[Computed]:
        """Answer pictures in order, reading ahead."""
        batches, count = in_batches(paths, self.batch), max(1, _AHEAD // self.batch)
        for seen in ahead(self.look_all, batches, count):
            yield from self.answer_all(seen)

    def look_all(self, paths: Sequence[Path]) -> list[Seen | Failure]:
        """Read pictures."""
        return [self.look(path) for path in paths]

    def answer_all(self, seen: Sequence[Seen | Failure]) -> Iterator[Computed]:
        """Answer pictures that were read; those whose sizes fit are encoded in one pass.

        Raises:
            LexisegError: the method cannot be loaded.
        """
        images = [one.pixels for one in seen if isinstance(one, Seen)]
        pictures = iter(encoded_together(self._method(), images) if len(images) > 1 else images)
        for one in seen:
            yield one if isinstance(one, Failure) else self.answer(one, next(pictures))

    def _method(self) -> Method | None:
        solve = self._loaded()
        return solve.method if isinstance(solve, AskedMethod) else None

    def _loaded(self) -> Answer:
        self._solve = self._solve or self.load()
        return self._solve

    def look(self, path: Path) -> Seen | Failure:
        """Read a picture."""
        return self.attempt(self._look, path)

    def _look(self, path: Path) -> Seen:
        require_file(path)
        return Seen(path, Fingerprint.of(path), self.read(path))

    def answer(self, seen: Seen, picture: Picture) -> Computed:
        """Answer a picture that was read, and may be encoded.

        Raises:
            LexisegError: the method cannot be loaded.
        """
        solve = self._loaded()
        return self.attempt(
            lambda path: AnsweredImage(replace(solve(picture), path=path), seen.picture),
            seen.path,
        )

    def attempt(self, step: Callable[[Path], FoundT], path: Path) -> FoundT | Failure:
        """What a step gives for one image, or the reason, said in one line, why nothing."""
        try:
            return step(path)
        except OutputError:  # concerns every image
            raise
        except Exception as error:  # whatever one image causes, the others get their answer
            if self.debug:
                raise
            return Failure(path, reason_of(error, shown(path)))


ItemT = TypeVar("ItemT")


def in_batches(items: Sequence[ItemT], size: int) -> list[Sequence[ItemT]]:
    """Items in their order, so many at a time.

    Example:
        >>> in_batches([1, 2, 3], 2)
        [[1, 2], [3]]
    """
    return [items[start : start + size] for start in range(0, len(items), size)]


@dataclass
class _Run:
    """What is done with the folder; in one thread, as folders are not made for several."""

    folder: RunFolder
    names: dict[Path, str]
    answering: ImageAnswerer

    def all(
        self, images: Iterable[Path], computed: Iterable[Computed]
    ) -> Iterator[Path | Computed]:
        """Pictures that are done already by their paths, and answers for the others."""
        answers = iter(computed)
        for path in images:
            yield next(answers) if path in self.names else path

    def keep(self, item: Path | Computed) -> Result | Failure:
        """Write an answer, or take it from the folder."""
        if isinstance(item, Failure):
            return item
        if isinstance(item, AnsweredImage):
            path = item.result.path or Path()
            self.folder.add(item.result, self.names[path], item.picture)
            return item.result
        return self.answering.attempt(self._earlier, item)

    def _earlier(self, path: Path) -> Result:
        found = self.folder.finished(path, self.answering.read)
        assert found is not None  # it has no name because it is done
        return found


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def reason_of(error: Exception, image: str) -> str:
    """Why a picture has no answer: one line that names it once."""
    text = (str(error).splitlines() or [""])[0]
    if isinstance(error, LexisegError):
        return text if image in text else f"{image}: {text}"
    return f"{image}: {type(error).__name__}: {text}"
