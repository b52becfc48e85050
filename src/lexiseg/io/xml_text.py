"""Which texts an XML file can hold."""

from __future__ import annotations

import re

_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fits_xml(text: str) -> bool:
    """Whether all characters of a text are such of XML 1.0 (section 2.2).

    Example:
        >>> fits_xml("red <car>"), fits_xml("bell \\a")
        (True, False)
    """
    return _NO_CHARACTER.search(text) is None
