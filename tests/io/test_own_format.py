"""The example of docs/formats.md: a reader and a writer from outside the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lexiseg
from lexiseg.io.convert import convert
from lexiseg.registry import READERS, WRITERS

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def test_the_reader_and_the_writer_of_the_page_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[-1]
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    for registry, name in ((READERS, "BOXES"), (WRITERS, "write_names")):
        monkeypatch.setattr(registry, "_targets", {**registry._targets, "mine": names[name]})
    source = tmp_path / "a.boxes"
    source.write_text("a.png 16 20 cat 2 2 6 6\nb.png 16 20 dog 1\nc.png 16 20 dog 0 0 1 1\n")
    reading = lexiseg.read(source)
    assert [result.instances[0].mask.area for result in reading] == [36, 1]
    assert [skip.entry for skip in reading.report.skips] == ["line 2"]
    (path,) = convert(source, "mine", tmp_path / "out").paths
    assert path.read_text() == "a.png: cat\nc.png: dog\n"
