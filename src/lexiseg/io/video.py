"""Moving pictures, one frame in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.encoder import import_av
from lexiseg.io.image import MAX_PIXELS, SUFFIXES, read_image, require_file, shown
from lexiseg.io.samples import ImageArray, check_size, to_rgb

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video import VideoStream
    from av.video.frame import VideoFrame

_ANIMATED = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG", ".avif": "AVIF"}
DEFAULT_FPS = 10.0
"""Frames per second of a clip that does not state its own, such as a folder of frames."""


Decode = Callable[[], ImageArray]


class TimedFrame(NamedTuple):
    """One frame of a clip, (H, W, 3) uint8 RGB, and for how many seconds it is shown."""

    pixels: ImageArray
    seconds: float


def read_frames(
    source: str | Path, *, stride: int = 1, max_frames: int | None = None
) -> Iterator[ImageArray]:
    """Frames of a clip as (H, W, 3) uint8 RGB, one at a time.

    Args:
        source: a folder of pictures, in the order of the numbers in their names; an animated
            GIF, WebP, PNG or AVIF; or a video file (needs the extra ``video``).
        stride: use every n-th frame.
        max_frames: stop after so many.

    Raises:
        ImageError: there is no such clip, or it is damaged.
        MissingExtraError: a video file, and the extra is not installed.
    """
    return (frame.pixels for frame in islice(read_timed_frames(source, stride=stride), max_frames))


def read_timed_frames(source: str | Path, *, stride: int = 1) -> Iterator[TimedFrame]:
    """Frames of a clip, one at a time, each with the time until the next one that is used.

    Args:
        source: as for `read_frames`.
        stride: use every n-th frame.

    Raises:
        ImageError: there is no such clip, or it is damaged.
        MissingExtraError: a video file, and the extra is not installed.
    """
    path = Path(source)
    if path.is_dir():
        return _folder_frames(path, stride)
    require_file(path)
    return _used(_animation_frames(path) if _is_animation(path) else _video_frames(path), stride)


def frame_rate(source: str | Path) -> float:
    """Mean frames per second of a clip; `DEFAULT_FPS` where it does not say.

    Raises:
        ImageError: there is no such clip.
        MissingExtraError: a video file, and the extra ``video`` is not installed.
    """
    path = Path(source)
    if path.is_dir():
        return DEFAULT_FPS
    require_file(path)
    if _is_animation(path):
        with _open_animation(path) as image:
            durations = [_seconds(image) for _ in _each_frame(image, path)]
        return len(durations) / sum(durations)
    with _open_video(path) as container:
        return float(container.streams.video[0].average_rate or DEFAULT_FPS)


def _is_animation(path: Path) -> bool:
    """Whether Pillow reads the clip; a still picture is an error."""
    suffix = path.suffix.lower()
    if suffix in _ANIMATED:
        return True
    if suffix in SUFFIXES:
        raise _still(path)
    return False


def _still(path: Path) -> ImageError:
    return ImageError(
        f"{shown(path)} is a picture and no clip; give a video, an animated GIF, WebP or PNG, or a "
        "folder of frames (single pictures: lexiseg segment)."
    )


def _folder_frames(folder: Path, stride: int) -> Iterator[TimedFrame]:
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    paths = [path for path in visible if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise ImageError(f"Folder {shown(folder)} holds no picture; expected the frames of a clip.")
    for index, path in list(enumerate(sorted(paths, key=_by_number)))[::stride]:
        yield TimedFrame(read_image(path), min(stride, len(paths) - index) / DEFAULT_FPS)


def _by_number(path: Path) -> list[tuple[int, int | str]]:
    """Sort key under which frame 2 comes before frame 10."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def _used(frames: Iterator[tuple[Decode, float]], stride: int) -> Iterator[TimedFrame]:
    """Every n-th frame, with its own time and that of those left out behind it.

    One frame is held back until its time is known; it is given even if the next is damaged.
    """
    held, fault = None, None
    try:
        for index, (decode, seconds) in enumerate(frames):
            if held is not None and index % stride:
                held = TimedFrame(held.pixels, held.seconds + seconds)
                continue
            if held is not None:
                yield held
            held = TimedFrame(decode(), seconds)
    except ImageError as error:
        fault = error
    if held is not None:
        yield held
    if fault is not None:
        raise fault


def _animation_frames(path: Path) -> Iterator[tuple[Decode, float]]:
    with _open_animation(path) as image:
        for _ in _each_frame(image, path):
            yield lambda: to_rgb(image), _seconds(image)


def _each_frame(image: Image.Image, path: Path) -> Iterator[int]:
    """Numbers from 0, each when its frame is loaded."""
    for index in count():
        try:
            image.seek(index)
            image.load()
        except EOFError:
            return
        except Exception as error:  # damaged data makes decoders raise anything
            raise ImageError(
                f"Frame {index + 1} of {shown(path)} is damaged; cut the clip before it."
            ) from error
        yield index


def _seconds(image: Image.Image) -> float:
    """How long the loaded frame is shown; 0 stands for the player's own pace, as in browsers."""
    return float(image.info.get("duration") or 0) / 1000 or 1 / DEFAULT_FPS


def _open_animation(path: Path) -> Image.Image:
    Image.init()
    known = [name for name in sorted(set(_ANIMATED.values())) if name in Image.OPEN]
    try:
        image = Image.open(path, formats=known)
        moves = getattr(image, "is_animated", False)
    except Exception as error:
        raise ImageError(
            f"{shown(path)} is no animation that can be read; expected GIF, WebP or PNG."
        ) from error
    if not moves and image.info.get("loop", 1) != 0:  # a clip of one frame loops for ever
        image.close()
        raise _still(path)
    check_size(image.size, shown(path), MAX_PIXELS)
    return image


def _video_frames(path: Path) -> Iterator[tuple[Decode, float]]:
    with _open_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        check_size((stream.width, stream.height), shown(path), MAX_PIXELS)
        usual = 1 / float(stream.average_rate or DEFAULT_FPS)
        for frame, seconds in _timed(_decoded(container, stream, path), usual):
            yield partial(_upright_pixels, frame), seconds


def _timed(frames: Iterator[VideoFrame], usual: float) -> Iterator[tuple[VideoFrame, float]]:
    """Frames of a video, each with the seconds until the next."""
    frame, fault = next(frames, None), None
    while frame is not None:
        try:
            following = next(frames, None)
        except ImageError as error:
            following, fault = None, error
        yield frame, _gap(frame, following) or usual
        frame = following
    if fault is not None:
        raise fault


def _gap(frame: VideoFrame, following: VideoFrame | None) -> float | None:
    """Seconds between two frames, or those of the last; None if the file does not say."""
    if following is None:
        return (
            float(frame.duration * frame.time_base) if frame.duration and frame.time_base else None
        )
    if None in (frame.time, following.time) or following.time <= frame.time:
        return None
    return float(following.time - frame.time)


def _upright_pixels(frame: VideoFrame) -> ImageArray:
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    import av

    try:
        yield from container.decode(stream)
    except av.FFmpegError as error:
        raise ImageError(f"{shown(path)} is damaged ({error}); cut the clip before it.") from error


def _open_video(path: Path) -> InputContainer:
    av = import_av(f"The video {path.name}")
    try:
        container: InputContainer = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ImageError(f"{shown(path)} is not a video that can be read.") from error
    if not container.streams.video:
        container.close()
        raise ImageError(f"{shown(path)} holds no pictures; expected a video.")
    return container
