"""``lexiseg miniworld``: a small world with exact truth, written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import Quiet

CLIP_FRAMES = 24


def miniworld(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Scenes (or clips).")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another world.")] = 0,
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "train",
    size: Annotated[
        int, typer.Option("--size", min=32, help="Side of the images in pixels.")
    ] = 224,
    neighbors: Annotated[
        float, typer.Option("--neighbors", help="Share of things beside one of their kind, 0-1.")
    ] = 0.0,
    video: Annotated[bool, typer.Option("--video", help="Short clips instead of scenes.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write scenes with semantic, instance, panoptic, part, caption, referring and video truth.

    Example: lexiseg miniworld --out toy --count 50 --seed 1 --split test
    """
    from lexiseg.datasets.miniworld import Miniworld, write_miniworld

    console.state.quiet = quiet
    world = Miniworld(split=split, size=size, seed=seed, neighbors=neighbors)
    unit, frames = ("clip", CLIP_FRAMES) if video else ("scene", None)
    write_miniworld(
        out, count, world, frames=frames, progress=lambda n: console.progress(n, count, unit)
    )
    console.tell(f"{count} {unit}s -> {out}")
