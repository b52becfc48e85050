"""``lexiseg label``: images in, named segments out, without a question."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import ImageRun, grouped
from lexiseg.cli.options import MethodName
from lexiseg.cli.segment import Images, run_model

Decoder = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="What finds the words: vocabulary (of mini and word-list), vocabulary+attributes, "
        "zerocap (of paper).",
    ),
]
WordList = Annotated[
    Path | None,
    typer.Option(
        "--vocabulary",
        help="Your own words for the vocabulary decoders, one per line; without --decoder it "
        "chooses vocabulary.",
    ),
]


LabelPreset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="paper: published weights and the paper's captions, the default; word-list: the same "
        "weights with words of a list; mini: bundled weights that know Miniworld only.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class LabelRun(ImageRun):
    """The same with a method that asks no question."""

    method: MethodName = "zero-guidance"
    preset: LabelPreset = None


@grouped
def label(
    images: Images, *, decoder: Decoder = None, vocabulary: WordList = None, run: LabelRun
) -> None:
    """Say what is in images: cut them into segments and name each, without any question.

    Example: lexiseg label photo.jpg -o out --decoder zerocap
    """
    console.state.quiet = run.quiet
    finder = decoder or ("vocabulary" if vocabulary else None)
    words = {"decoder": finder, "decoder.words": str(vocabulary) if vocabulary else None}
    chosen = {option: value for option, value in words.items() if value}
    model = run.loading.model(run.method, run.preset, **chosen)
    run_model("label", images, None, model, None, run)
