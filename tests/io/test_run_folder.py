from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import OutputError
from lexiseg.io.answering import Failure, answer_images
from lexiseg.io.folder_lock import FolderInUseError
from lexiseg.io.record import read_records
from lexiseg.io.run_folder import Job, OtherRunError, RunFolder, open_default
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

JOB = Job("segment", "color", "mini", {"red": ["red"]}, {}, ["overlay", "masks", "coco"])


def answer(pixels: np.ndarray) -> Result:
    size = pixels.shape[:2]
    items = (Instance("red", 0.5, Mask.from_array(pixels[..., 0] > 99)),)
    verdicts = PresenceTrace([Presence("red", 0.5, True, "seen")])
    return Result(
        size, ("red",), Instances(items, size), verdicts, Recipe("color", "mini"), None, pixels
    )


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        paint(folder / f"{name}.png", 6)
    return sorted(folder.iterdir())


def paint(path: Path, width: int) -> None:
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[2:5, :width] = 200
    Image.fromarray(pixels).save(path)


def go(
    run: Path, photos: list[Path], job: Job = JOB, overwrite: bool = False, solve=answer
) -> list[Result | Failure]:
    with RunFolder(run, job, overwrite=overwrite) as folder:
        return list(answer_images(photos, lambda: solve, folder))


def files(run: Path) -> set[str]:
    return {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}


def recorded(run: Path) -> list[str]:
    lines = (run / "results.jsonl").read_text().splitlines()
    return [Path(json.loads(line)["image"]).name for line in lines]


def annotated(run: Path) -> list[str]:
    content = json.loads((run / "annotations.coco.json").read_text())
    return [Path(image["file_name"]).name for image in content["images"]]


def never(pixels: np.ndarray) -> Result:
    raise KeyboardInterrupt("a picture was answered again")


def test_every_file_is_listed_once(tmp_path: Path, photos: list[Path]) -> None:
    for _ in range(3):
        go(tmp_path / "run", photos)
    header, *listed = (tmp_path / "run" / "files.txt").read_text().splitlines()
    assert header.startswith("# ") and len(listed) == len(set(listed))
    assert {*listed, "files.txt"} == files(tmp_path / "run")


@pytest.mark.parametrize(
    "own", ["a.overlay.jpg", "annotations.coco.json", "masks/a/objects.json", "run.json",
            "results.jsonl", "files.txt"]
)  # fmt: skip
def test_a_file_of_the_user_is_refused_again_and_again_and_nothing_else_is_left(
    tmp_path: Path, photos: list[Path], own: str
) -> None:
    run = tmp_path / "run"
    (run / own).parent.mkdir(parents=True)
    (run / own).write_text("precious")
    for _ in range(3):
        with pytest.raises(OutputError, match=Path(own).name):
            go(run, photos)
        assert files(run) == {own} and (run / own).read_text() == "precious"


def test_a_refused_picture_leaves_the_answers_before_it(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "b.overlay.jpg").write_text("precious")
    for _ in range(2):
        with pytest.raises(OutputError):
            go(run, photos)
    assert recorded(run) == ["a.png"] and (run / "b.overlay.jpg").read_text() == "precious"
    assert not (run / "masks" / "b").exists()
    (run / "b.overlay.jpg").unlink()
    go(run, photos)
    assert recorded(run) == annotated(run) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("gone", ["a.overlay.jpg", "masks/b/001-red.png", "annotations.coco.json"])
def test_what_was_deleted_is_written_again(tmp_path: Path, photos, gone: str) -> None:
    run = tmp_path / "run"
    go(run, photos)
    before = (run / gone).read_bytes()
    (run / gone).unlink()
    go(run, photos, solve=never)
    assert (run / gone).read_bytes() == before and recorded(run) == ["a.png", "b.png", "c.png"]


def test_a_changed_picture_is_answered_again_and_recorded_once(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    go(run, photos)
    paint(photos[1], 11)
    answered: list[int] = []

    def solve(pixels: np.ndarray) -> Result:
        answered.append(int((pixels[..., 0] > 99).sum()))
        return answer(pixels)

    outcomes = go(run, photos, solve=solve)
    assert answered == [33]
    assert [outcome.instances.areas.tolist() for outcome in outcomes] == [[18], [33], [18]]
    assert sorted(recorded(run)) == sorted(annotated(run)) == ["a.png", "b.png", "c.png"]
    assert len((run / "files.txt").read_text().splitlines()) == len(files(run))


def test_a_picture_that_became_unreadable_loses_its_old_answer(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    go(run, photos)
    photos[1].write_bytes(b"no picture")
    outcomes = go(run, photos)
    assert [type(outcome) for outcome in outcomes] == [Result, Failure, Result]
    assert sorted(recorded(run)) == annotated(run) == ["a.png", "c.png"]
    assert not (run / "b.overlay.jpg").exists() and "b.png" in (run / "failed.txt").read_text()


def test_two_records_of_one_picture_become_one(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    go(run, photos)
    records = run / "results.jsonl"
    records.write_bytes(records.read_bytes() * 2)
    go(run, photos, solve=never)
    assert recorded(run) == annotated(run) == ["a.png", "b.png", "c.png"]


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    with RunFolder(run, JOB):
        for overwrite in (False, True):
            with pytest.raises(FolderInUseError, match="another run"):
                RunFolder(run, JOB, overwrite=overwrite)
        with open_default(run, JOB) as other:
            assert other.path == tmp_path / "run-2"
    go(run, photos)
    assert not list(run.glob(".*"))


def test_folders_without_an_answer_are_gone_again(tmp_path: Path) -> None:
    with open_default(tmp_path / "deep" / "out", JOB) as folder:
        assert folder.path.is_dir()
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda content: b"", "run.json is damaged"),
        (lambda content: content[:20], "run.json is damaged"),
        (lambda content: b"\xff" + content, "run.json is damaged"),
        (lambda content: b"[1]", "run.json is damaged"),
        (lambda content: b"[" * 100_000, "run.json is damaged"),
        (lambda content: content.replace(b"red", b"blue"), "other names or settings"),
    ],
)
def test_a_damaged_or_other_job_is_one_sentence(
    tmp_path: Path, photos, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    run = tmp_path / "run"
    go(run, photos)
    (run / "run.json").write_bytes(damage((run / "run.json").read_bytes()))
    before = files(run)
    with pytest.raises(OtherRunError, match=sentence):
        go(run, photos)
    assert files(run) == before
    go(run, photos, overwrite=True)
    assert recorded(run) == ["a.png", "b.png", "c.png"]


def test_records_without_their_job_are_refused(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    go(run, photos)
    (run / "run.json").unlink()
    with pytest.raises(OtherRunError, match="missing"):
        go(run, photos)


@pytest.mark.parametrize("tail", [b'{"image": "x', b"\0" * 64, b"\xff\xff"])
def test_a_cut_last_record_is_answered_again(tmp_path: Path, photos, tail: bytes) -> None:
    run = tmp_path / "run"
    go(run, photos[:2])
    with (run / "results.jsonl").open("ab") as stream:
        stream.write(tail)
    go(run, photos)
    assert recorded(run) == annotated(run) == ["a.png", "b.png", "c.png"]


def test_files_of_an_older_collection_go(tmp_path: Path, photos) -> None:
    run, job = tmp_path / "run", replace(JOB, formats=["yolo"])
    go(run, photos, job)
    photos[2].write_bytes(b"no picture")
    go(run, photos, job)
    assert not (run / "yolo" / "labels" / "c.txt").exists()
    assert (run / "yolo" / "labels" / "a.txt").exists()


def test_odd_names_of_failed_pictures_come_back(tmp_path: Path, photos) -> None:
    from lexiseg.io.listing import list_images

    odd = [tmp_path / name for name in ("#1.png", " b.png", "caf\udce9.png", "two\nlines.png")]
    for path in odd:
        path.write_bytes(b"no picture")
    go(tmp_path / "run", [*photos, *odd])
    assert list_images(tmp_path / "run" / "failed.txt") == odd


def test_a_missing_picture_is_told_before_anything_is_loaded(tmp_path: Path, photos) -> None:
    def load():
        raise OutputError("weights")

    outcomes = answer_images([*photos, tmp_path / "none.png"], load)
    first = next(outcomes)
    assert isinstance(first, Failure) and "none.png does not exist" in first.reason
    with pytest.raises(OutputError, match="weights"):
        next(outcomes)
    photos[0].write_bytes(b"no picture")
    assert all(isinstance(outcome, Failure) for outcome in answer_images(photos[:1], load))


def test_a_picture_in_two_folders_has_two_names_whatever_its_case(tmp_path: Path, photos) -> None:
    (tmp_path / "more").mkdir()
    paint(tmp_path / "more" / "A.png", 3)
    go(tmp_path / "run", photos)
    go(tmp_path / "run", [*photos, tmp_path / "more" / "A.png"])
    stems = [path.name.casefold() for path in (tmp_path / "run").glob("*.overlay.jpg")]
    assert len(stems) == len(set(stems)) == 4


def test_a_run_tells_its_recipe_and_takes_answers_of_no_other(tmp_path: Path, photos) -> None:
    run = tmp_path / "run"
    recipe = Recipe("color", "mini", {"sizes": [1, 2]}, {"net": "small sha256:1"})

    def solve(pixels: np.ndarray) -> Result:
        return replace(answer(pixels), recipe=recipe)

    go(run, photos[:1], solve=solve)
    told = json.loads((run / "run.json").read_text())["recipe"]
    (record,) = read_records(run / "results.jsonl")
    assert Recipe.from_json(told) == record.recipe == recipe
    assert len(go(run, photos[:2], solve=solve)) == 2
    recipe = Recipe("color", "mini", {"sizes": [1, 2]}, {"net": "small sha256:2"})
    with pytest.raises(OtherRunError, match=r"weights\.net: small sha256:1 / small sha256:2"):
        go(run, photos, solve=solve)
    assert recorded(run) == ["a.png", "b.png"]
    assert len(go(run, photos[:2], solve=never)) == 2


def test_a_table_of_the_run_has_a_row_for_what_failed(tmp_path: Path, photos: list[Path]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="extra parquet")
    photos[1].write_bytes(b"no picture")
    run = tmp_path / "run"
    for _ in range(2):  # a second call says the same
        go(run, photos, replace(JOB, formats=["parquet"]))
        rows = parquet.read_table(run / "annotations.parquet").to_pylist()
        assert sorted(Path(row["path"]).name for row in rows) == ["a.png", "b.png", "c.png"]
        assert ["b.png" in (row["error"] or "") for row in rows] == [False, False, True]
