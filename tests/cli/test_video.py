"""``lexiseg video``: frames in, overlay clip and JSON lines out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from lexiseg.io.video import read_frames, read_timed_frames
from lexiseg.types import Recipe

ASK = ("--method", "color", "-t", "red", "-t", "green")


def test_every_frame_gets_its_line_and_its_place_in_the_clip(
    lexiseg_command, pictures: Path, tmp_path: Path, color_method
) -> None:
    code, out, err = lexiseg_command("video", pictures, *ASK, "-o", "clip.gif", "--json")
    kept = [
        [entry["name"] for entry in json.loads(line)["presence"] if entry["kept"]]
        for line in out.splitlines()
    ]
    assert code == 0 and kept == [["red"], ["green"]] and "2 frames -> clip.gif" in err
    assert len(list(read_frames(tmp_path / "clip.gif"))) == 2
    beside = json.loads((tmp_path / "clip.gif.recipe.json").read_text(encoding="utf-8"))
    assert Recipe.from_json(beside) == color_method().recipe()


def test_json_alone_writes_no_clip_and_stride_leaves_frames_out(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    code, out, _ = lexiseg_command("video", pictures, *ASK, "--json", "--stride", "2")
    assert code == 0 and len(out.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_sentences_go_to_the_referring_mode(
    lexiseg_command, pictures: Path, color_method, monkeypatch
) -> None:
    monkeypatch.setattr(color_method, "segment", pytest.fail)
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
        (("{p}/0.png", *ASK), "0.png is a picture and no clip"),
    ],
)
def test_wrong_calls_are_one_sentence(
    lexiseg_command, pictures: Path, color_method, words, sentence
) -> None:
    given = [str(word).replace("{p}", str(pictures)) for word in words]
    code, out, err = lexiseg_command("video", *given)
    assert color_method.loads == 0
    assert code == 2 and out == "" and sentence in err and err.count("\n") == 1


def test_frames_keep_their_times(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    first, second = (Image.open(pictures / name) for name in ("0.png", "1.png"))
    spans = [100, 100, 900, 300]
    first.save(
        tmp_path / "in.gif", save_all=True, append_images=[second, first, second], duration=spans
    )
    assert lexiseg_command("video", "in.gif", *ASK, "-o", "out.gif")[0] == 0
    assert [frame.seconds for frame in read_timed_frames(tmp_path / "out.gif")] == [
        0.1, 0.1, 0.9, 0.3,
    ]  # fmt: skip
    assert lexiseg_command("video", "in.gif", *ASK, "-o", "half.gif", "--stride", "2")[0] == 0
    assert [frame.seconds for frame in read_timed_frames(tmp_path / "half.gif")] == [0.2, 1.2]


def test_what_cannot_be_written_is_told_before_anything_is_loaded(
    lexiseg_command, pictures: Path, tmp_path: Path, color_method, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "there.gif").write_text("precious")
    for target, words in (("new/clip.mp4", "lexiseg[video]"), ("there.gif", "exists already")):
        code, _, err = lexiseg_command("video", pictures, *ASK, "-o", target)
        assert code == 2 and words in err and color_method.loads == 0
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [("-o", "clip.gif"), ("--json",)])
def test_what_bundled_models_know_is_said(
    lexiseg_command, pictures: Path, color_method, monkeypatch, words
) -> None:
    monkeypatch.setattr(color_method, "recipe", lambda self: Recipe("color", "mini"))
    code, _, err = lexiseg_command("video", pictures, *ASK, *words)
    assert code == 0 and "note: bundled small models: they know Miniworld, not photographs" in err
