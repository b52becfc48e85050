"""`fcclip` and `evaluate-fcclip` of `python -m lexiseg.training.mini`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
Clip = Annotated[str, typer.Option(help="Convolutional CLIP: bundled name, or folder of weights.")]


@app.command()
def fcclip(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, curve, weights.")],
    clip: Clip = "mini-convnext-clip",
    minutes: Annotated[float | None, typer.Option(help="Time, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 8,
    size: Annotated[int, typer.Option(help="Pixels per side, a multiple of 32.")] = 192,
    scenes: Annotated[int, typer.Option(help="Different pictures; they come again.")] = 20_000,
    policy: Annotated[str, typer.Option(help="Of the labels: A, or B with other names.")] = "A",
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the decoders of a small FC-CLIP on segments of Miniworld, under its own names.

    python -m lexiseg.training.mini fcclip --out run --clip run/convnext/weights --minutes 30
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.fc_clip.learner import FcClipTraining
    from lexiseg.training.mini.fc_clip.recipe import FcClipRecipe

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    config = FcClipTraining(seed, batch, size=size, scenes=scenes, policy=policy)
    start = "mini-fc-clip" if bundled else None
    FcClipRecipe(out, Budget(steps, minutes), clip, config, start, resume, device).run()


@app.command("evaluate-fcclip")
def evaluate_fcclip(
    folder: Annotated[Path, typer.Argument(help="Decoders that `fcclip` wrote.")],
    clip: Clip = "mini-convnext-clip",
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 200,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small FC-CLIP on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-fcclip run/fcclip/weights --card
    """
    from lexiseg.methods.mask_proposals import FcClip
    from lexiseg.training.mini.fc_clip.card import write_card
    from lexiseg.training.mini.fc_clip.measure import measure_columns

    method = FcClip.load("mini", weights=folder, backbone=clip)
    figures = measure_columns(method, scenes)
    if card:
        write_card(folder, figures)
    print(json.dumps(figures))
