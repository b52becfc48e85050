"""``lexiseg demo``: see the system work in a minute, offline, on pictures nobody tuned it for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.options import Device, Dtype, Overwrite, Quiet

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from lexiseg.types import Result

SIZE = 320  # pixels a side: large enough to look at, quick enough for two cores
ABSENT = 4  # names asked of each picture that are not in it
# Regions of names, single objects, and what is seen without a question.
SHOWN = ("car", "tides", "zero-guidance")
OBJECTS = ("tides",)  # asked for things only: ground has no single objects
FORMATS = ("overlay", "png", "coco")


@dataclass(frozen=True)
class AskedNames:
    """Names to ask of a picture."""

    present: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, what is there first."""
        return (*self.present, *self.absent)

    def only(self, things: Sequence[str]) -> AskedNames:
        """The same without stuff."""
        present, absent = (
            tuple(name for name in names if name in things) for names in (self.present, self.absent)
        )
        return AskedNames(present, absent)


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")] = Path(
        "lexiseg-demo"
    ),
    count: Annotated[int, typer.Option("--count", min=1, help="Pictures.")] = 6,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which pictures.")] = 7,
    method: Annotated[
        list[str], typer.Option("--method", help="What to show, a column each.")
    ] = list(SHOWN),  # noqa: B006 - typer reads it, nothing changes it
    device: Device = "auto",
    dtype: Dtype = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make pictures of the small world, ask for what is and is not there, write the masks.

    The sheet shows each picture three times: regions of names by CaR, single objects by TIDES, and
    what zero-guidance sees without being asked; or once for every method that is named.

    Example: lexiseg demo -o demo-output
    Example: lexiseg demo -o compared --method car --method openworldsam --method fc-clip
    """
    import lexiseg
    from lexiseg.io.contact_sheet import contact_sheet
    from lexiseg.io.overlay import OverlayStyle, draw_overlay

    console.state.quiet = quiet
    methods = {
        name: lexiseg.load(name, preset="mini", device=device, dtype=dtype) for name in method
    }
    questions = _make_pictures(out / "pictures", count, seed, overwrite=overwrite)
    results: dict[str, list[Result]] = {name: [] for name in methods}
    for path, asked in console.progress(questions.items(), len(questions), "picture"):
        for name, chosen in methods.items():
            names = _question(name, asked).names
            is_asked = "segment" in chosen.verbs
            result = chosen.segment(path, names) if is_asked else chosen.label(path)
            result.save(out / name, formats=FORMATS, overwrite=overwrite)
            results[name].append(result)
    style = OverlayStyle(legend=True)
    rows = zip(*results.values(), strict=True)
    sheet = contact_sheet([draw_overlay(one, style) for row in rows for one in row], len(methods))
    _save(sheet, out / "demo.png", overwrite=overwrite)
    for name, chosen in methods.items():
        if "segment" in chosen.verbs:
            _report(name, results[name], [_question(name, asked) for asked in questions.values()])
    console.tell(f"Look at {out / 'demo.png'}: {', '.join(methods)}.")


def _question(method: str, asked: AskedNames) -> AskedNames:
    from lexiseg.datasets.miniworld import Miniworld

    return asked.only(Miniworld("test").thing_names) if method in OBJECTS else asked


def _make_pictures(
    folder: Path, count: int, seed: int, *, overwrite: bool
) -> dict[Path, AskedNames]:
    """Write picture files and say what to ask of each: what is there and a few things not."""
    from PIL import Image

    from lexiseg.datasets.miniworld import Miniworld

    world = Miniworld(split="test", size=SIZE, seed=seed, things=(2, 4))
    questions = {}
    for index in range(count):
        scene = world[index]
        path = folder / f"scene-{index + 1}.png"
        _save(Image.fromarray(scene.image), path, overwrite=overwrite)
        questions[path] = AskedNames(scene.names, tuple(scene.absent(ABSENT)))
    return questions


def _save(picture: Picture, path: Path, *, overwrite: bool) -> None:
    from lexiseg.io.output_file import open_output

    with open_output(path, overwrite=overwrite) as stream:
        picture.save(stream, format="PNG")


def _report(method: str, results: Sequence[Result], questions: Sequence[AskedNames]) -> None:
    """One line per picture, and how often the verdict on a name was right."""
    from lexiseg.cli.summary import summary

    right = total = 0
    for result, question in zip(results, questions, strict=True):
        console.tell(f"{method}: {summary(result)}")
        verdicts = result.presence.items()
        right += sum(entry.kept == (name in question.present) for name, entry in verdicts)
        total += len(question.names)
    console.tell(f"{method}: {right} of {total} verdicts right.")
