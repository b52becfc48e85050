"""``lexiseg video``: the same question for every frame of a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Asked, Loading, grouped
from lexiseg.cli.options import Json, MethodName, Overwrite, Preset, Quiet
from lexiseg.cli.segment import require_verb
from lexiseg.types import Result


@grouped
def video(
    source: Annotated[
        Path, typer.Argument(help="A video, an animated picture, or a frame folder.")
    ],
    *,
    asked: Asked,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Overlay clip to write: .gif, .webp, .mp4.")
    ] = None,
    stride: Annotated[int, typer.Option("--stride", min=1, help="Use every n-th frame.")] = 1,
    refer: Annotated[
        bool, typer.Option("--refer", help="Names are sentences; each gets a region of its own.")
    ] = False,
    smooth: Annotated[
        float,
        typer.Option("--smooth", min=0.0, max=0.99, help="Share of the past in the score maps."),
    ] = 0.0,
    method: MethodName = "car",
    preset: Preset = "paper",
    json: Json = False,
    loading: Loading,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find named things in every frame; frames are read, answered and written one by one.

    Example: lexiseg video clip.mp4 -t dog --smooth 0.5 -o clip-overlay.gif
    """
    from lexiseg.io.video import frame_rate, read_frames

    console.state.quiet = quiet
    require_verb(method, "video")
    vocabulary, model = asked.vocabulary(), loading.model(method, preset)
    target = out if out or json else Path(f"{source.stem}.overlay.gif")
    rate = frame_rate(source) / stride
    frames = read_frames(source, stride=stride)
    results = model.load().video(frames, vocabulary, smoothing=smooth, refer=refer)
    answers = console.progress(results, None, "frame")
    if json:
        answers = _printed(answers)
    count = (
        _write(answers, target, rate, overwrite=overwrite) if target else sum(1 for _ in answers)
    )
    console.tell(f"{count} frames" + (f" -> {target}" if target else ""))


def _printed(results: Iterator[Result]) -> Iterator[Result]:
    """Pass results on, one JSON line each on stdout."""
    for result in results:
        console.emit(result.to_json())
        yield result


def _write(results: Iterator[Result], target: Path, rate: float, *, overwrite: bool) -> int:
    from lexiseg.io.overlay import draw_overlay
    from lexiseg.io.video import VideoWriter

    count = 0
    with VideoWriter(target, fps=rate, overwrite=overwrite) as writer:
        for result in results:
            writer.add(draw_overlay(result))
            count += 1
    return count
