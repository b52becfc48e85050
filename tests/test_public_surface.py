from __future__ import annotations

import subprocess
import sys

import lexiseg
import lexiseg.types


def test_top_level_names_are_exact_and_sorted() -> None:
    expected = [
        "Instances",
        "Mask",
        "Recipe",
        "Result",
        "Vocabulary",
        "__version__",
        "errors",
        "load",
        "load_recipe",
        "read",
        "segment",
    ]
    assert lexiseg.__all__ == expected == sorted(lexiseg.__all__)
    assert all(hasattr(lexiseg, name) for name in expected)


def test_types_names_are_exact_and_sorted() -> None:
    names = lexiseg.types.__all__
    assert names == sorted(names)
    assert all(hasattr(lexiseg.types, name) for name in names)


def test_import_loads_no_network_and_no_models() -> None:
    code = (
        "import sys, lexiseg; print(sorted({'torch', 'transformers', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
