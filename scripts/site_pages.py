"""What the documentation site has beside the files of `docs`: pages that live elsewhere, once.

A hook of MkDocs, named in `mkdocs.yml`. Pages of methods lie beside their code, and links of every
page are those of the repository; where a link leads to a page of the site it stays there, else it
leads to the repository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

ROOT = Path(__file__).resolve().parents[1]
# Page of the site: its file in the repository.
ELSEWHERE = {
    "systems/car.md": "src/lexiseg/methods/car/README.md",
    "systems/tides.md": "src/lexiseg/methods/tides/README.md",
    "systems/zero-guidance.md": "src/lexiseg/methods/zero_guidance/README.md",
    "systems/openworldsam.md": "src/lexiseg/methods/openworldsam/README.md",
    "systems/fc-clip.md": "src/lexiseg/methods/mask_proposals/README.md",
    "systems/dense.md": "src/lexiseg/methods/dense/README.md",
    "systems/baselines.md": "src/lexiseg/methods/baselines/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
COMMANDS = "reference/commands.md"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose files lie elsewhere, and the one of all commands."""
    texts = {page: (ROOT / path).read_text(encoding="utf-8") for page, path in ELSEWHERE.items()}
    for page, text in {**texts, COMMANDS: commands_page()}.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the repository into those of the site."""
    place = page.file.src_uri
    own = ELSEWHERE.get(place, f"docs/{place}")
    return LINK.sub(lambda link: _target(link[1], own, place, config) + (link[2] or ""), markdown)


def _target(link: str, own: str, place: str, config: MkDocsConfig) -> str:
    """Where a link of the repository's file `own` leads from the site's page `place`."""
    path = os.path.normpath(PurePosixPath(own).parent / link).replace(os.sep, "/")
    pages = {source: page for page, source in ELSEWHERE.items()}
    if path in pages or path.startswith("docs/"):
        target = pages.get(path, path.removeprefix("docs/"))
        return os.path.relpath(target, PurePosixPath(place).parent).replace(os.sep, "/")
    if (ROOT / path).exists():
        return f"{config.extra['repository']}/blob/main/{path}"
    return link  # MkDocs will say that it leads nowhere


def commands_page() -> str:
    """All verbs of the command line with their options, from the program itself."""
    from lexiseg.cli.app import app

    program = typer.main.get_command(app)
    context = typer.Context(program, info_name="lexiseg")
    return "\n".join(["# Commands", "", *_describe(program, context, "lexiseg", 1)])


def _describe(command: object, context: typer.Context, name: str, level: int) -> Iterator[str]:
    assert isinstance(command, TyperCommand | TyperGroup)
    if level > 1:
        yield f"{'#' * level} {name}\n"
    yield from (_paragraph(part) for part in (command.help or "").split("\n\n"))
    rows = [row for row in (_row(option, context) for option in command.get_params(context)) if row]
    yield from ("| | |", "| --- | --- |", *rows, "")
    for verb in command.commands.values() if isinstance(command, TyperGroup) else ():
        inner = typer.Context(verb, info_name=verb.name, parent=context)
        yield from _describe(verb, inner, f"{name} {verb.name}", min(level + 1, 3))


def _paragraph(text: str) -> str:
    """Prose, or the command of an example."""
    line = " ".join(text.split())
    example = line.removeprefix("Example: ")
    return f"{line}\n" if example == line else f"```sh\n{example}\n```\n"


def _row(option: object, context: typer.Context) -> str:
    """An option and what it means, as a row of a table; --help goes without saying."""
    if not isinstance(option, TyperOption | TyperArgument):
        return ""
    record = option.get_help_record(context)
    if record is None:
        return ""
    names, meaning = (" ".join(part.split()).replace("|", "\\|") for part in record)
    return f"| `{names}` | {meaning} |"
