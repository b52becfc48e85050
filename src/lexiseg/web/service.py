"""What a service does, without HTTP: keep pictures, ask methods, write files."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lexiseg.errors import LexisegError
from lexiseg.io.answering import encoded_together
from lexiseg.io.image import read_image
from lexiseg.io.writer import slug
from lexiseg.models.device import usual_batch
from lexiseg.registry import WRITERS
from lexiseg.types import EncodedImage, Method, Result, Vocabulary
from lexiseg.web.answers import above, answer_json
from lexiseg.web.asking import AnyQuestion, FilesBody, Inquiry, PictureBody, ReferBody, SegmentBody
from lexiseg.web.limits import ServiceLimits
from lexiseg.web.model_worker import Gone, ModelWorker
from lexiseg.web.picture_store import KeptPicture, PictureStore
from lexiseg.web.refusal import RefusedError, too_large, unfit
from lexiseg.web.shelf import MethodShelf
from lexiseg.web.waiting import WaitingQuestions

T = TypeVar("T")
Record = dict[str, object]
_BOMB = 10**9  # pixels at least of what Pillow does not open


@dataclass(frozen=True)
class Reply:
    """An answer, and how it came about.

    Attributes:
        result: of the method.
        picture: that was asked about.
        notes: what a user should know, such as that a name was given twice.
        encoded_before: whether the picture had been encoded for an earlier question.
        milliseconds: that the answer took, the waiting not included.
    """

    result: Result
    picture: KeptPicture
    notes: list[str]
    encoded_before: bool
    milliseconds: float

    def to_json(self, question: AnyQuestion) -> Record:
        """What clients get."""
        return answer_json(self.result, question.format, question.view) | {
            "image_id": self.picture.id,
            "notes": self.notes,
            "encoded_before": self.encoded_before,
            "answer_ms": round(self.milliseconds, 3),
        }


@dataclass(frozen=True)
class WrittenFile:
    """A file for a client, in memory."""

    name: str
    content: bytes


class SegmentationService:
    """Methods, pictures and the thread that computes.

    Args:
        shelf: the methods.
        limits: how much is taken on.
    """

    def __init__(self, shelf: MethodShelf, limits: ServiceLimits) -> None:
        self.shelf, self.limits = shelf, limits
        self.worker = ModelWorker()
        self.waiting = WaitingQuestions()
        self.store = PictureStore(limits.store_bytes, limits.lifetime)

    async def load_all(self) -> None:
        """Load the methods one by one; questions that come meanwhile are answered in between.

        Raises:
            LexisegError: one that is required cannot be loaded.
        """
        for name in self.shelf.offers:
            try:
                await self.worker.run(lambda name=name: self.shelf.load(name), seconds=3600)  # type: ignore[misc]
            except RefusedError:
                continue  # its offer says so

    async def encode(self, asked: Inquiry[PictureBody], gone: Gone) -> Record:
        """Keep a picture, and encode it for a method if one is named.

        Raises:
            RefusedError: it cannot be.
            LexisegError: it is no picture.
        """
        name = asked.body.method
        offer = self.shelf.named(name) if name is not None else None

        def job() -> Record:
            begin = perf_counter()
            picture = self._picture(asked)
            if offer:
                self._scene(picture, self.shelf.load(offer.name))
            return {
                "image_id": picture.id,
                "size": list(picture.pixels.shape[:2]),
                "expires_in_s": self.limits.lifetime,
                "encode_ms": round(1000 * (perf_counter() - begin), 3),
            }

        with self.waiting.noted(offer.name if offer else "", asked):
            return await self.worker.run(job, self.limits.seconds, gone)

    async def picture(self, name: str, gone: Gone) -> bytes:
        """A kept picture as a PNG file.

        Raises:
            RefusedError: it is not kept any more.
        """

        def job() -> bytes:
            stream = io.BytesIO()
            Image.fromarray(self.store.get(name).pixels).save(stream, format="PNG")
            return stream.getvalue()

        return await self.worker.run(job, self.limits.seconds, gone)

    async def answer(
        self, asked: Inquiry[AnyQuestion], gone: Gone, then: Callable[[Reply], T]
    ) -> T:
        """Ask a method about a picture.

        Args:
            asked: the question.
            gone: comes back when the client has left.
            then: what to make of the answer, in the thread of the worker.

        Raises:
            RefusedError: it cannot be answered.
            LexisegError: what the method says of the question.
        """
        question = asked.body
        self._require_few(question.asked_texts)
        offer = self.shelf.offer(question.method, question.verb)
        with self.waiting.noted(offer.name, asked):
            return await self.worker.run(
                lambda: then(self._answer(asked, offer.name)), self.limits.seconds, gone
            )

    async def write(self, asked: Inquiry[FilesBody], gone: Gone) -> WrittenFile:
        """The answer to a question in file formats: one file, or an archive of several.

        Raises:
            RefusedError: it cannot be answered.
            LexisegError: no such format, or what the method says of the question.
        """
        body = asked.body
        for name in body.formats:
            WRITERS[name]
        question: Inquiry[AnyQuestion] = Inquiry(body.question(), asked.file)
        return await self.answer(
            question, gone, lambda answered: written(answered.result, body.formats, body.name)
        )

    def _answer(self, asked: Inquiry[AnyQuestion], name: str) -> Reply:
        method = self.shelf.load(name)
        picture = self._picture(asked)
        begin = perf_counter()
        before = name in picture.scenes
        scene = self._scene(picture, method)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            result = ask(method, scene, asked.body)
        self.store.keep(picture)
        notes = [str(one.message) for one in caught if one.category is UserWarning]
        return Reply(result, picture, notes, before, 1000 * (perf_counter() - begin))

    def _picture(self, asked: Inquiry[PictureBody]) -> KeptPicture:
        if asked.file is None:
            return self.store.get(asked.body.image_id or "")
        return self.store.take(asked.file, self._read)

    def _read(self, data: bytes) -> NDArray[np.uint8]:
        """Pixels of a file that is not too large.

        Raises:
            RefusedError: it is.
            ImageError: it is no picture.
        """
        pixels = _pixels_of(data)
        if pixels > self.limits.pixels:
            raise too_large(
                f"The picture has {pixels / 1e6:.1f} megapixels, more than the "
                f"{self.limits.megapixels:g} allowed; scale it down."
            )
        return read_image(data, max_pixels=self.limits.pixels)

    def _scene(self, picture: KeptPicture, method: Method) -> EncodedImage:
        if method.name not in picture.scenes:
            self._encode_with_others(picture, method)
        if method.name not in picture.scenes:
            picture.scenes[method.name] = method.encode(picture.pixels)
            self.store.keep(picture)
        return picture.scenes[method.name]

    def _encode_with_others(self, picture: KeptPicture, method: Method) -> None:
        """Encode a picture in one pass with others that are waited for, where that works."""
        pictures = {picture.id: picture}
        for asked in self.waiting.of(method.name):
            if len(pictures) >= self._batch(method):
                break
            with suppress(LexisegError, RefusedError):  # it is told when its turn comes
                other = self._picture(asked)
                if method.name not in other.scenes:
                    pictures[other.id] = other
        found = encoded_together(method, [one.pixels for one in pictures.values()])
        for one, scene in zip(pictures.values(), found, strict=True):
            if isinstance(scene, EncodedImage):
                one.scenes[method.name] = scene
                self.store.keep(one)

    def _batch(self, method: Method) -> int:
        return self.limits.batch or usual_batch(method.recipe().device)

    def _require_few(self, texts: list[str]) -> None:
        most, letters = self.limits.names, self.limits.letters
        if len(texts) > most:
            raise unfit(f"The question has {len(texts)} names; at most {most} are allowed.")
        longest = max(map(len, texts), default=0)
        if longest > letters:
            raise unfit(f"A name has {longest} letters; at most {letters} are allowed.")


def ask(method: Method, scene: EncodedImage, question: AnyQuestion) -> Result:
    """What a method says.

    Raises:
        UsageError: the question is none.
    """
    if isinstance(question, SegmentBody):
        return method.segment(scene, vocabulary_of(question))
    if isinstance(question, ReferBody):
        return above(method.refer(scene, question.texts), question.cutoff)
    return above(method.label(scene), question.cutoff)


def vocabulary_of(question: SegmentBody) -> Vocabulary:
    """The names of a question with their cut-offs and rivals.

    Raises:
        UsageError: no names, a blank one, or a cut-off of a name that is not asked.
    """
    asked = Vocabulary.parse(question.names)
    limits = {name: question.cutoff for name in asked if question.cutoff}
    for name, limit in question.cutoffs.items():
        limits[name] = max(limit, question.cutoff)
    return Vocabulary.parse(
        asked, cutoffs=limits, against=question.against, excluded=question.excluded
    )


def written(result: Result, formats: list[str], name: str) -> WrittenFile:
    """A result as a file of a format, or as an archive where there are several files.

    The files go through a temporary folder, which is gone afterwards.
    """
    stem = slug(name)
    with TemporaryDirectory() as place:
        folder = Path(place)
        paths = result.save(folder, list(dict.fromkeys(formats)), name=stem)
        if len(paths) == 1:
            return WrittenFile(paths[0].name, paths[0].read_bytes())
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.relative_to(folder).as_posix())
    return WrittenFile(f"{stem}.zip", stream.getvalue())


def _pixels_of(data: bytes) -> int:
    """How many pixels a file says it has; 0 where it is no picture that this can tell of."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.width * picture.height
    except Image.DecompressionBombError:
        return _BOMB
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return 0
