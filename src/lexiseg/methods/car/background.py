"""Words that compete with the queries in the maps, so that background pixels go somewhere.

The three long lists are those of the paper's appendix D (Table 6 switches them), "released" is
that of the published configs (CLIP-ES's list for COCO), "clip-es-voc" CLIP-ES's for VOC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files

_DATA = json.loads(files(__package__).joinpath("backgrounds.json").read_text(encoding="utf-8"))

BACKGROUND_LISTS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split()) for name, words in _DATA.items()
}


def background_words(entries: Iterable[str], dropped: Iterable[str] = ()) -> tuple[str, ...]:
    """Expand lists and drop repetitions.

    Args:
        entries: names of `BACKGROUND_LISTS` or words; "None" alone is the paper's stand-in for
            no background.
        dropped: words to leave out, in any case.

    Example:
        >>> background_words(["released", "couch"], dropped=["Sky"])[-2:]
        ('bridge', 'couch')
    """
    words = [word for entry in entries for word in BACKGROUND_LISTS.get(entry, (entry,))]
    left_out = {word.casefold() for word in dropped}
    return tuple(word for word in dict.fromkeys(words) if word.casefold() not in left_out)
