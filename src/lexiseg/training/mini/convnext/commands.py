"""`convnext` and `evaluate-convnext` of `python -m lexiseg.training.mini`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def convnext(
    out: Annotated[Path, typer.Option(help="Folder for close-ups, checkpoints, curve, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="Different ones; they come again.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 10,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train a small ConvNeXt on named regions of Miniworld, beside the bundled text tower.

    python -m lexiseg.training.mini convnext --out run --minutes 30
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.convnext.close_ups import CloseUpConfig
    from lexiseg.training.mini.convnext.learner import ConvNextTraining
    from lexiseg.training.mini.convnext.recipe import ConvNextRecipe

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    config, near = ConvNextTraining(seed, batch, scenes=scenes), CloseUpConfig(seed=seed)
    ConvNextRecipe(out, Budget(steps, minutes), config, near, resume, device).run()


@app.command("evaluate-convnext")
def evaluate_convnext(
    folder: Annotated[Path, typer.Argument(help="Weights that `convnext` wrote.")],
    single: Annotated[int, typer.Option(help="Scenes with one thing, per split.")] = 500,
    several: Annotated[int, typer.Option(help="Scenes with two to six, per split.")] = 100,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small ConvNeXt-CLIP on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-convnext run/convnext/weights --card
    """
    from lexiseg.training.mini.convnext.card import write_card
    from lexiseg.training.mini.convnext.measure import measure_convnext

    figures = {split: measure_convnext(folder, single, several, split) for split in ("val", "test")}
    if card:
        write_card(folder, figures, several)
    print(json.dumps(figures))
