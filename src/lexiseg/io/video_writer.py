"""Clips out: one frame at a time, complete or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from lexiseg.errors import OutputError
from lexiseg.io.encoder import encoder_for
from lexiseg.io.output_file import open_output, refuse_existing
from lexiseg.io.samples import ImageArray
from lexiseg.io.video import DEFAULT_FPS


def require_new_clip(path: Path, *, overwrite: bool) -> None:
    """Refuse a clip that cannot be written, before there is anything to write.

    Raises:
        OutputError: another ending, or the file exists already.
        MissingExtraError: a video ending, and the extra ``video`` is not installed.
    """
    encoder_for(path)
    refuse_existing(path, overwrite)


class VideoWriter:
    """Write a clip frame by frame; the file appears when it is complete.

    Used as a context manager, an error inside leaves no file.

    Args:
        path: ends in .gif or .webp, or in .mp4, .mov, .mkv or .webm (need the extra ``video``).
        fps: frames per second, for frames whose time is not given.
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
        self._encoder, self._usual = make(stream, fps), 1 / fps
        self._size_wh: tuple[int, int] | None = None

    def add(self, frame: Image.Image | ImageArray, seconds: float | None = None) -> None:
        """Append one frame; frames of another size are scaled to the first one's.

        Args:
            frame: a Pillow image or (H, W, 3) uint8 RGB.
            seconds: how long it is shown; by default as long as `fps` says.
        """
        image = frame if isinstance(frame, Image.Image) else Image.fromarray(frame)
        image = image.convert("RGB")
        self._size_wh = self._size_wh or image.size
        if image.size != self._size_wh:
            image = image.resize(self._size_wh)
        self._encoder.add(image, self._usual if seconds is None else seconds)

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
