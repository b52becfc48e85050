"""Tests mirror the tree, so that a module's tests are found by its path.

``tests/a/b/test_c.py`` is about ``src/lexiseg/a/b/c.py`` or the package of that name, and
``tests/benchmarks/test_c.py`` about ``benchmarks/c.py``. Beside them stand the tests of no single
module: those at the top, of the project as a whole; `contracts`, of all members of a registry;
`fuzz`, of all readers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
OF_NO_MODULE = {"contracts", "fuzz"}


def mirrored(test: Path) -> list[Path]:
    """Where the module of a test, given below tests/, may lie."""
    home = ROOT if test.parts[0] == "benchmarks" else ROOT / "src/lexiseg"
    name = test.stem.removeprefix("test_")
    return [home / test.parent / f"{name}.py", home / test.parent / name / "__init__.py"]


def paths_below_rooms() -> list[Path]:
    paths = (path.relative_to(TESTS) for path in sorted(TESTS.rglob("test_*.py")))
    return [path for path in paths if len(path.parts) > 1 and path.parts[0] not in OF_NO_MODULE]


@pytest.mark.parametrize("test", paths_below_rooms(), ids=str)
def test_every_test_names_the_module_it_is_about(test: Path) -> None:
    assert any(path.is_file() for path in mirrored(test)), mirrored(test)


def test_a_name_of_no_module_would_be_caught() -> None:
    assert any(path.is_file() for path in mirrored(Path("ops/test_crf.py")))
    assert not any(path.is_file() for path in mirrored(Path("ops/test_crfs.py")))
    assert not any(path.is_file() for path in mirrored(Path("io/test_crf.py")))
