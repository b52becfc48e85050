"""Run the cells of a notebook and keep what they show.

    python -m scripts.run_notebook examples/first_steps.ipynb

Cells are plain Python: no magic, no shell. What a cell prints and the value of its last expression,
as a picture where it has one, become its outputs.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Output = Mapping[str, Any]


def run_notebook(path: Path) -> list[tuple[Mapping[str, Any], list[Output]]]:
    """Run all code cells in one namespace.

    Args:
        path: an .ipynb file of format 4.

    Returns:
        Each code cell with its new outputs; the cells themselves stay as they are.

    Raises:
        Exception: whatever a cell raised.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return [
        (cell, _run("".join(cell["source"]), names, number))
        for number, cell in enumerate(code, start=1)
    ]


def _run(source: str, names: dict[str, object], number: int) -> list[Output]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    outputs: list[Output] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        outputs.append(_shown(value, number))
    return outputs


def _shown(value: object, number: int) -> Output:
    """The value of a cell, as notebooks keep it."""
    draw = getattr(value, "_repr_png_", None)
    picture = draw() if draw else None
    text = f"<{type(value).__name__}>" if picture else repr(value)
    data: dict[str, object] = {"text/plain": [text]}
    if picture:
        data["image/png"] = base64.b64encode(picture).decode() + "\n"
    return {
        "output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data,
    }  # fmt: skip


def main() -> None:
    """Run a notebook and write its outputs into it."""
    path = Path(sys.argv[1])
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, (_, outputs)) in enumerate(zip(code, run_notebook(path), strict=True), 1):
        cell.update(execution_count=number, outputs=outputs)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
