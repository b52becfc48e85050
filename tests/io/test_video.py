"""Clips in and out, one frame at a time."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import ImageError, MissingExtraError, OutputError
from lexiseg.io.video import DEFAULT_FPS, VideoWriter, frame_rate, read_frames


def frames_of(count, size_hw=(32, 48)):
    """Flat frames, each of another grey."""
    return [np.full((*size_hw, 3), 20 + 20 * index, np.uint8) for index in range(count)]


def greys(frames):
    return [round(float(frame.mean()) / 20) - 1 for frame in frames]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4", ".mkv", ".mov", ".webm"])
def test_a_clip_comes_back(suffix, tmp_path):
    path = tmp_path / f"clip{suffix}"
    with VideoWriter(path, fps=5) as writer:
        for frame in frames_of(6):
            writer.add(frame)
        assert not path.exists()
    assert greys(read_frames(path)) == [0, 1, 2, 3, 4, 5]
    assert greys(read_frames(path, stride=2)) == [0, 2, 4]
    assert greys(read_frames(path, max_frames=2)) == [0, 1]
    assert frame_rate(path) == pytest.approx(5)
    assert next(read_frames(path)).shape == (32, 48, 3)


def test_pillow_agrees_with_the_animations_we_write(tmp_path):
    for suffix in (".gif", ".webp"):
        path = tmp_path / f"clip{suffix}"
        with VideoWriter(path, fps=10) as writer:
            for frame in frames_of(3, (7, 5)):
                writer.add(Image.fromarray(frame))
        with Image.open(path) as image:
            image.verify()
        with Image.open(path) as image:
            assert image.n_frames == 3
            assert image.size == (5, 7)
            assert image.info["loop"] == 0
            image.load()
            assert image.info["duration"] == 100


def test_a_colourful_frame_survives_the_palette(tmp_path):
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(128)), axis=-1)
    for suffix, bound in ((".gif", 12), (".webp", 6)):
        path = tmp_path / f"clip{suffix}"
        with VideoWriter(path) as writer:
            writer.add(photo)
        assert np.abs(next(read_frames(path)).astype(int) - photo).mean() < bound


def test_a_folder_of_frames_is_read_by_number(tmp_path):
    for index, frame in enumerate(frames_of(11)):
        Image.fromarray(frame).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("no frame")
    assert greys(read_frames(tmp_path)) == list(range(11))
    assert greys(read_frames(tmp_path, stride=5)) == [0, 5, 10]
    assert frame_rate(tmp_path) == DEFAULT_FPS


def test_odd_sides_and_a_frame_of_another_size(tmp_path):
    path = tmp_path / "clip.mp4"
    with VideoWriter(path) as writer:
        writer.add(frames_of(1, (33, 49))[0])
        writer.add(frames_of(1, (20, 20))[0])
    assert [frame.shape for frame in read_frames(path)] == [(32, 48, 3)] * 2


def test_frames_are_written_as_they_come(tmp_path):
    """The file grows with the clip instead of the memory."""
    for suffix in (".gif", ".webp"):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        writer = VideoWriter(tmp_path / f"clip{suffix}")
        for _ in range(20):
            writer.add(noise)
        (part,) = tmp_path.glob(".*.part")
        assert part.stat().st_size > 20_000
        writer.close()
        assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_an_error_or_no_frame_leaves_no_file(suffix, tmp_path):
    path = tmp_path / f"clip{suffix}"
    with pytest.raises(ZeroDivisionError), VideoWriter(path) as writer:
        writer.add(frames_of(1)[0])
        _ = 1 / 0
    with VideoWriter(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_silently(tmp_path):
    path = tmp_path / "clip.gif"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="overwrite"):
        VideoWriter(path)
    with pytest.raises(OutputError, match=r"\.gif"):
        VideoWriter(tmp_path / "clip.avi2")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["absent.mp4", "absent.gif", "text.mp4", "text.gif", "empty.webp"])
def test_bad_clips_are_one_sentence(name, tmp_path):
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"no clip" * 99)
    with pytest.raises(ImageError) as caught:
        list(read_frames(tmp_path / name))
    assert "\n" not in str(caught.value)
    with pytest.raises(ImageError):
        frame_rate(tmp_path / name)


def test_an_empty_folder_and_a_cut_animation(tmp_path):
    with pytest.raises(ImageError, match="holds no picture"):
        list(read_frames(tmp_path))
    path = tmp_path / "clip.gif"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with VideoWriter(path) as writer:
        writer.add(noise)
        writer.add(noise)
    path.write_bytes(path.read_bytes()[:-2000])
    frames = read_frames(path)
    next(frames)
    with pytest.raises(ImageError, match="Frame 2"):
        next(frames)


def test_without_av_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    for action in (
        lambda: list(read_frames(tmp_path / "clip.mp4")),
        lambda: VideoWriter(tmp_path / "new.mp4"),
    ):
        with pytest.raises(MissingExtraError, match=r"lexiseg\[video\]"):
            action()
    assert not (tmp_path / "new.mp4").exists()


def test_a_clip_filmed_upright_is_turned(tmp_path):
    import av

    frame = frames_of(1)[0]
    frame[:, 24:] = 220  # the left half is dark; turned clockwise, it is on top
    path = tmp_path / "clip.mp4"
    with VideoWriter(path) as writer:
        for _ in range(3):
            writer.add(frame)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], ">i4")
    content[matrix : matrix + 36] = quarter.tobytes()
    path.write_bytes(content)
    assert av.open(str(path)).streams.video[0].width == 48
    turned = next(read_frames(path))
    assert turned.shape == (48, 32, 3)
    assert turned[:20].mean() < 60 < 180 < turned[28:].mean()
