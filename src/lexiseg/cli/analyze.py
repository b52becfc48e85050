"""``lexiseg analyze``: studies of what limits a system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lexiseg.cli import console
from lexiseg.cli.options import ConfigFile, Device, Dtype, Quiet, Settings, read_settings
from lexiseg.cli.segment import Model

app = typer.Typer(
    help=(
        "Find out what limits a system.\n\n"
        "Example: lexiseg analyze psm-bias --segmenter mini-sam --scenes 50 -o bias"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
Out = Annotated[
    Path, typer.Option("-o", "--out", help="Folder for tables, plots and records; resumes there.")
]
DatasetName = Annotated[
    str, typer.Option("--dataset", help="miniworld, coco, lvis: anything with masks of objects.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="The data set's folder; Miniworld is drawn without.")
]
Split = Annotated[str | None, typer.Option("--split", help="Default: the usual one.")]
Scenes = Annotated[
    int | None,
    typer.Option("--scenes", "--limit", min=1, help="Only so many images; Miniworld: 200."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn at random.")]
TidesPreset = Annotated[
    str, typer.Option("--preset", help="mini: bundled toy-world weights; paper: published ones.")
]
Segmenter = Annotated[
    str | None, typer.Option("--segmenter", help="In place of the preset's, as mini-sam.")
]
Scorer = Annotated[
    str | None, typer.Option("--scorer", help="In place of the preset's, as clip-surgery.")
]


@app.command("psm-bias")
def psm_bias(
    out: Out,
    dataset: DatasetName = "miniworld",
    data: Data = None,
    split: Split = None,
    scenes: Scenes = None,
    seed: Seed = 0,
    points: Annotated[int, typer.Option("--points", min=1, help="Points in each object.")] = 5,
    groups: Annotated[
        Path | None,
        typer.Option("--groups", help="A YAML file that puts classes into groups; see docs."),
    ] = None,
    preset: TidesPreset = "mini",
    segmenter: Segmenter = None,
    scorer: Scorer = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    set: Settings = None,  # noqa: A002 - the flag people type
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """Does a promptable segmenter prefer parts, and does the IO score know better?

    Points are drawn inside true objects; masks chosen by the segmenter's score, by the IO score
    and by the true IoU are compared with the objects (TIDES, Sections 3 and 4).

    Example: lexiseg analyze psm-bias --segmenter mini-sam --dataset miniworld --scenes 50 -o bias
    """
    from lexiseg.analysis.bias_table import to_markdown
    from lexiseg.analysis.class_groups import load_groups
    from lexiseg.analysis.collecting import class_names
    from lexiseg.analysis.psm_bias import BiasConfig, study_bias
    from lexiseg.errors import MissingExtraError

    console.state.quiet = quiet
    images = _open(dataset, data, split, scenes, seed)
    split_by = load_groups(images.name, class_names(images), groups)
    tides = _load(preset, segmenter, scorer, device, dtype, read_settings(set, config))
    study = study_bias(
        tides, images, split_by, out,
        config=BiasConfig(points, seed), limit=scenes, quiet=quiet,
    )  # fmt: skip
    written = study.save(out)
    typer.echo(to_markdown(study.rows), nl=False)
    try:
        written += study.draw(out)
    except MissingExtraError as error:
        console.say(f"No plots: {error}")
    _finish(written, study.failures)


@app.command("tides-oracles")
def tides_oracles(
    out: Out,
    dataset: DatasetName = "miniworld",
    data: Data = None,
    split: Split = None,
    scenes: Scenes = None,
    seed: Seed = 0,
    preset: TidesPreset = "mini",
    segmenter: Segmenter = None,
    scorer: Scorer = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    set: Settings = None,  # noqa: A002 - the flag people type
    config: ConfigFile = None,
    quiet: Quiet = False,
) -> None:
    """What would TIDES reach if names, places or masks were perfect? (Its Table 3.)

    Drawn scenes of Miniworld are asked for what is there and as many absent things, other images
    for all classes.

    Example: lexiseg analyze tides-oracles --dataset coco --data coco --preset paper -o oracles
    """
    from dataclasses import replace

    from lexiseg.analysis.tides_oracles import study_oracles
    from lexiseg.datasets.miniature_instances import MiniworldObjects

    console.state.quiet = quiet
    images = _open(dataset, data, split, scenes, seed)
    if isinstance(images, MiniworldObjects):
        images = replace(images, half_absent=True)
    tides = _load(preset, segmenter, scorer, device, dtype, read_settings(set, config))
    study = study_oracles(tides, images, out, limit=scenes, quiet=quiet)
    typer.echo(study.to_markdown(), nl=False)
    _finish(study.save(out), study.failures)


def _open(name: str, data: Path | None, split: str | None, scenes: int | None, seed: int) -> Any:
    """A data set with masks of objects; Miniworld is drawn unless a folder is given."""
    from lexiseg.registry import DATASETS

    open_dataset = DATASETS["miniworld-instances" if name == "miniworld" else name]
    options: dict[str, Any] = {"split": split} if split else {}
    if name == "miniworld" and data is None:
        return open_dataset(None, **options, scenes=scenes or 200, seed=seed)
    return open_dataset(data or Path(), **options)


def _load(
    preset: str,
    segmenter: str | None,
    scorer: str | None,
    device: str,
    dtype: str,
    settings: dict[str, Any],
) -> Any:
    parts = {"segmenter": segmenter, "scorer": scorer}
    chosen = {part: name for part, name in parts.items() if name}
    return Model("tides", preset, device, dtype, {**settings, **chosen}).load()


def _finish(written: list[Path], failures: Any) -> None:
    """Say where the files are, and leave with 1 if images are missing from the numbers."""
    console.tell("\n".join(f"-> {path}" for path in written))
    for name, reason in failures.items():
        console.say(f"{name}: {reason}")
    if failures:
        raise typer.Exit(1)
