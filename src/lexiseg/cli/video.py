"""``lexiseg video``: the same question for every frame of a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, NameOptions, grouped
from lexiseg.cli.options import Json, MethodName, Overwrite, Preset, Quiet
from lexiseg.cli.segment import require_verb
from lexiseg.types import Recipe, Result

if TYPE_CHECKING:
    from lexiseg.io.samples import ImageArray
    from lexiseg.io.video import TimedFrame


@grouped
def video(
    source: Annotated[
        Path, typer.Argument(help="A video, an animated picture, or a frame folder.")
    ],
    *,
    asked: NameOptions,
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
    preset: Preset = None,
    json: Json = False,
    loading: Loading,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find named things in every frame; frames are read, answered and written one by one.

    Example: lexiseg video clip.mp4 -t dog --smooth 0.5 -o clip-overlay.gif
    """
    from lexiseg.io.output_file import refuse_existing
    from lexiseg.io.video import frame_rate, read_timed_frames
    from lexiseg.io.video_writer import require_new_clip

    console.state.quiet = quiet
    require_verb(method, "video")
    vocabulary, model = asked.vocabulary(), loading.model(method, preset)
    target = out if out or json else Path(f"{source.stem}.overlay.gif")
    rate = frame_rate(source) / stride  # also says what is wrong with the clip, before loading
    if target:
        require_new_clip(target, overwrite=overwrite)
        refuse_existing(_recipe_of(target), overwrite)
    seconds: deque[float] = deque()
    frames = _remembering(read_timed_frames(source, stride=stride), seconds)
    results = model.load().video(frames, vocabulary, smoothing=smooth, refer=refer)
    answers = console.progress(results, None, "frame")
    if json:
        answers = _printed(answers)
    if target:
        count, recipe = _write(answers, target, rate, seconds, overwrite=overwrite)
    else:
        count, recipe = _drain(answers)
    console.tell(f"{count} frames" + (f" -> {target}" if target else ""))
    if recipe:
        console.caution(recipe)


def _remembering(frames: Iterator[TimedFrame], seconds: deque[float]) -> Iterator[ImageArray]:
    """Pass pixels on, and keep how long each frame is shown."""
    for frame in frames:
        seconds.append(frame.seconds)
        yield frame.pixels


def _printed(results: Iterator[Result]) -> Iterator[Result]:
    """Pass results on, one JSON line each on stdout."""
    for result in results:
        console.emit(result.to_json())
        yield result


def _drain(results: Iterator[Result]) -> tuple[int, Recipe | None]:
    """How many there are, and what made them."""
    count, recipe = 0, None
    for count, result in enumerate(results, start=1):  # noqa: B007
        recipe = result.recipe
    return count, recipe


def _write(
    results: Iterator[Result], target: Path, rate: float, seconds: deque[float], *, overwrite: bool
) -> tuple[int, Recipe | None]:
    """As `_drain`, drawing each on the way."""
    from lexiseg.io.output_file import json_text, write_text
    from lexiseg.io.overlay import draw_overlay
    from lexiseg.io.video_writer import VideoWriter

    count, recipe = 0, None
    with VideoWriter(target, fps=rate, overwrite=overwrite) as writer:
        for result in results:
            writer.add(draw_overlay(result), seconds.popleft())
            count, recipe = count + 1, result.recipe
    if recipe:
        text = json_text(recipe.to_json(), indent=1)
        write_text(_recipe_of(target), text, overwrite=overwrite)
    return count, recipe


def _recipe_of(clip: Path) -> Path:
    """The file beside a clip that says how it was made."""
    return clip.with_name(f"{clip.name}.recipe.json")
