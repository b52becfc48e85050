"""Clip formats that are written frame by frame, so that memory does not grow with the clip."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from PIL import GifImagePlugin, Image

from lexiseg.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame


class FrameEncoder(Protocol):
    """Turns frames of one size into the bytes of a clip."""

    def add(self, frame: Image.Image, seconds: float) -> None:
        """Write one RGB frame that is shown for some time."""

    def finish(self) -> None:
        """Complete the clip; the stream stays open."""


def import_av(what: str) -> ModuleType:
    """The FFmpeg binding, or `MissingExtraError` that says what needs it."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(what, "video") from error
    return av


def encoder_for(path: Path) -> Callable[[BinaryIO, float], FrameEncoder]:
    """What makes an encoder of (stream, frames per second) for a file name.

    Raises:
        OutputError: the ending stands for no clip format.
        MissingExtraError: it needs the extra ``video``.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return _GifEncoder
    if suffix == ".webp":
        return _WebpEncoder
    if suffix in _CONTAINERS:
        import_av(f"Writing {suffix} files")
        return lambda stream, fps: _VideoEncoder(stream, fps, suffix)
    raise OutputError(
        f"A clip cannot be written as {path.name[:80]!r}; use a name that ends in .gif, .webp, "
        ".mp4, .mov, .mkv or .webm."
    )


class _Ticks:
    """Spans of seconds as whole ticks, whose roundings do not add up.

    Args:
        per_second: ticks of a second.
        least: the shortest span, in ticks.
    """

    def __init__(self, per_second: int, least: int = 1) -> None:
        self._per_second, self._least = per_second, least
        self.passed, self._exact = 0, 0.0

    def next(self, seconds: float) -> int:
        """Ticks of the next span."""
        self._exact += seconds * self._per_second
        ticks = max(self._least, round(self._exact) - self.passed)
        self.passed += ticks
        return ticks


class _GifEncoder:
    """Frames with a palette each; Pillow alone would hold all of them until the end."""

    def __init__(self, stream: BinaryIO, fps: float) -> None:
        self._stream = stream
        self._hundredths = _Ticks(100, least=2)  # browsers take less for 10
        self._started = False

    def add(self, frame: Image.Image, seconds: float) -> None:
        if not self._started:
            self._started = True
            screen = b"".join(side.to_bytes(2, "little") for side in frame.size) + b"\0\0\0"
            loop_for_ever = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
            self._stream.write(b"GIF89a" + screen + loop_for_ever)
        indexed = frame.quantize(256)
        duration_ms = 10 * self._hundredths.next(seconds)
        options = {"duration": duration_ms, "include_color_table": True}
        for block in GifImagePlugin.getdata(indexed, (0, 0), **options):
            self._stream.write(block)

    def finish(self) -> None:
        self._stream.write(b";")


class _WebpEncoder:
    """Frames as the chunks of an extended WebP file (RFC 9649, section 2.7)."""

    def __init__(self, stream: BinaryIO, fps: float) -> None:
        self._stream, self._milliseconds = stream, _Ticks(1000)
        self._started = False

    def add(self, frame: Image.Image, seconds: float) -> None:
        size = b"".join((side - 1).to_bytes(3, "little") for side in frame.size)
        if not self._started:
            self._started = True
            self._stream.write(b"RIFF\0\0\0\0WEBP")  # the length follows in finish()
            self._chunk(b"VP8X", b"\x02\0\0\0" + size)
            self._chunk(b"ANIM", b"\xff\xff\xff\xff\0\0")
        still = io.BytesIO()
        frame.save(still, "WEBP", quality=85, icc_profile=b"", exif=b"", xmp=b"")
        duration_ms = self._milliseconds.next(seconds).to_bytes(3, "little")
        head = bytes(6) + size + duration_ms + b"\x02"
        self._chunk(b"ANMF", head + still.getvalue()[12:])

    def _chunk(self, name: bytes, content: bytes) -> None:
        padding = b"\0" * (len(content) % 2)
        self._stream.write(name + len(content).to_bytes(4, "little") + content + padding)

    def finish(self) -> None:
        length = self._stream.tell() - 8
        self._stream.seek(4)
        self._stream.write(length.to_bytes(4, "little"))


_CONTAINERS = {
    ".mp4": ("mp4", ("libx264", "mpeg4")),
    ".mov": ("mov", ("libx264", "mpeg4")),
    ".mkv": ("matroska", ("libx264", "mpeg4")),
    ".webm": ("webm", ("libvpx-vp9", "libvpx")),
}


# Ticks of a second: whole numbers of them make the usual frame rates, NTSC's 1001ths too, and
# MPEG-4 takes no more than 65535.
_CLOCK = 60000


class _VideoEncoder:
    """Frames through FFmpeg."""

    def __init__(self, stream: BinaryIO, fps: float, suffix: str) -> None:
        import av

        self._av = av
        kind, codecs = _CONTAINERS[suffix]
        self._container: OutputContainer = av.open(stream, mode="w", format=kind)
        known = [codec for codec in codecs if codec in av.codecs_available]
        if not known:
            raise OutputError(
                f"This FFmpeg has no encoder for {suffix} files; write .gif or .webp."
            )
        self._codec, self._rate = known[0], Fraction(fps).limit_denominator(1001)
        self._video: Any = None  # made with the first frame, which tells its size
        self._ticks, self._spans = _Ticks(_CLOCK), dict[int, int]()

    def add(self, frame: Image.Image, seconds: float) -> None:
        if self._video is None:
            self._video = self._container.add_stream(self._codec, rate=self._rate)
            self._video.codec_context.time_base = self._video.time_base = Fraction(1, _CLOCK)
            # These codecs take even sides only; at most one row and column is cut.
            self._video.width, self._video.height = (max(2, side // 2 * 2) for side in frame.size)
            self._video.pix_fmt = "yuv420p"
        size = (self._video.width, self._video.height)
        if frame.size != size:
            frame = frame.crop((0, 0, *size))
        picture = self._av.VideoFrame.from_ndarray(np.asarray(frame), format="rgb24")
        picture.pts, picture.time_base = self._ticks.passed, Fraction(1, _CLOCK)
        self._spans[picture.pts] = self._ticks.next(seconds)
        self._mux(picture)

    def _mux(self, picture: VideoFrame | None) -> None:
        for packet in self._video.encode(picture):
            packet.duration = self._spans.pop(packet.pts, packet.duration)  # not the mean
            self._container.mux(packet)

    def finish(self) -> None:
        self._mux(None)
        self._container.close()
