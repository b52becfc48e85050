"""Clips in and out, one frame at a time."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import ImageError, MissingExtraError, OutputError
from lexiseg.io.output_file import PART
from lexiseg.io.video import DEFAULT_FPS, frame_rate, read_frames, read_timed_frames
from lexiseg.io.video_writer import VideoWriter


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


def test_numbers_come_before_words_and_leading_zeros_change_nothing(tmp_path):
    order = ["1.png", "007.png", "10.png", "a1.png", "a02.png", "a10.png", "b.png"]
    for index, name in enumerate(order):
        Image.fromarray(np.full((4, 4, 3), 9 * index, np.uint8)).save(tmp_path / name)
    shown = [int(frame[0, 0, 0]) for frame in read_frames(tmp_path)]
    assert shown == [9 * index for index in range(len(order))]


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
        (part,) = tmp_path.glob(f"{PART}*")
        assert part.stat().st_size > 20_000
        writer.close()
        assert not list(tmp_path.glob(f"{PART}*"))


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
    with VideoWriter(path, overwrite=True) as writer:
        writer.add(frames_of(1)[0])
    assert path.read_bytes().startswith(b"GIF")


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


SPANS = [0.1, 0.1, 0.3, 0.9, 0.04]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4", ".mkv", ".mov", ".webm"])
def test_each_frame_keeps_its_time(suffix, tmp_path):
    if suffix not in (".gif", ".webp"):
        pytest.importorskip("av")
    path = tmp_path / f"clip{suffix}"
    with VideoWriter(path, fps=7) as writer:
        for frame, seconds in zip(frames_of(5), SPANS, strict=True):
            writer.add(frame, seconds)
    times = [frame.seconds for frame in read_timed_frames(path)]
    last_too = 5 if suffix not in (".mkv", ".webm") else 4  # these keep no time of the last frame
    assert times[:last_too] == pytest.approx(SPANS[:last_too], abs=0.001)
    assert greys(frame.pixels for frame in read_timed_frames(path, stride=2)) == [0, 2, 4]
    joined = [frame.seconds for frame in read_timed_frames(path, stride=2)]
    assert joined[:2] == pytest.approx([0.2, 1.2], abs=0.001)
    if last_too == 5:
        assert joined[2] == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_delays_that_other_programs_wrote(suffix, tmp_path):
    """Four frames of 100, 100, 100 and 900 ms are 1.2 s."""
    path = tmp_path / f"clip.{suffix}"
    first, *others = (Image.fromarray(frame) for frame in frames_of(4))
    first.save(path, save_all=True, append_images=others, duration=[100, 100, 100, 900], loop=0)
    assert [frame.seconds for frame in read_timed_frames(path)] == [0.1, 0.1, 0.1, 0.9]
    assert frame_rate(path) == pytest.approx(4 / 1.2)


def test_roundings_of_times_do_not_add_up(tmp_path):
    """30 frames a second are 3.33 hundredths, which GIF cannot hold."""
    with VideoWriter(tmp_path / "clip.gif", fps=30) as writer:
        for frame in frames_of(3) * 20:
            writer.add(frame)
    assert frame_rate(tmp_path / "clip.gif") == pytest.approx(30, abs=0.1)


def test_a_folder_of_frames_has_hidden_files_that_are_none(tmp_path):
    for index, frame in enumerate(frames_of(3)):
        Image.fromarray(frame).save(tmp_path / f"{index}.jpg")
    (tmp_path / "._0.jpg").write_bytes(b"\0\5\x16\7" + bytes(60))
    assert greys(read_frames(tmp_path)) == [0, 1, 2]
    times = [frame.seconds for frame in read_timed_frames(tmp_path, stride=2)]
    assert times == pytest.approx([0.2, 0.1])


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.tif", "a.BMP"])
def test_a_picture_is_no_clip(name, tmp_path):
    Image.fromarray(frames_of(1)[0]).save(tmp_path / name)
    for action in (frame_rate, lambda path: list(read_frames(path))):
        with pytest.raises(ImageError, match="picture and no clip.*lexiseg segment"):
            action(tmp_path / name)


def test_frames_before_a_damaged_one_are_given(tmp_path):
    path = tmp_path / "clip.gif"
    with VideoWriter(path) as writer:
        for frame in np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8):
            writer.add(frame)
    path.write_bytes(path.read_bytes()[:-2000])
    given = []
    with pytest.raises(ImageError, match="Frame 4"):
        for frame in read_timed_frames(path, stride=2):
            given.append(frame.seconds)
    assert given == [pytest.approx(0.2), pytest.approx(0.1)]
