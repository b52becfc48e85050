"""Options that several verbs share, and what their texts mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer
import yaml

from lexiseg.config import read_mapping, read_overrides
from lexiseg.errors import UsageError
from lexiseg.types import Vocabulary, split_comma_list, split_cutoff

_POWER_OF_TEN = re.compile(r"[+-]?\d+e[+-]?\d+", re.IGNORECASE)  # 1e-5: to YAML 1.1 a text
FORMATS = "overlay, png, masks, coco, yolo, labelme, csv, ... (docs/formats.md)"
Texts = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--text",
        help="A name to look for, or several with commas; dog:0.6 with a least score. Repeatable.",
    ),
]
TextsFile = Annotated[
    Path | None,
    typer.Option("--texts-file", help="One name per line, or a .json/.yaml of wording: name."),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        help="Names that compete but are not reported, with commas, or a .txt file. Repeatable.",
    ),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option(
        "--not", help="Names whose regions are cut out of all others, likewise. Repeatable."
    ),
]
Cutoffs = Annotated[
    Path | None,
    typer.Option("--cutoffs", help="A .yaml or .json of name: least score; as -t dog:0.6 does."),
]
Aliases = Annotated[
    list[str] | None,
    typer.Option("--alias", help="WORDING=NAME: another wording of a name. Repeatable."),
]
MethodName = Annotated[str, typer.Option("--method", help="car, tides, sclip, ...; see README.")]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="paper: published weights, the default; mini: bundled ones that know Miniworld only, "
        "the default for Miniworld; a data set's name: its published settings.",
    ),
]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Folder for the results.")]
OutAddress = Annotated[
    str | None,
    typer.Option(
        "-o", "--out", help="Folder for the results; with --engine ray also s3://bucket/folder."
    ),
]
USUAL_FORMATS = "overlay,png,coco"
Formats = Annotated[
    str, typer.Option("-f", "--format", help=f"What to write, with commas: {FORMATS}.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per image on stdout.")]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        min=1,
        help="Pictures encoded together, where the method can: 1, and 4 on CUDA.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        help="Processes that answer, each with the method loaded: one; with --engine ray one per "
        "GPU or core of the cluster.",
    ),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="ray: on all machines of a cluster (docs/clusters.md)."),
]
Bands = Annotated[
    str | None,
    typer.Option("--bands", help="Bands that are red, green, blue, as 4,3,2; one alone is grey."),
]
StretchText = Annotated[
    str | None,
    typer.Option("--stretch", help="What is black and white: 2%,98% or 0,2000, per band."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
Dtype = Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16, float16.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="OPTION=VALUE of the method, e.g. eta=0.5. Repeatable."),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file of such options.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no summary.")]


def read_vocabulary(
    texts: list[str] | None,
    texts_file: Path | None,
    aliases: list[str] | None,
    *,
    against: list[str] | None = None,
    excluded: list[str] | None = None,
    cutoffs: Path | None = None,
) -> Vocabulary:
    """Names of ``-t``, ``--texts-file`` and the options beside them as one vocabulary.

    Repeats are merged with a warning.

    Raises:
        UsageError: no name at all, a blank name, a file that cannot be read, an alias without
            an equals sign, a cut-off that is none.
    """
    typed = [name for text in texts or [] for name in split_comma_list(text)]
    mapped = texts_file is not None and texts_file.suffix in (".json", ".yaml", ".yml")
    if texts_file and not mapped:
        typed += _lines(texts_file)
    limited = [split_cutoff(text) for text in typed]
    names = [name for name, _ in limited]
    pairs = {name: name for name in Vocabulary.parse(names)} if names else {}
    if texts_file and mapped:
        duty = "map each wording to its name"
        pairs.update(read_mapping(texts_file, "Names", "JSON or YAML", duty))
    for alias in aliases or []:
        wording, name = _read_alias(alias)
        pairs.setdefault(name, name)
        pairs[wording] = name
    if not pairs:
        raise UsageError("No names were given; add at least one, as in: -t dog -t 'red car'")
    duty = "map names to least scores"
    table = read_mapping(cutoffs, "Cut-offs", "JSON or YAML", duty) if cutoffs else {}
    return Vocabulary.parse(
        pairs,
        cutoffs=table | {name: limit for name, limit in limited if limit is not None},
        against=_listed(against),
        excluded=_listed(excluded),
    )


def _read_alias(text: str) -> tuple[str, str]:
    wording, equals, name = text.partition("=")
    if not (equals and wording.strip() and name.strip()):
        raise UsageError(f"--alias was given {text!r}; expected WORDING=NAME, as couch=sofa.")
    return wording, name


def _listed(given: list[str] | None) -> list[str]:
    """Names of comma lists and of .txt files."""
    return [
        name
        for text in given or []
        for name in (_lines(Path(text)) if text.endswith(".txt") else split_comma_list(text))
    ]


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(
            f"Names file {path} cannot be read ({error.strerror}); check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"Names file {path} is not UTF-8 text; save it as UTF-8.") from error
    return [line.strip() for line in lines if line.strip()]


def read_settings(
    settings: list[str] | None, config: Path | None, flag: str = "--set"
) -> dict[str, object]:
    """``--config`` and ``--set`` (or another flag) as overrides of a config; the flag wins.

    Raises:
        UsageError: an entry without an equals sign, or a file that cannot be read.
    """
    chosen = read_overrides(config) if config else {}
    for entry in settings or []:
        name, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"{flag} was given {entry!r}; expected OPTION=VALUE, as eta=0.5.")
        chosen[name.strip()] = _value(value)
    return chosen


def _value(text: str) -> object:
    """YAML's reading of a value; a plain comma list becomes a list."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str) and _POWER_OF_TEN.fullmatch(value):
        return float(value)
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.split(",")]
    return value


def read_bands(text: str) -> tuple[int, ...]:
    """Numbers of bands with commas.

    Raises:
        UsageError: it is something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--bands was given {text!r}; expected numbers, as 4,3,2.") from error


def read_formats(text: str) -> list[str]:
    """Names of the writers asked for.

    Raises:
        UnknownNameError: an unknown format.
    """
    from lexiseg.registry import WRITERS

    names = split_comma_list(text)
    for name in names:
        WRITERS[name]
    return names
