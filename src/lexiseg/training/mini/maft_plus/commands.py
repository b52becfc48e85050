"""`maftplus` and `evaluate-maftplus` of `python -m lexiseg.training.mini`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
Clip = Annotated[str, typer.Option(help="ConvNeXt-CLIP: bundled name, or folder of weights.")]


@app.command()
def maftplus(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, curve, weights.")],
    clip: Clip = "mini-convnext-clip",
    start: Annotated[
        str, typer.Option(help="Decoders on that CLIP to begin with: bundled name, or folder.")
    ] = "mini-fc-clip",
    minutes: Annotated[float | None, typer.Option(help="Time, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 8,
    size: Annotated[int, typer.Option(help="Pixels per side, a multiple of 32.")] = 192,
    scenes: Annotated[int, typer.Option(help="Different pictures; they come again.")] = 20_000,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Make a small MAFT+ of a small FC-CLIP, on segments of Miniworld under its own names.

    python -m lexiseg.training.mini maftplus --out run --minutes 35
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.maft_plus.learner import MaftPlusTraining
    from lexiseg.training.mini.maft_plus.recipe import MaftPlusRecipe

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    config = MaftPlusTraining(seed, batch, size=size, scenes=scenes)
    MaftPlusRecipe(out, Budget(steps, minutes), clip, start, config, resume, device).run()


@app.command("evaluate-maftplus")
def evaluate_maftplus(
    folder: Annotated[Path, typer.Argument(help="Weights that `maftplus` wrote.")],
    clip: Clip = "mini-convnext-clip",
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 200,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small MAFT+ on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-maftplus run/maftplus/weights --card
    """
    from lexiseg.methods.mask_proposals import MaftPlus
    from lexiseg.training.mini.fc_clip.measure import measure_columns
    from lexiseg.training.mini.maft_plus.card import write_card

    method = MaftPlus.load("mini", weights=folder, backbone=clip)
    figures = measure_columns(method, scenes)
    if card:
        write_card(folder, figures)
    print(json.dumps(figures))
