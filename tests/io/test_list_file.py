from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lexiseg.io.list_file import entry_path, list_entry

NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1).map(
    lambda text: Path(text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))
)


@given(NAMES)
def test_any_path_comes_back_from_its_line(path: Path) -> None:
    line = list_entry(path)
    line.encode()
    assert len(line.splitlines()) == 1 and entry_path(line) == path


def test_plain_lists_stay_plain() -> None:
    assert list_entry(Path("photos/a b.jpg")) == str(Path("photos/a b.jpg"))
    assert entry_path("  # a comment") is None and entry_path(" ") is None
    assert entry_path('"odd.jpg') == Path('"odd.jpg')
