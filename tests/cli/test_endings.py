"""How the program ends in a process of its own: signals, closed and full outputs, no room."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and /dev/full are Unix's")

PROGRAM = Path(__file__).with_name("slow_program.py")
LONG = 600  # seconds: far more than any of these takes, on a busy machine too
ASK = ("--method", "slow", "-t", "red")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        pixels = np.zeros((40, 40, 3), np.uint8)
        pixels[3 : 9 + index] = 200
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def start(*words: str | Path, **how) -> subprocess.Popen[bytes]:
    """The program; with a GATE it answers one picture, then waits until that file exists."""
    environment = {**os.environ, **how.pop("env", {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    command = [sys.executable, str(PROGRAM), *map(str, words)]
    return subprocess.Popen(command, env=environment, **streams)


def waiting(folder: Path) -> dict[str, str]:
    return {"GATE": str(folder / "gate")}


def finish(*words: str | Path, **how) -> tuple[int, str]:
    process = start(*words, **how)
    _, err = process.communicate(timeout=LONG)
    return process.returncode, err.decode()


def recorded(run: Path) -> list[str]:
    records = run / "results.jsonl"
    lines = records.read_text().splitlines() if records.exists() else []
    return [Path(json.loads(line)["image"]).name for line in lines]


def wait_for(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the program has one answer and waits for the gate."""
    reached, deadline = folder / "gate.reached", time.monotonic() + LONG
    while not reached.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.05)
    reached.unlink()


def workers_of(folder: Path) -> list[int]:
    return [int(path.suffix[1:]) for path in folder.glob("gate.by.*")]


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_records(run: Path, count: int) -> None:
    deadline = time.monotonic() + LONG
    while len(recorded(run)) < count and time.monotonic() < deadline:
        time.sleep(0.05)


def check_whole(run: Path) -> None:
    """Four pictures, each recorded once, with all files and nothing half-written."""
    images = json.loads((run / "annotations.coco.json").read_text())["images"]
    assert sorted(recorded(run)) == [f"{index}.png" for index in range(4)]
    assert len(images) == 4 and len(list(run.glob("*.overlay.jpg"))) == 4
    assert not list(run.glob(".*"))


def test_ctrl_c_says_where_the_finished_part_is_and_resumes(tmp_path: Path, photos: Path) -> None:
    run = tmp_path / "run"
    process = start("segment", photos, *ASK, "-o", run, env=waiting(tmp_path))
    wait_for(tmp_path, process)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=LONG)[1].decode()
    assert process.returncode == 130 and "Traceback" not in err
    assert err.splitlines()[-1].startswith("Interrupted; what was finished is in ")
    assert len(recorded(run)) == 1
    assert finish("segment", photos, *ASK, "-o", run)[0] == 0
    check_whole(run)


def test_ctrl_c_without_a_folder_promises_nothing(tmp_path: Path, photos: Path) -> None:
    process = start("segment", photos, *ASK, "--json", env=waiting(tmp_path))
    wait_for(tmp_path, process)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=LONG)[1].decode()
    assert process.returncode == 130 and "resumes" not in err and "Interrupted;" in err


def test_a_killed_run_is_continued(tmp_path: Path, photos: Path) -> None:
    run = tmp_path / "run"
    for count in (1, 2, 3):
        process = start("segment", photos, *ASK, "-o", run, env=waiting(tmp_path))
        wait_for(tmp_path, process)
        wait_for_records(run, count)  # they are written while the next picture is answered
        process.kill()
        process.communicate(timeout=LONG)
        assert len(recorded(run)) == count
        (run / ".lexiseg-part-0123456789ab").write_bytes(b"half")
    assert finish("segment", photos, *ASK, "-o", run)[0] == 0
    check_whole(run)


def test_ctrl_c_stops_the_processes_too_and_the_run_resumes(tmp_path: Path, photos: Path) -> None:
    run = tmp_path / "run"
    how = {"env": waiting(tmp_path), "start_new_session": True}
    process = start("segment", photos, *ASK, "-o", run, "--jobs", "2", **how)
    wait_for(tmp_path, process)
    workers = workers_of(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    err = process.communicate(timeout=LONG)[1].decode()
    assert process.returncode == 130 and "Traceback" not in err
    assert err.splitlines()[-1].startswith("Interrupted; what was finished is in ")
    assert workers and not any(map(is_running, workers))
    assert finish("segment", photos, *ASK, "-o", run)[0] == 0
    check_whole(run)


def test_processes_end_with_a_killed_run_and_others_continue_it(
    tmp_path: Path, photos: Path
) -> None:
    run = tmp_path / "run"
    process = start("segment", photos, *ASK, "-o", run, "--jobs", "2", env=waiting(tmp_path))
    wait_for(tmp_path, process)
    workers = workers_of(tmp_path)
    process.kill()
    process.communicate(timeout=LONG)  # their ends of its pipes close when the workers end
    deadline = time.monotonic() + LONG
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline
    assert finish("segment", photos, *ASK, "-o", run, "--jobs", "2")[0] == 0
    check_whole(run)


def test_a_killed_process_loses_no_picture_and_records_none_twice(
    tmp_path: Path, photos: Path
) -> None:
    run = tmp_path / "run"
    process = start("segment", photos, *ASK, "-o", run, "--jobs", "2", env=waiting(tmp_path))
    wait_for(tmp_path, process)
    os.kill(workers_of(tmp_path)[0], signal.SIGKILL)
    (tmp_path / "gate").touch()
    err = process.communicate(timeout=LONG)[1].decode()
    assert process.returncode == 0, err
    check_whole(run)


def test_of_two_runs_in_one_folder_one_is_refused(tmp_path: Path, photos: Path) -> None:
    run = tmp_path / "run"
    first = start("segment", photos, *ASK, "-o", run, env=waiting(tmp_path))
    wait_for(tmp_path, first)
    code, err = finish("segment", photos, *ASK, "-o", run)
    assert code == 2 and "is being written by another run" in err
    (tmp_path / "gate").touch()
    assert first.communicate(timeout=LONG) and first.returncode == 0
    check_whole(run)


def test_two_runs_started_together_record_every_picture_once(tmp_path: Path, photos: Path) -> None:
    run = tmp_path / "run"
    both = [start("segment", photos, *ASK, "-o", run) for _ in range(2)]
    for process in both:
        process.communicate(timeout=LONG)
    assert 0 in {process.returncode for process in both}
    check_whole(run)


def test_a_full_output_and_a_closed_one_have_codes_of_their_own(photos: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        for words in (("segment", photos, *ASK, "--json"), ("models", "list")):
            code, err = finish(*words, stdout=full)
            assert code == 3 and "No space left on device" in err
            assert "Traceback" not in err and "Exception ignored" not in err
    with start("segment", photos, *ASK, "--json") as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait(timeout=LONG) == 141 and "stopped reading" in err
    assert "Traceback" not in err and "Exception ignored" not in err


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(
    tmp_path: Path, photos: Path
) -> None:
    run = tmp_path / "run"
    code, err = finish(
        "segment", photos, *ASK, "-o", run, "-f", "overlay,masks,coco",
        env={"MOST_BYTES": "1000"},
    )  # fmt: skip
    assert code == 3, err
    assert "File too large" in err and "Traceback" not in err
    listed = (run / "files.txt").read_text().splitlines()[1:] if run.exists() else []
    assert all((run / name).exists() for name in listed) and not list(run.glob(".*"))
    assert finish("segment", photos, *ASK, "-o", run, "-f", "overlay,masks,coco")[0] == 0
    check_whole(run)


def test_a_declined_download_is_no_failure_of_an_image() -> None:
    for answer in (b"n\n", b""):
        process = start("models", "pull", "clip-vit-b32", stdin=subprocess.PIPE)
        err = process.communicate(answer, timeout=LONG)[1].decode()
        assert process.returncode == 4 and "Nothing was fetched" in err


@pytest.mark.parametrize("verb", ["pull", "path"])
def test_unknown_weights_are_unknown_to_every_verb(lexiseg_command, verb: str) -> None:
    code, out, err = lexiseg_command("models", verb, "clip-vit-b61")
    assert code == 2 and out == "" and "did you mean 'clip-vit-b16'?" in err


def test_bundled_weights_need_no_download(lexiseg_command) -> None:
    _, place, _ = lexiseg_command("models", "path", "mini-clip-proposal")
    assert lexiseg_command("models", "pull", "mini-clip-proposal") == (0, place, "")
