"""Command line of the recipes of the small models: `python -m lexiseg.training.mini RECIPE`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lexiseg.errors import LexisegError
from lexiseg.training.mini.convnext import commands as convnext
from lexiseg.training.mini.fc_clip import commands as fc_clip
from lexiseg.training.mini.maft_plus import commands as maft_plus

app = typer.Typer(add_completion=False, help="Make and measure the bundled small models.")
app.add_typer(convnext.app)
app.add_typer(fc_clip.app)
app.add_typer(maft_plus.app)


class Tower(StrEnum):
    """What to train."""

    PROPOSAL = "proposal"
    CLASSIFIER = "classifier"
    BOTH = "both"


@app.command()
def clip(
    out: Annotated[Path, typer.Option(help="Folder for scenes, checkpoints, curves, weights.")],
    tower: Annotated[Tower, typer.Option(help="The classifier needs a proposal.")] = Tower.BOTH,
    minutes: Annotated[float | None, typer.Option(help="Time per tower, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps per tower, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 64,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the pair on captions of Miniworld.

    python -m lexiseg.training.mini clip --out run --minutes 45

    With torchrun in front, several processes share the work. `--bundled` trains the shipped
    weights further instead of starting from nothing.
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.clip.recipe import TOWERS, ClipRecipe
    from lexiseg.training.mini.pool import PoolConfig

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    pool = PoolConfig(scenes=scenes, seed=seed)
    recipe = ClipRecipe(out, Budget(steps, minutes), pool, seed, batch, resume, bundled, device)
    recipe.run(TOWERS if tower is Tower.BOTH else (tower.value,))


@app.command()
def sam(
    out: Annotated[Path, typer.Option(help="Folder for scenes, checkpoints, curves, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 8000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 8,
    rate: Annotated[float, typer.Option(help="Learning rate at its highest.")] = 2e-3,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    only_scores: Annotated[
        bool, typer.Option(help="Train the scores alone; masks stay as they are.")
    ] = False,
    teacher: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Begin with this small SAM's decoder and the small DINO's blocks.",
        ),
    ] = None,
    head_start: Annotated[
        float, typer.Option(help="Minutes to learn the teacher's embedding.")
    ] = 4,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small SAM on objects, parts and groups of Miniworld.

    python -m lexiseg.training.mini sam --out run --minutes 45
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.sam.pool import SamPoolConfig
    from lexiseg.training.mini.sam.recipe import SamRecipe, SamTraining

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    if bundled and teacher:
        raise typer.BadParameter("give either --bundled or --teacher")
    if only_scores and not bundled:
        raise typer.BadParameter("--only-scores goes with --bundled: a new network has no masks")
    pool = SamPoolConfig(scenes, seed=seed)
    training = SamTraining(seed, batch, rate, only_scores=only_scores)
    budget = Budget(steps, minutes)
    SamRecipe(out, budget, pool, training, resume, bundled, teacher, head_start, device).run()


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Weights in Hugging Face's CLIP format.")],
    single: Annotated[int, typer.Option(help="Scenes with one thing.")] = 500,
    several: Annotated[int, typer.Option(help="Scenes with two to six things.")] = 100,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a pair on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate run/proposal/weights --card
    """
    from lexiseg.training.mini.clip.card import write_card
    from lexiseg.training.mini.clip.measure import Sample, measure

    figures = measure(folder, Sample(single, several))
    if card:
        write_card(folder, figures)
    print(json.dumps(figures))


@app.command()
def dino(
    out: Annotated[Path, typer.Option(help="Folder for scenes, checkpoints, curve, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 24_000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 32,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small DINO on pictures of Miniworld, without names or masks.

    python -m lexiseg.training.mini dino --out run --minutes 40

    With torchrun in front, several processes share the work.
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.dino.learner import DinoTraining
    from lexiseg.training.mini.dino.recipe import DinoRecipe
    from lexiseg.training.mini.pool import PoolConfig

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    config, pool = DinoTraining(seed=seed, batch=batch), PoolConfig(scenes=scenes, seed=seed)
    print(DinoRecipe(out, Budget(steps, minutes), config, pool, resume, bundled, device).run())


@app.command("evaluate-dino")
def evaluate_dino(
    folder: Annotated[Path, typer.Argument(help="Weights in Hugging Face's ViT format.")],
    scenes: Annotated[int, typer.Option(help="Scenes with two to six things.")] = 60,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure the clusters of a small DINO on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-dino run/dino/weights --card
    """
    from lexiseg.training.mini.dino.card import measure_dino, write_dino_card

    figures = measure_dino(folder, scenes)
    if card:
        write_dino_card(folder, figures, scenes)
    print(json.dumps(figures))


@app.command()
def gpt2(
    out: Annotated[Path, typer.Option(help="Folder for vocabulary, checkpoints, curve, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time, in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, texts and chance.")] = 0,
    texts: Annotated[int, typer.Option(help="How many to write for training.")] = 60_000,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small GPT-2 on captions and noun phrases of Miniworld.

    python -m lexiseg.training.mini gpt2 --out run --minutes 6
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.gpt2.recipe import Gpt2Recipe, Gpt2Training

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    config = Gpt2Training(seed=seed, texts=texts)
    print(Gpt2Recipe(out, Budget(steps, minutes), config, resume, bundled, device).run())


@app.command("evaluate-gpt2")
def evaluate_gpt2(
    folder: Annotated[Path, typer.Argument(help="Weights in Hugging Face's GPT-2 format.")],
    captions: Annotated[int, typer.Option(help="Captions of test scenes.")] = 200,
    samples: Annotated[int, typer.Option(help="Phrases, and continuations to sample.")] = 1000,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small GPT-2 on texts it has not read and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-gpt2 run/gpt2/weights --card
    """
    from lexiseg.training.mini.gpt2.card import Gpt2Sample, measure_gpt2, write_gpt2_card

    figures = measure_gpt2(folder, Gpt2Sample(captions, samples, samples))
    if card:
        write_gpt2_card(folder, figures)
    print(json.dumps(figures))


@app.command("evaluate-sam")
def evaluate_sam(
    folder: Annotated[Path, typer.Argument(help="Weights in Hugging Face's SAM format.")],
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 200,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small SAM on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-sam run/sam/weights --card
    """
    from lexiseg.training.mini.sam.card import write_card
    from lexiseg.training.mini.sam.measure import measure_sam

    figures = {split: measure_sam(folder, scenes, split) for split in ("val", "test")}
    if card:
        write_card(folder, figures, scenes)
    print(json.dumps(figures))


@app.command()
def sam2(
    out: Annotated[Path, typer.Option(help="Folder for scenes, checkpoints, curves, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 8000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 4,
    rate: Annotated[float, typer.Option(help="Learning rate at its highest.")] = 2e-3,
    held: Annotated[
        float, typer.Option(help="Share 0..1 of it in which the small SAM's blocks stay fixed.")
    ] = 0.8,
    head_start: Annotated[
        int, typer.Option(help="Steps as a pupil of the small SAM, without prompts.")
    ] = 150,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    bundled: Annotated[bool, typer.Option(help="Begin with the weights of the package.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small SAM 2 on objects, parts and groups of Miniworld.

    python -m lexiseg.training.mini sam2 --out run --minutes 45
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.sam.pool import SamPoolConfig
    from lexiseg.training.mini.sam2.recipe import Sam2Recipe, Sam2Training

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    pool, budget = SamPoolConfig(scenes, seed=seed), Budget(steps, minutes)
    training = Sam2Training(seed, batch, rate, held=held)
    Sam2Recipe(out, budget, pool, training, resume, bundled, head_start, device).run()


@app.command("evaluate-sam2")
def evaluate_sam2(
    folder: Annotated[Path, typer.Argument(help="Weights in Hugging Face's SAM 2 format.")],
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 60,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small SAM 2 on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-sam2 run/sam2/weights --card
    """
    from lexiseg.training.mini.sam2.card import write_card
    from lexiseg.training.mini.sam2.measure import measure_sam2

    figures = {split: measure_sam2(folder, scenes, split) for split in ("val", "test")}
    if card:
        write_card(folder, figures, scenes)
    print(json.dumps(figures))


@app.command()
def beit3(
    out: Annotated[Path, typer.Option(help="Folder for scenes, checkpoints, curves, weights.")],
    minutes: Annotated[float | None, typer.Option(help="Time in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 8000,
    batch: Annotated[int, typer.Option(help="Pictures per step and process.")] = 24,
    rate: Annotated[float, typer.Option(help="Learning rate at its highest.")] = 1.5e-3,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small BEiT-3 on pictures of Miniworld with captions, names and sentences.

    python -m lexiseg.training.mini beit3 --out run --minutes 40
    """
    from lexiseg.training.engine.session import Budget
    from lexiseg.training.mini.beit3.pool import Beit3PoolConfig
    from lexiseg.training.mini.beit3.recipe import Beit3Recipe, Beit3Training

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    pool, budget = Beit3PoolConfig(scenes, seed=seed), Budget(steps, minutes)
    training = Beit3Training(seed, batch, rate)
    Beit3Recipe(out, budget, pool, training, resume, device).run()


@app.command("evaluate-beit3")
def evaluate_beit3(
    folder: Annotated[Path, typer.Argument(help="Weights, with their tokenizer.")],
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 60,
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure how much a small BEiT-3's vectors know and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-beit3 run/beit3/weights --card
    """
    from lexiseg.training.mini.beit3.card import write_card
    from lexiseg.training.mini.beit3.measure import measure_beit3

    figures = {split: measure_beit3(folder, scenes, split) for split in ("val", "test")}
    if card:
        write_card(folder, figures, scenes)
    print(json.dumps(figures))


@app.command()
def openworldsam(
    out: Annotated[Path, typer.Option(help="Folder for scenes, features and runs.")],
    beit3: Annotated[str, typer.Option(help="Folder of a small BEiT-3.")],
    minutes: Annotated[float | None, typer.Option(help="Time in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, scenes and chance.")] = 0,
    scenes: Annotated[int, typer.Option(help="How many to draw for training.")] = 1000,
    negatives: Annotated[
        bool, typer.Option(help="Ask absent names too; without, as the paper does.")
    ] = True,
    sam2: Annotated[str, typer.Option(help="Bundled name or folder.")] = "mini-sam2",
    start: Annotated[
        Path | None, typer.Option(help="Folder of a run whose adapter to begin with.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
) -> None:
    """Train the small adapter between the small SAM 2 and the small BEiT-3.

    python -m lexiseg.training.mini openworldsam --out run --beit3 run/beit3/weights --steps 400
    """
    from lexiseg.training.mini.openworldsam.recipe import AdapterRecipe
    from lexiseg.training.openworldsam.config import Schedule

    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    AdapterRecipe(
        out,
        beit3,
        Schedule(steps, minutes),
        scenes,
        seed=seed,
        negatives=negatives,
        sam2=sam2,
        start=start,
        resume=resume,
        device=device,
    ).run()


@app.command("evaluate-openworldsam")
def evaluate_openworldsam(
    folder: Annotated[Path, typer.Argument(help="Adapter, in half precision.")],
    beit3: Annotated[str, typer.Option(help="Bundled name or folder.")] = "mini-beit3",
    scenes: Annotated[int, typer.Option(help="Held-out scenes per split.")] = 200,
    present: Annotated[
        Path | None, typer.Option(help="Adapter trained with present names, to compare.")
    ] = None,
    sam2: Annotated[str, typer.Option(help="Bundled name or folder.")] = "mini-sam2",
    card: Annotated[bool, typer.Option(help="Write the model card with these figures.")] = False,
) -> None:
    """Measure a small adapter on held-out scenes and print the figures as JSON.

    python -m lexiseg.training.mini evaluate-openworldsam run/negatives/weights
    """
    from lexiseg.methods.openworldsam import OpenWorldSam
    from lexiseg.training.mini.openworldsam.card import write_card
    from lexiseg.training.mini.openworldsam.measure import measure_openworldsam

    def measured(adapter: Path, splits: tuple[str, ...]) -> dict[str, dict[str, float]]:
        method = OpenWorldSam.load("mini", adapter=adapter, sam2=sam2, beit3=beit3, presence="none")
        return {split: measure_openworldsam(method, scenes, split) for split in splits}

    figures = measured(folder, ("val", "test"))
    others = measured(present, ("test",)) if present else {}
    if card:
        write_card(folder, figures, others)
    print(json.dumps({**figures, **{f"present {key}": row for key, row in others.items()}}))


def main() -> None:
    """Run the command line; a user's error is one line."""
    try:
        app()
    except LexisegError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
