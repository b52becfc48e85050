"""Words that compete with the queries in the maps, so that background pixels go somewhere.

The three long lists are those of the paper's appendix D (Table 6 switches them), "released" is
that of the published configs (CLIP-ES's list for COCO), "clip-es-voc" CLIP-ES's for VOC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files

from lexiseg.methods.car.config import CarConfig
from lexiseg.types import rivals

_DATA = json.loads(files(__package__).joinpath("backgrounds.json").read_text(encoding="utf-8"))

BACKGROUND_LISTS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split()) for name, words in _DATA.items()
}


def background_words(entries: Iterable[str]) -> tuple[str, ...]:
    """Expand lists and drop repetitions.

    Args:
        entries: names of `BACKGROUND_LISTS` or words; "None" alone is the paper's stand-in for
            no background.

    Example:
        >>> background_words(["released", "couch"])[-2:]
        ('bridge', 'couch')
    """
    words = [word for entry in entries for word in BACKGROUND_LISTS.get(entry, (entry,))]
    return tuple(dict.fromkeys(words))


def competing_words(config: CarConfig, asked: Iterable[str]) -> tuple[str, ...]:
    """The configured words that compete with names; those asked for do not, unless as released.

    Args:
        config: the words, and whether asked ones are left out.
        asked: all texts that stand for names.
    """
    words = background_words(config.background)
    return rivals(words, asked) if config.procedure.drop_asked_background else words
