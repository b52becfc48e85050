"""``lexiseg video``: frames in, overlay clip and JSON lines out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexiseg.io.video import read_frames

ASK = ("--method", "color", "-t", "red", "-t", "green")


def test_every_frame_gets_its_line_and_its_place_in_the_clip(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    code, out, err = lexiseg_command("video", pictures, *ASK, "-o", "clip.gif", "--json")
    kept = [
        [entry["name"] for entry in json.loads(line)["presence"] if entry["kept"]]
        for line in out.splitlines()
    ]
    assert code == 0 and kept == [["red"], ["green"]] and "2 frames -> clip.gif" in err
    assert len(list(read_frames(tmp_path / "clip.gif"))) == 2


def test_json_alone_writes_no_clip_and_stride_leaves_frames_out(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    code, out, _ = lexiseg_command("video", pictures, *ASK, "--json", "--stride", "2")
    assert code == 0 and len(out.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_sentences_go_to_the_referring_mode(
    lexiseg_command, pictures: Path, color_method, monkeypatch
) -> None:
    monkeypatch.setattr(color_method, "segment", None)
    code, out, _ = lexiseg_command("video", pictures, *ASK, "--refer", "--json")
    assert code == 0 and len(out.splitlines()) == 2


def test_a_clip_that_is_there_stays(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.gif").write_text("precious")
    code, _, err = lexiseg_command("video", pictures, *ASK, "-o", "clip.gif")
    assert code == 2 and "clip.gif exists already" in err
    assert (tmp_path / "clip.gif").read_text() == "precious"
    assert lexiseg_command("video", pictures, *ASK, "-o", "clip.gif", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("none.mp4", *ASK), "none.mp4 does not exist"),
        (("{p}", "--method", "color"), "No names were given"),
        (("{p}", "--method", "clipseg", "-t", "a"), "Method 'clipseg' cannot video"),
        (("{p}", *ASK, "-o", "clip.xyz"), "clip.xyz"),
    ],
)
def test_wrong_calls_are_one_sentence(lexiseg_command, pictures: Path, words, sentence) -> None:
    given = [str(word).replace("{p}", str(pictures)) for word in words]
    code, out, err = lexiseg_command("video", *given)
    assert code == 2 and out == "" and sentence in err and err.count("\n") == 1
