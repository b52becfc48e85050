"""Many pictures through one method: what runs at the same time."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import OutputError
from lexiseg.io.answering import answer_images
from lexiseg.io.run_folder import FolderInUseError, RunFolder
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
