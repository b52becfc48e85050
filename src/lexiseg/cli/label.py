"""``lexiseg label``: images in, named segments out, without a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import (
    ConfigFile,
    Device,
    Dtype,
    Formats,
    Json,
    MethodName,
    Out,
    Overwrite,
    Preset,
    Quiet,
    Settings,
    read_settings,
)
from lexiseg.cli.segment import Images, Model, run_model
from lexiseg.types import Result

Decoder = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="What finds the words: vocabulary (default), vocabulary+attributes, zerocap.",
    ),
]
WordList = Annotated[
    Path | None,
    typer.Option(
        "--vocabulary",
        help="Your own words for the vocabulary decoders, one per line.",
    ),
]


def label(
    images: Images,
    decoder: Decoder = None,
    vocabulary: WordList = None,
    method: MethodName = "zero-guidance",
    preset: Preset = "mini",
    out: Out = None,
    format: Formats = "overlay,png,coco",  # noqa: A002 - the flag people type
    json: Json = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    set: Settings = None,  # noqa: A002 - the flag people type
    config: ConfigFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Say what is in images: cut them into segments and name each, without any question.

    Example: lexiseg label photo.jpg -o out --decoder zerocap
    """
    console.state.quiet = quiet
    settings = read_settings(set, config)
    if decoder:
        settings["decoder"] = decoder
    if vocabulary:
        settings["decoder.words"] = str(vocabulary)
    model = Model(method, preset, device, dtype, settings)

    def load_and_bind() -> Callable[[Path], Result]:
        return model.load().label  # type: ignore[no-any-return]

    run_model("label", images, {}, model, load_and_bind, out, format, json, overwrite)
