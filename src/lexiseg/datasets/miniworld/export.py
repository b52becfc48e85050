"""Write a world to disk in the layouts that published data sets use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from lexiseg.datasets.miniworld.clip_layout import ClipLayout
from lexiseg.datasets.miniworld.folder import WorldFolder
from lexiseg.datasets.miniworld.scene_layout import SceneLayout
from lexiseg.datasets.miniworld.world import Miniworld
from lexiseg.errors import UsageError

GENERATOR = 1  # raised when the same seed begins to give other scenes


def write_miniworld(
    out: Path | str,
    count: int,
    world: Miniworld,
    *,
    frames: int | None = None,
    progress: Callable[[range], Iterable[int]] = iter,
) -> None:
    """Write scenes 0 .. count-1 of a world, or its clips, to one folder.

    An interrupted call is taken up where it stopped; a larger `count` adds scenes.

    Args:
        out: new folder, or one that an earlier call with the same settings wrote to.
        count: number of scenes or clips, at least 1.
        world: which world.
        frames: write clips of so many frames instead of scenes.
        progress: wraps the numbers to show how far the writing is.

    Raises:
        UsageError: the folder holds something else.
        OutputError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     write_miniworld(out, 2, Miniworld(split="val", size=64))
        ...     len(list(Path(out).glob("JPEGImages/*.jpg")))
        2
    """
    if count < 1:
        raise UsageError(f"{count} scenes were asked; give 1 or more.")
    settings: dict[str, object] = {
        "generator": GENERATOR,
        **asdict(world),
        "things": list(world.things),
    }
    settings["frames"] = frames
    if not world.neighbors:
        del settings["neighbors"]  # so that folders written before there was a choice go on
    folder = WorldFolder(Path(out), settings)
    folder.claim(count)
    layout: ClipLayout | SceneLayout
    layout = ClipLayout(folder, world, frames) if frames else SceneLayout(folder, world)
    for number in progress(range(count)):
        layout.add(number)
    layout.finish()
    folder.finish(count)
