"""Do what a page of the documentation says, in the folder one is in.

Blocks of `sh` and `python` are run in their order, those of `python` with the names of the ones
before; every command is one of lexiseg's. Blocks of other languages (`console`, `py`) are for the
reader alone: what needs a network, or weights that are not in the package.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from lexiseg.cli import console, main

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run_page(page: Path) -> int:
    """Run all blocks of a page.

    Args:
        page: a Markdown file.

    Returns:
        How many blocks there were.

    Raises:
        SystemExit: a command failed, or is none of lexiseg's.
        Exception: whatever Python code raised.
    """
    names: dict[str, object] = {}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    for language, text in blocks:
        if language == "python":
            exec(compile(text, str(page), "exec"), names)
        else:
            for words in commands(text):
                _run(words)
    return len(blocks)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command, comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def _run(words: list[str]) -> None:
    program, *arguments = words
    if program != "lexiseg":
        raise SystemExit(f"{shlex.join(words)!r} is no command of lexiseg; write it as `console`.")
    try:
        main(arguments)
    except SystemExit as done:
        if done.code:
            raise SystemExit(f"{shlex.join(words)!r} ended with {done.code}.") from done
    finally:
        console.state.quiet = False
