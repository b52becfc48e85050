"""``lexiseg bench``: milliseconds per image, with everything one must know to compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, grouped
from lexiseg.cli.options import MethodName, Preset

if TYPE_CHECKING:
    from lexiseg.types import Result


@grouped
def bench(
    *,
    method: MethodName = "car",
    preset: Preset = None,
    names: Annotated[int, typer.Option("--names", min=1, help="How many names to ask.")] = 20,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the image.")] = "500x375",
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Timed runs.")] = 3,
    loading: Loading,
) -> None:
    """Time a method on this machine after one warm-up run.

    Example: lexiseg bench --names 20 --size 500x375
    """
    import numpy as np

    width, height = _read_size(size)
    model = loading.model(method, preset)
    console.say("Loading and warming up ...")
    loaded = model.load()
    asked = _some_names(names)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    loaded.segment(image, asked)
    timings = [loaded.segment(image, asked) for _ in range(repeats)]
    typer.echo(_line(timings, names, size, repeats))


def _read_size(size: str) -> tuple[int, int]:
    from lexiseg.errors import UsageError

    try:
        width, height = (int(side) for side in size.lower().split("x"))
    except ValueError:
        width = height = 0
    if min(width, height) < 1:
        raise UsageError(f"--size was given {size!r}; expected WIDTHxHEIGHT, as 500x375.")
    return width, height


def _some_names(count: int) -> list[str]:
    from lexiseg.datasets.miniworld import Miniworld

    known = Miniworld(split="test").names
    return [known[i] if i < len(known) else f"{known[i % len(known)]} {i}" for i in range(count)]


def _line(results: list[Result], names: int, size: str, repeats: int) -> str:
    import platform
    from statistics import median

    import torch

    recipe = results[0].recipe
    stages = {
        stage: median(result.recipe.timing_ms[stage] for result in results)
        for stage in recipe.timing_ms
    }
    listed = ", ".join(f"{stage} {value:.1f}" for stage, value in stages.items())
    return (
        f"{recipe.method}/{recipe.preset}: {listed} ms per image | {names} names, {size} px, "
        f"{recipe.device}, {recipe.dtype}, {torch.get_num_threads()} threads, "
        f"{platform.machine()}, median of {repeats} after 1 warm-up"
    )
