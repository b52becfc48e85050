"""Pictures answered by several processes: the same rows, nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexiseg.errors import LexisegError, UsageError
from lexiseg.io.answering import AnsweredImage, Failure, ImageAnswerer, answer_images
from lexiseg.io.image import read_image
from lexiseg.io.processes import Processes
from lexiseg.io.record import read_records
from lexiseg.io.run_folder import RunFolder
from tests.io.test_run_folder import JOB, answer


def load():
    return answer


def load_nothing():
    raise UsageError("There are no weights; fetch them.")


def dies_on_dark():
    """A method that ends its process with every dark picture."""

    def solve(pixels):
        if pixels.max() < 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(pixels)

    return solve


def dies_once():
    """A method that ends its process, but not a second time."""
    flag = Path(os.environ["DIED"])

    def solve(pixels):
        if not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(pixels)

    return solve


def ends_process():
    os.kill(os.getpid(), signal.SIGKILL)


def warns():
    def solve(pixels):
        warnings.warn("nearly black", stacklevel=1)
        return answer(pixels)

    return solve


def meets_another():
    """A method that answers only while another process does, and tells of its own."""
    folder = Path(os.environ["MEETING"])

    def solve(pixels):
        (folder / str(os.getpid())).touch()
        deadline = time.monotonic() + 600
        while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        noted = {"process": os.getpid(), "blocked": blocked, "threads": torch.get_num_threads()}
        result = answer(pixels)
        return replace(result, recipe=replace(result.recipe, timing_ms=noted))

    return solve


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        pixels = np.zeros((8, 12, 3), np.uint8)
        pixels[2:5, : number + 2] = 200
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def go(photos, load, count=2, batch=1):
    with Processes(count, load, read_image, batch=batch) as processes:
        return list(processes.answers(photos))


def paths(outcomes):
    return [item.result.path if isinstance(item, AnsweredImage) else item.path for item in outcomes]


def test_the_same_answers_as_in_one_process(photos):
    photos[3].write_bytes(b"no picture")
    alone = list(ImageAnswerer(load, read_image).answers(photos))
    several = go(photos, load)
    assert several == alone
    assert isinstance(several[3], Failure) and len(several) == 9
    assert go(photos, load, batch=4) == alone


def test_several_processes_answer_at_once_and_leave_ctrl_c_to_this_one(
    photos, tmp_path, monkeypatch
):
    (tmp_path / "meeting").mkdir()
    monkeypatch.setenv("MEETING", str(tmp_path / "meeting"))
    noted = [item.result.recipe.timing_ms for item in go(photos, meets_another, 2)]
    assert len({note["process"] for note in noted}) == 2
    assert all(note["blocked"] for note in noted)
    assert all(note["threads"] <= max(1, os.cpu_count() // 2) for note in noted)


def test_a_run_folder_holds_the_same_records(photos, tmp_path):
    records = []
    for count in (1, 2):
        with RunFolder(tmp_path / str(count), JOB) as folder, Processes(2, load, read_image) as two:
            compute = two.answers if count == 2 else None
            list(answer_images(photos, load, folder, compute=compute))
        records.append(list(read_records(tmp_path / str(count) / "results.jsonl")))
    assert records[0] == records[1] and len(records[0]) == 9


def test_a_killed_process_costs_no_picture(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("DIED", str(tmp_path / "died"))
    outcomes = go(photos, dies_once)
    assert (tmp_path / "died").exists()
    assert sorted(paths(outcomes)) == photos
    assert all(isinstance(item, AnsweredImage) for item in outcomes)


def test_a_picture_that_ends_every_process_fails_alone(photos):
    Image.new("RGB", (12, 8)).save(photos[4])
    outcomes = go(photos, dies_on_dark)
    failures = [item for item in outcomes if isinstance(item, Failure)]
    assert [failure.path for failure in failures] == [photos[4]]
    assert "ended" in failures[0].reason and "\n" not in failures[0].reason
    assert sorted(paths(outcomes)) == photos


def test_a_method_that_cannot_be_loaded_is_told(photos):
    with pytest.raises(LexisegError, match="fetch them"):
        go(photos, load_nothing)


def test_a_method_that_ends_every_process_ends_the_run(photos):
    with pytest.raises(LexisegError, match="want of memory"):
        go(photos, ends_process)


def test_what_processes_warn_of_is_told_here(photos):
    with pytest.warns(UserWarning, match="nearly black"):
        go(photos, warns, 1)
