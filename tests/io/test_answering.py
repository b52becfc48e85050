"""Many pictures through one method: what runs at the same time."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from threading import Event

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import OutputError
from lexiseg.io.answering import AnsweredImage, Failure, ImageAnswerer, MethodCall, answer_images
from lexiseg.io.image import read_image
from lexiseg.io.run_folder import FolderInUseError, RunFolder
from lexiseg.types import Recipe
from tests.io.test_run_folder import JOB, answer

LONG = 30  # seconds after which a step that should have been overlapped gives up
COUNT = 6


@pytest.fixture
def photos(tmp_path):
    """Pictures that tell their numbers: as many rows as that."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(1, COUNT + 1):
        Image.new("RGB", (9, number), (200, 0, 0)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


class Steps:
    """A reader, a method and a folder that tell when they begin a picture."""

    def __init__(self, folder):
        self.folder = folder
        self.begun = {name: [Event() for _ in range(COUNT + 2)] for name in ("read", "write")}
        self.overlapped = []
        inner = folder.add

        def add(result, name, picture=None):
            self.begun["write"][result.size_hw[0]].set()
            inner(result, name, picture)

        folder.add = add

    def read(self, path):
        self.begun["read"][int(path.stem)].set()
        return np.asarray(Image.open(path).convert("RGB"))

    def load(self):
        return self.solve

    def solve(self, pixels):
        """Compute until the next picture is being read and the one before is being written."""
        number = pixels.shape[0]
        due = [self.begun["read"][number + 1]] if number < COUNT else []
        due += [self.begun["write"][number - 1]] if number > 1 else []
        self.overlapped.append(all(event.wait(LONG) for event in due))
        return answer(pixels)


def test_pictures_are_read_and_written_while_the_method_computes(photos, tmp_path):
    with RunFolder(tmp_path / "run", JOB) as folder:
        steps = Steps(folder)
        list(answer_images(photos, steps.load, folder, read=steps.read))
    assert steps.overlapped == [True] * COUNT


def test_what_is_being_written_is_complete_before_the_folder_is_free(photos, tmp_path):
    held = []

    class Slow(RunFolder):
        def add(self, result, name, picture=None):
            super().add(result, name, picture)
            try:
                RunFolder(self.path, JOB)
            except FolderInUseError:
                held.append(name)

    with Slow(tmp_path / "run", JOB) as folder:
        outcomes = answer_images(photos, lambda: answer, folder)
        next(outcomes)
        outcomes.close()
    written = len((tmp_path / "run" / "results.jsonl").read_text().splitlines())
    assert written == len(held) >= 1


def test_a_folder_that_cannot_be_written_stops_the_method_soon(photos, tmp_path):
    asked = []

    class Full(RunFolder):
        def add(self, result, name, picture=None):
            raise OutputError("no room")

    def solve(pixels):
        asked.append(pixels.shape[0])
        return answer(pixels)

    with (
        Full(tmp_path / "run", JOB) as folder,
        pytest.raises(OutputError, match="no room"),
    ):
        list(answer_images(photos, lambda: solve, folder))
    assert asked == [1, 2]


class Batched:
    """A method that tells which pictures it encoded together, and fails as it is told."""

    def __init__(self, most=99, bad=0):
        self.most, self.bad = most, bad
        self.encoded = []

    def load(self):
        return self

    def encode_many(self, images):
        self.encoded.append([image.shape[0] for image in images])
        if len(images) > self.most:
            raise MemoryError("too much")
        if self.bad in self.encoded[-1]:
            raise ValueError("bad")
        return [Scene(image) for image in images]

    def segment(self, given, names):
        image = given.image if isinstance(given, Scene) else given
        if image.shape[0] == self.bad:
            raise ValueError("bad")
        return replace(answer(image), recipe=Recipe("batched", "by hand", {"names": len(names)}))


@dataclass(frozen=True)
class Scene:
    image: np.ndarray

    @property
    def size_hw(self):
        return self.image.shape[:2]


def answers(method, photos, batch):
    call = MethodCall(method.load, "segment", ("red",))
    return list(ImageAnswerer(call, read_image, batch=batch).answers(photos))


def test_pictures_are_encoded_so_many_at_a_time_and_answered_in_order(photos):
    photos.insert(2, photos[0].with_name("absent.png"))
    method = Batched()
    found = answers(method, photos, 3)
    assert method.encoded == [[1, 2], [3, 4, 5]]  # the file that is absent leaves a pair
    assert found == answers(Batched(), photos, 1)
    assert isinstance(found[2], Failure)
    assert [one.result.path for one in found if isinstance(one, AnsweredImage)] == [
        path for path in photos if path.exists()
    ]


def test_one_picture_at_a_time_is_not_a_batch(photos):
    method = Batched()
    answers(method, photos, 1)
    assert method.encoded == []


def test_a_batch_that_is_too_large_is_halved(photos):
    method = Batched(most=2)
    assert answers(method, photos, 4) == answers(Batched(), photos, 1)
    assert method.encoded == [[1, 2, 3, 4], [1, 2], [3, 4], [5, 6]]


def test_a_picture_that_fails_costs_the_others_of_its_batch_nothing(photos):
    found = answers(Batched(bad=2), photos, 4)
    assert [str(one.path) for one in found if isinstance(one, Failure)] == [str(photos[1])]
    assert [one for one in found if isinstance(one, AnsweredImage)] == [
        one for one in answers(Batched(), photos, 1) if one.result.path != photos[1]
    ]


def test_no_more_than_three_batches_of_pictures_are_in_memory(photos):
    """One in use, one that is ready, and one that is being read or was in use."""
    alive, most = set(), []

    def read(path):
        pixels, number = read_image(path), len(most)
        alive.add(number)
        weakref.finalize(pixels, alive.discard, number)
        most.append(len(alive))
        return pixels

    call = MethodCall(Plain().load, "segment", ("red",))
    for _ in ImageAnswerer(call, read, batch=2).answers(photos * 5):
        pass
    assert len(most) == 5 * COUNT
    assert max(most) <= 3 * 2


class Plain(Batched):
    """One whose answers hold nothing of the picture."""

    def segment(self, given, names):
        return replace(super().segment(given, names), image=None)
