"""The names that the small models are trained on, kept beside their weights.

    python -m lexiseg.training.mini.names

writes ``weights_mini/names.json``, which `lexiseg.models.bundled.bundled_names` reads.
"""

from __future__ import annotations

import json

from lexiseg.datasets.miniworld.sprites import thing_names
from lexiseg.datasets.miniworld.stuff import all_stuff
from lexiseg.models.bundled import names_file


def file_text() -> str:
    """The content of the data file."""
    names = {"things": thing_names(), "stuff": tuple(all_stuff())}
    return json.dumps(names, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    names_file().write_text(file_text(), encoding="utf-8")
