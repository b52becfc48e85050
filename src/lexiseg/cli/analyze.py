"""``lexiseg analyze``: studies of what limits a system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, grouped
from lexiseg.cli.options import ConfigFile, Overwrite, Preset, Quiet, Settings, read_settings

if TYPE_CHECKING:
    from lexiseg.analysis.oracles.inputs.opening import Sources
    from lexiseg.analysis.oracles.perfect_masks import Wording
    from lexiseg.analysis.terms import Terms

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
Segmenter = Annotated[
    str | None, typer.Option("--segmenter", help="In place of the preset's, as mini-sam.")
]
Scorer = Annotated[
    str | None, typer.Option("--scorer", help="In place of the preset's, as clip-surgery.")
]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is studied, and where the numbers go."""

    out: Out
    dataset: DatasetName = "miniworld"
    data: Data = None
    split: Split = None
    scenes: Scenes = None
    seed: Seed = 0
    overwrite: Overwrite = False

    def images(self) -> Any:
        """A data set with masks of objects; Miniworld is drawn unless a folder is given."""
        from lexiseg.registry import DATASETS

        drawn = self.dataset == "miniworld"
        open_dataset = DATASETS["miniworld-instances" if drawn else self.dataset]
        options: dict[str, Any] = {"split": self.split} if self.split else {}
        if drawn and self.data is None:
            return open_dataset(None, **options, scenes=self.scenes or 200, seed=self.seed)
        return open_dataset(self.data or Path(), **options)


@dataclass(frozen=True, kw_only=True)
class TidesParts:
    """TIDES with exchangeable parts."""

    preset: Preset = None
    segmenter: Segmenter = None
    scorer: Scorer = None
    loading: Loading

    def load(self, dataset: str) -> Any:
        """The method with its weights, for a data set."""
        parts = {"segmenter": self.segmenter, "scorer": self.scorer}
        chosen = {part: name for part, name in parts.items() if name}
        return self.loading.model("tides", self.preset, dataset, **chosen).load()


@app.command("psm-bias")
@grouped
def psm_bias(
    *,
    study: Study,
    points: Annotated[int, typer.Option("--points", min=1, help="Points in each object.")] = 5,
    groups: Annotated[
        Path | None,
        typer.Option("--groups", help="A YAML file that puts classes into groups; see docs."),
    ] = None,
    parts: TidesParts,
    quiet: Quiet = False,
) -> None:
    """Does a promptable segmenter prefer parts, and does the IO score know better?

    Points are drawn inside true objects; masks chosen by the segmenter's score, by the IO score
    and by the true IoU are compared with the objects (TIDES, Sections 3 and 4).

    Example: lexiseg analyze psm-bias --segmenter mini-sam --dataset miniworld --scenes 50 -o bias
    """
    from lexiseg.analysis.terms import with_objects
    from lexiseg.analysis.tides.bias_table import to_markdown
    from lexiseg.analysis.tides.class_groups import load_groups
    from lexiseg.analysis.tides.psm_bias import BiasConfig, study_bias
    from lexiseg.errors import MissingExtraError

    console.state.quiet = quiet
    images = study.images()
    split_by = load_groups(images.name, with_objects(images).classes.names, groups)
    found = study_bias(
        parts.load(study.dataset), images, split_by, study.out,
        config=BiasConfig(points, study.seed), overwrite=study.overwrite, limit=study.scenes,
        quiet=quiet,
    )  # fmt: skip
    written = found.save(study.out, overwrite=study.overwrite)
    typer.echo(to_markdown(found.rows), nl=False)
    try:
        written += found.draw(study.out, overwrite=study.overwrite)
    except MissingExtraError as error:
        console.say(f"No plots: {error}")
    _finish(written, found.terms, found.failures)


@app.command("tides-oracles")
@grouped
def tides_oracles(
    *,
    study: Study,
    parts: TidesParts,
    quiet: Quiet = False,
) -> None:
    """What would TIDES reach if names, places or masks were perfect? (Its Table 3.)

    Drawn scenes of Miniworld are asked for what is there and as many absent things, other images
    for all classes.

    Example: lexiseg analyze tides-oracles --dataset coco --data coco --preset paper -o oracles
    """
    from dataclasses import replace

    from lexiseg.analysis.tides.oracles import study_oracles
    from lexiseg.datasets.miniature_instances import MiniworldObjects

    console.state.quiet = quiet
    images = study.images()
    if isinstance(images, MiniworldObjects):
        images = replace(images, half_absent=True)
    found = study_oracles(
        parts.load(study.dataset), images, study.out,
        overwrite=study.overwrite, limit=study.scenes, quiet=quiet,
    )  # fmt: skip
    typer.echo(found.to_markdown(), nl=False)
    _finish(found.save(study.out, overwrite=study.overwrite), found.terms, found.failures)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Answers, what is true, and what else is known of them."""

    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="COCO panoptic or instances JSON, or a folder of label maps."),
    ] = None
    pred: Annotated[
        Path | None,
        typer.Option(
            "--pred", help="Answers in that form, a run's folder, or NAME.npz candidates."
        ),
    ] = None
    candidates: Annotated[
        Path | None,
        typer.Option("--candidates", help="A folder of NAME.npz, what the predictor chose from."),
    ] = None
    against: Annotated[
        Path | None, typer.Option("--against", help="Answers of another predictor to compare with.")
    ] = None
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the pictures, for the gallery.")
    ] = None
    synonyms: Annotated[
        Path | None,
        typer.Option("--synonyms", help="Texts of each class: lines 7:couch,sofa, or JSON."),
    ] = None
    trained_on: Annotated[
        Path | None,
        typer.Option("--trained-on", help="Texts that training knew; tells seen from unseen."),
    ] = None
    classes: Annotated[
        Path | None, typer.Option("--classes", help="Names of the numbers in label maps.")
    ] = None
    count_background: Annotated[
        bool, typer.Option("--count-background", help="Number 0 of label maps is a class.")
    ] = False
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="A CLIP or SigLIP that names the true masks, for --pred."),
    ] = None
    size: Annotated[
        str,
        typer.Option(
            "--size",
            help="At which it looks at pictures: 512, 640, 800x1333, or square: 512x512, 640x640.",
        ),
    ] = "640"
    near: Annotated[
        str | None,
        typer.Option("--near", help="A CLIP or SigLIP that tells which names are nearly the same."),
    ] = None
    wording: Annotated[
        str, typer.Option("--wording", help="ensemble (fourteen sentences) or single.")
    ] = "ensemble"
    set: Settings = None
    config: ConfigFile = None

    def sources(self) -> Sources:
        """Where truth and answers come from.

        Raises:
            UsageError: nothing says what is true.
        """
        from lexiseg.analysis.oracles.inputs.opening import Sources
        from lexiseg.errors import UsageError

        if self.truth is None:
            raise UsageError(
                "Nothing says what is true; give --truth, or --replicate for the paper's tables."
            )
        return Sources(
            self.truth, self.pred, self.candidates, self.images, self.synonyms, self.trained_on,
            self.classes, self.count_background, self.encoder, self.size,
            cast("Wording", self.wording),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Replicated:
    """The paper's tables in miniature, on Miniworld."""

    replicate: Annotated[
        bool, typer.Option("--replicate", help="The paper's tables in miniature, on Miniworld.")
    ] = False
    scenes: Annotated[int, typer.Option("--scenes", min=1, help="Scenes for --replicate.")] = 200
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes for --replicate; default: cores.")
    ] = None

    def run(self, judged: Judged, out: Path, *, overwrite: bool) -> None:
        """Measure all tables and print the page.

        Raises:
            UsageError: answers were given, too.
        """
        from lexiseg.errors import UsageError
        from lexiseg.registry import REPLICATIONS

        if judged != Judged():
            raise UsageError("--replicate goes with -o, --scenes and --jobs; leave out the rest.")
        page = REPLICATIONS["fc-clip"](
            out=out, overwrite=overwrite, scenes=self.scenes, jobs=self.jobs,
            quiet=console.state.quiet,
        )  # fmt: skip
        typer.echo(page)


@app.command("oracles")
@grouped
def oracles(
    *,
    judged: Judged,
    replicated: Replicated,
    out: Out,
    gallery: Annotated[
        int, typer.Option("--gallery", min=0, help="Pictures of every type of error.")
    ] = 2,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first so many pictures.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Is it the names, the masks or the choice among them that costs a predictor quality?

    For the files of any predictor: what true names, the best candidates or exact outlines would be
    worth, and what became of every true segment. Writes one page, JSON, CSV and Markdown.

    Example: lexiseg analyze oracles --pred results --truth panoptic.json -o report
    """
    from dataclasses import replace

    from lexiseg.analysis.oracles.config import OracleConfig
    from lexiseg.analysis.oracles.inputs.opening import open_cases
    from lexiseg.analysis.oracles.near_names import near_names
    from lexiseg.analysis.oracles.perfect_masks import load_encoder
    from lexiseg.analysis.oracles.study import study_files
    from lexiseg.config import override

    console.state.quiet = quiet
    if replicated.replicate:
        replicated.run(judged, out, overwrite=overwrite)
        return
    sources = judged.sources()
    config = override(OracleConfig(), read_settings(judged.set, judged.config))
    other = replace(sources, answers=judged.against, candidates=None, encoder=None)
    cases = open_cases(sources, config)
    report = study_files(
        cases, out, config,
        against=open_cases(other, config) if judged.against else None, gallery=gallery,
        overwrite=overwrite, limit=limit, quiet=quiet,
    )  # fmt: skip
    if judged.near:
        encoder, words = load_encoder(judged.near), sources.wording
        near = near_names(encoder, cases.classes, report.confused, wording=words)
        report = replace(report, near=near)
    written = report.save(out, overwrite=overwrite)
    typer.echo(report.sentence)
    _finish(written, report.terms, report.failures)


def _finish(written: list[Path], terms: Terms, failures: Any) -> None:
    """Say where the files are, and leave with 1 if images are missing from the numbers."""
    console.tell("\n".join(f"-> {path}" for path in written))
    console.caution(terms.recipe)
    if failures:
        console.say(f"{len(failures)} images could not be judged")
        raise typer.Exit(1)
