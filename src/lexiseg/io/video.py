"""Moving pictures, one frame in memory at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError, OutputError
from lexiseg.io.encoder import encoder_for, import_av
from lexiseg.io.image import MAX_PIXELS, SUFFIXES, read_image, require_file, shown
from lexiseg.io.samples import check_size, to_rgb
from lexiseg.io.writer import open_output

ImageArray = NDArray[np.uint8]

_ANIMATED = frozenset({".gif", ".webp", ".png", ".apng"})
DEFAULT_FPS = 10.0
"""Frames per second of a clip that does not state its own, such as a folder of frames."""


def read_frames(
    source: str | Path, *, stride: int = 1, max_frames: int | None = None
) -> Iterator[ImageArray]:
    """Frames of a clip as (H, W, 3) uint8 RGB, one at a time.

    Args:
        source: a folder of pictures, in the order of the numbers in their names; an animated
            GIF, WebP or PNG; or a video file (needs the extra ``video``).
        stride: use every n-th frame.
        max_frames: stop after so many.

    Raises:
        ImageError: there is no such clip, or it is damaged.
        MissingExtraError: a video file, and the extra is not installed.
    """
    path = Path(source)
    if path.is_dir():
        frames = _folder_frames(path, stride)
    else:
        require_file(path)
        animated = path.suffix.lower() in _ANIMATED
        frames = _animation_frames(path, stride) if animated else _video_frames(path, stride)
    for index, frame in enumerate(frames):
        if max_frames is not None and index >= max_frames:
            return
        yield frame


def frame_rate(source: str | Path) -> float:
    """Frames per second of a clip; `DEFAULT_FPS` where it does not say.

    Raises:
        ImageError: there is no such clip.
    """
    path = Path(source)
    if path.is_dir():
        return DEFAULT_FPS
    require_file(path)
    if path.suffix.lower() in _ANIMATED:
        with _open_animation(path) as image:
            image.load()
            duration = float(image.info.get("duration") or 0)
        return 1000 / duration if duration > 0 else DEFAULT_FPS
    with _open_video(path) as container:
        return float(container.streams.video[0].average_rate or DEFAULT_FPS)


def _folder_frames(folder: Path, stride: int) -> Iterator[ImageArray]:
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise ImageError(f"Folder {shown(folder)} holds no picture; expected the frames of a clip.")
    for path in sorted(paths, key=_by_number)[::stride]:
        yield read_image(path)


def _by_number(path: Path) -> list[tuple[int, int | str]]:
    """Sort key under which frame 2 comes before frame 10."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def _animation_frames(path: Path, stride: int) -> Iterator[ImageArray]:
    with _open_animation(path) as image:
        check_size(image.size, shown(path), MAX_PIXELS)
        index = 0
        while True:
            try:
                image.seek(index)
                frame = to_rgb(image)
            except EOFError:
                return
            except Exception as error:  # damaged data makes decoders raise anything
                raise ImageError(
                    f"Frame {index + 1} of {shown(path)} is damaged; cut the clip before it."
                ) from error
            yield frame
            index += stride


def _open_animation(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=["GIF", "WEBP", "PNG"])
    except Exception as error:
        raise ImageError(
            f"{shown(path)} is no animation that can be read; expected GIF, WebP or PNG."
        ) from error


def _video_frames(path: Path, stride: int) -> Iterator[ImageArray]:
    with _open_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        check_size((stream.width, stream.height), shown(path), MAX_PIXELS)
        for index, frame in enumerate(_decoded(container, stream, path)):
            if index % stride == 0:
                quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
                pixels = frame.to_ndarray(format="rgb24")
                yield np.ascontiguousarray(np.rot90(pixels, quarter_turns))


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    import av

    try:
        yield from container.decode(stream)
    except av.FFmpegError as error:
        raise ImageError(f"{shown(path)} is damaged ({error}); cut the clip before it.") from error


def _open_video(path: Path) -> Any:
    av = import_av(f"The video {path.name}")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ImageError(f"{shown(path)} is not a video that can be read.") from error
    if not container.streams.video:
        container.close()
        raise ImageError(f"{shown(path)} holds no pictures; expected a video.")
    return container


class VideoWriter:
    """Write a clip frame by frame; the file appears when it is complete.

    Used as a context manager, an error inside leaves no file.

    Args:
        path: ends in .gif or .webp, or in .mp4, .mov, .mkv or .webm (need the extra ``video``).
        fps: frames per second.
        overwrite: replace a file that is already there.

    Raises:
        OutputError: another ending, the file exists already, or it cannot be written.
        MissingExtraError: a video ending, and the extra is not installed.
    """

    def __init__(
        self, path: str | Path, *, fps: float = DEFAULT_FPS, overwrite: bool = False
    ) -> None:
        self.path = Path(path)
        make = encoder_for(self.path)
        self._stack = ExitStack()
        stream = self._stack.enter_context(open_output(self.path, overwrite=overwrite))
        self._encoder = make(stream, fps)
        self._size_wh: tuple[int, int] | None = None

    def add(self, frame: Image.Image | ImageArray) -> None:
        """Append one frame; frames of another size are scaled to the first one's."""
        image = frame if isinstance(frame, Image.Image) else Image.fromarray(frame)
        image = image.convert("RGB")
        self._size_wh = self._size_wh or image.size
        if image.size != self._size_wh:
            image = image.resize(self._size_wh)
        self._encoder.add(image)

    def close(self) -> None:
        """Complete the file; a clip without any frame leaves none."""
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if error is None and self._size_wh is None:
            error = OutputError(f"{self.path} got no frame; nothing was written.")
        if error is None:
            with self._stack:
                self._encoder.finish()
        else:
            self._stack.__exit__(type(error), error, error.__traceback__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(error)
