"""How the reference of the documentation site reads our docstrings; named in `mkdocs.yml`."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)


class Examples(Extension):
    """Griffe knows the section "Examples"; ours, of one example each, are called "Example"."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rename the section."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
