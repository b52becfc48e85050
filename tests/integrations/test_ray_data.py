"""Jobs on Ray: the same rows as ever, none lost and none twice, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import LexisegError, OutputError
from lexiseg.integrations import ray_data
from lexiseg.integrations.ray_data import ENDED, answer_pictures
from lexiseg.io.answering import ImageAnswerer, MethodCall, answer_images
from lexiseg.io.image import read_image
from lexiseg.io.parquet import picture_id
from lexiseg.io.part_folder import PartFolder
from lexiseg.io.run_folder import Job, RunFolder
from tests.integrations.ray_methods import Absent, Bright, Killed

pyarrow = pytest.importorskip("pyarrow", reason="extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="extra parquet")

# Ray's own code uses what it has deprecated.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}Warning")
    for kind in ("Deprecation", "Future", "Resource")
]
JOB = Job("segment", "bright", "mini", {"red": ["red"]}, {}, ["parquet"])
LONG = 200  # seconds after which a process that should have come so far is given up


@pytest.fixture(scope="module")
def ray_here():
    return pytest.importorskip("ray", reason="tried with the programs")


@pytest.fixture(scope="module")
def two_actors(ray_here):
    """A cluster that has room for them; starting one takes longer than all that is done with it."""
    ray = ray_here
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def no_cluster(monkeypatch):
    """Actors are called right here, one after the other, and end by an exception."""
    ended = []

    @contextmanager
    def nothing():
        yield

    def spread(shares, actor, work, needs, workers):
        for share in shares:
            table = pyarrow.table({name: [one] for name, one in share.items()})
            while True:
                monkeypatch.setattr(ray_data, "_was_restarted", lambda: bool(ended))
                try:
                    yield actor(work)(table)
                    break
                except Killed as error:
                    ended.append(error)

    monkeypatch.setattr(ray_data, "cluster", nothing)
    monkeypatch.setattr(ray_data, "needs_of", lambda device: {})
    monkeypatch.setattr(ray_data, "_recipe", lambda call, needs: call.load().recipe())
    monkeypatch.setattr(ray_data, "spread", spread)
    return ended


@pytest.fixture(params=["no_cluster", "two_actors"])
def somewhere(request):
    """What must hold with Ray and without."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        pixels = np.zeros((8, 12, 3), np.uint8)
        pixels[2:5, : number + 2] = 200
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(map(str, folder.iterdir()))


def go(photos, out, how=None, verb="segment", question=("red",), job=JOB, **options):
    call = MethodCall((how or Bright()).load, verb, question)
    folder = PartFolder(str(out))
    return list(answer_pictures(photos, call, folder, job, read=read_image, **options))


def rows_in(folder):
    """Rows without the time they took, in the order of their ids; none twice."""
    rows = parquet.read_table(str(folder)).drop_columns(["timing_ms"]).to_pylist()
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return [by_id[name] for name in sorted(by_id)]


def ids(photos):
    return sorted(map(picture_id, photos))


def test_rows_are_those_of_a_run_on_one_machine_and_a_bad_picture_is_one(
    somewhere, photos, tmp_path
):
    Path(photos[4]).write_bytes(b"no picture")
    outcomes = go(photos, tmp_path / "ray")
    assert sorted(outcome.path for outcome in outcomes) == photos
    assert [outcome.path for outcome in outcomes if outcome.reason] == [photos[4]]
    with RunFolder(tmp_path / "run", JOB) as run:
        list(
            answer_images(
                list(map(Path, photos)), MethodCall(Bright().load, "segment", ("red",)), run
            )
        )
    serial = rows_in(tmp_path / "run" / "annotations.parquet")
    assert rows_in(tmp_path / "ray") == serial
    assert [row["path"] for row in serial if row["error"]] == [photos[4]]


@pytest.mark.parametrize(
    ("verb", "question", "label"), [("refer", ("the left",), "the left"), ("label", None, "thing")]
)
def test_other_verbs_are_asked_alike(no_cluster, photos, tmp_path, verb, question, label):
    go(photos[:2], tmp_path / "out", verb=verb, question=question)
    assert {row["instances"][0]["label"] for row in rows_in(tmp_path / "out")} == {label}


def test_a_second_call_answers_what_is_new_and_what_had_failed(no_cluster, photos, tmp_path):
    good = Path(photos[4]).read_bytes()
    Path(photos[4]).write_bytes(b"no picture")
    go(photos[:6], tmp_path / "out")
    Path(photos[4]).write_bytes(good)
    again = go(photos, tmp_path / "out")
    assert {item.path for item in again if not item.earlier} == {photos[4], *photos[6:]}
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ids(photos) and not any(row["error"] for row in rows)
    assert all(item.earlier for item in go(photos, tmp_path / "out"))


def test_a_killed_actor_loses_no_picture(two_actors, photos, tmp_path):
    gate = tmp_path / "gate"
    with Killing(gate):
        outcomes = go(photos, tmp_path / "out", Bright(gate=str(gate)))
    assert list(tmp_path.glob("gate.killed"))
    assert sorted(item.path for item in outcomes) == photos
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ids(photos) and not any(row["error"] for row in rows)


class Killing:
    """Kills the first actor that waits at a gate, and opens it; from a process of its own."""

    PROGRAM = """
import os, pathlib, signal, sys, time
gate = pathlib.Path(sys.argv[1])
while not (waiting := sorted(gate.parent.glob(gate.name + ".by.*"))):
    time.sleep(0.05)
os.kill(int(waiting[0].suffix[1:]), signal.SIGKILL)
gate.with_suffix(".killed").touch()
gate.touch()
"""

    def __init__(self, gate):
        self.gate = gate

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, str(self.gate)])

    def __exit__(self, *error):
        self.gate.touch()
        self.process.kill()
        self.process.wait()


def test_a_picture_that_ends_every_process_is_a_row_that_says_so(two_actors, photos, tmp_path):
    Image.new("RGB", (12, 8)).save(photos[4])
    outcomes = go(photos, tmp_path / "out", Bright(kills="at once"), workers=1)
    assert [item.path for item in outcomes if item.reason] == [photos[4]]
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ids(photos)
    assert [ENDED in row["error"] for row in rows if row["error"]] == [True]


def test_an_actor_that_was_started_again_notes_a_picture_before_it_touches_it(
    no_cluster, photos, tmp_path
):
    for bad in photos[4], photos[6]:
        Image.new("RGB", (12, 8)).save(bad)
    outcomes = go(photos, tmp_path / "out", Bright(kills="softly"))
    assert {item.path for item in outcomes if item.reason} == {photos[4], photos[6]}
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == ids(photos)
    assert [row["error"] for row in rows if row["error"]] == [
        f"{path}: {ENDED}." for path in sorted((photos[4], photos[6]), key=picture_id)
    ]
    assert 2 < len(no_cluster) <= 4  # the first, and each of the two once it was noted


def test_a_folder_is_bound_to_what_was_asked_of_what(no_cluster, photos, tmp_path):
    go(photos[:1], tmp_path / "out")
    with pytest.raises(OutputError, match=r"another recipe \(settings.depth: 8 / 9\)"):
        go(photos[:1], tmp_path / "out", Bright(depth=9))
    other = Job("refer", "bright", "mini", {"red": ["red"]}, {}, ["parquet"])
    with pytest.raises(OutputError, match="other names or settings"):
        go(photos[:1], tmp_path / "out", job=other)
    go(photos[:1], tmp_path / "out", job=other, verb="refer", overwrite=True)


def test_an_actor_of_another_recipe_stops_the_job(no_cluster, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_data, "_recipe", lambda call, needs: Bright(depth=7).load().recipe())
    with pytest.raises(LexisegError, match=r"another recipe \(settings.depth: 7 / 8\)"):
        go(photos, tmp_path / "out")
    assert not list((tmp_path / "out").glob("part-*"))


def test_a_folder_that_cannot_be_written_stops_the_job(no_cluster, photos, tmp_path, monkeypatch):
    def full(*_):
        raise OutputError("no room")

    monkeypatch.setattr(PartFolder, "write", full)
    with pytest.raises(LexisegError, match="no room"):
        go(photos, tmp_path / "out")


def test_a_method_that_cannot_be_loaded_is_one_sentence(two_actors, photos, tmp_path):
    with pytest.raises(LexisegError, match=r"^There are no weights; fetch them\.$"):
        go(photos[:1], tmp_path / "out", Absent())


DRIVER = """
import sys
from pathlib import Path
import ray
from lexiseg.io.run_folder import Job
from tests.integrations.ray_methods import Bright
from tests.integrations.test_ray_data import JOB, go

ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
gate, out, *photos = sys.argv[1:]
print(sum(not item.earlier for item in go(photos, out, Bright(gate=gate))))
"""


def test_a_killed_program_is_continued(ray_here, photos, tmp_path):
    gate, out = tmp_path / "gate", tmp_path / "out"
    command = [sys.executable, "-c", DRIVER, str(gate), str(out), *photos]
    environment = {**os.environ, "RAY_ADDRESS": "local"}
    first = subprocess.Popen(command, env=environment, start_new_session=True)
    deadline = time.monotonic() + LONG
    while not (list(tmp_path.glob("gate.by.*")) and list(out.glob("part-*"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)  # the program alone, not what it has started
    first.wait()
    begun = len(rows_in(out)) if list(out.glob("part-*")) else 0
    assert 0 < begun < len(photos)
    gate.touch()  # actors that are still there may even go on
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) <= len(photos) - begun
    rows = rows_in(out)
    assert [row["id"] for row in rows] == ids(photos) and not any(row["error"] for row in rows)


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of moto's server on this machine."""
    s3fs, server = pytest.importorskip("s3fs"), pytest.importorskip("moto.server")
    running = server.ThreadedMotoServer("127.0.0.1", 0)
    running.start()
    host, port = running.get_host_and_port()
    account = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    store = s3fs.S3FileSystem(skip_instance_cache=True)
    store.mkdir("photos")
    yield store, account
    running.stop()


COMMAND = "from lexiseg.cli import main; main()"


def test_the_command_line_from_bucket_to_bucket(ray_here, photos, bucket, tmp_path):
    store, account = bucket
    for path in photos[:2]:
        store.put_file(path, f"photos/{Path(path).name}")
    store.pipe_file("photos/bad.png", b"no picture")
    words = [
        "segment",
        "s3://photos/*.png",
        "-t",
        "red",
        "--method",
        "maskclip",
        "--preset",
        "mini",
    ]
    command = [sys.executable, "-c", COMMAND, *words, "--engine", "ray", "--jobs", "1"]
    environment = {**os.environ, **account, "RAY_ADDRESS": "local"}
    for _ in range(2):
        done = subprocess.run(
            [*command, "-o", "s3://photos/out"], env=environment, capture_output=True, check=False
        )
        told = done.stderr.decode()
        assert done.returncode == 1, told
        assert "failed: s3://photos/bad.png" in told and "2 of 3 images done, 1 failed" in told
    names = sorted(name.rpartition("/")[2] for name in store.ls("photos/out"))
    assert names[0] == "_lexiseg.json" and len(names) == 4
    rows = {
        row["path"]: row for row in parquet.read_table("photos/out", filesystem=store).to_pylist()
    }
    assert sorted(rows) == ["s3://photos/0.png", "s3://photos/1.png", "s3://photos/bad.png"]
    here = ImageAnswerer(MethodCall(load_maskclip, "segment", ("red",)), read_image)
    (found,) = here.answers([Path(photos[0])])
    row = rows["s3://photos/0.png"]
    assert [one["counts"] for one in row["instances"]] == [
        one.to_json()["segmentation"]["counts"] for one in found.result.instances
    ]
    assert row["sha256"] == found.picture.sha256
    job = json.loads(store.cat_file("photos/out/_lexiseg.json"))
    assert job["recipe"]["method"] == "maskclip" and job["texts"] == {"red": ["red"]}
    reading = lexiseg.read("s3://photos/out")
    assert {str(one.path).rpartition("/")[2] for one in reading} == {"0.png", "1.png"}
    assert "1" in reading.report.summary()  # left out: the bad picture


def load_maskclip():
    import lexiseg

    return lexiseg.load("maskclip", preset="mini")


def test_a_method_without_weights_ends_the_command_in_one_sentence(ray_here, photos, tmp_path):
    words = ["segment", photos[0], "-t", "red", "--method", "maskclip", "--engine", "ray"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words, "--set", "weights=nobody/clip", "-o", "out"],
        env={**os.environ, "RAY_ADDRESS": "local", "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode()
    assert done.returncode == 2 and "Traceback" not in told, told
    assert "nobody/clip" in told
    assert not (tmp_path / "out").exists()
