"""Which font can write a name: Pillow's own, else one of the system's, else characters spelled out.

Pillow brings letters for plain English only, so names of other languages are written with a font
that the system has. Characters that no font here can write are spelled out, so that two names
never look the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

from PIL import ImageFont

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

# Files as they are called on Linux, macOS and Windows; wide coverage first.
_SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "FreeSans.ttf"),
    *("Arial.ttf", "arial.ttf", "Arial Unicode.ttf", "segoeui.ttf", "tahoma.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "wqy-zenhei.ttc", "wqy-microhei.ttc"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "AppleGothic.ttf"),
    *("msyh.ttc", "YuGothM.ttc", "msgothic.ttc", "malgun.ttf", "simsun.ttc"),
    *("NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "GeezaPro.ttc"),
    *("NotoSansDevanagari-Regular.ttf", "Nirmala.ttf", "Nirmala.ttc", "Kohinoor.ttc"),
    *("NotoSansThai-Regular.ttf", "Thonburi.ttc", "leelawui.ttf"),
    *("NotoEmoji-Regular.ttf", "Symbola.ttf", "seguiemj.ttf", "seguisym.ttf"),
)
_NO_CHARACTER = "\U0010fffd"  # a private one: every font shows its sign for the unknown


def default_font(size: int) -> Font:
    """Pillow's own font with letters of that height in pixels."""
    return ImageFont.load_default(size)


def writable(text: str, size: int) -> tuple[str, Font]:
    """A text as it can be written here, and the font that writes it.

    Args:
        text: one printable line.
        size: height of the letters in pixels.

    Returns:
        The text with what no font can write spelled out, and a Pillow font: the default one if
        it has every character, else the one with the fewest missing.

    Example:
        >>> writable("red car", 12)[0]
        'red car'
    """
    best: Font
    best, missing = default_font(size), _missing(text, None)
    if not missing:
        return text, best
    for name in _present_fonts():
        lacking = _missing(text, name)
        if len(lacking) < len(missing):
            best, missing = ImageFont.truetype(name, size), lacking
        if not missing:
            break
    return "".join(spell(c) if c in missing else c for c in text), best


def spell(character: str) -> str:
    """A pictograph by its name, anything else by its number in Unicode.

    Example:
        >>> spell("\N{DOG}"), spell("\N{CJK UNIFIED IDEOGRAPH-72D7}")
        ('[dog]', '[72D7]')
    """
    pictograph = unicodedata.category(character) == "So"
    name = unicodedata.name(character, "").lower() if pictograph else ""
    return f"[{name or format(ord(character), '04X')}]"


def _missing(text: str, font: str | None) -> frozenset[str]:
    visible = (c for c in text if not c.isspace() and unicodedata.category(c)[0] != "M")
    return frozenset(c for c in visible if not _has(font, c))


@cache
def _present_fonts() -> tuple[str, ...]:
    return tuple(_installed())


def _installed() -> Iterator[str]:
    for name in _SYSTEM_FONTS:
        try:
            ImageFont.truetype(name, 12)
        except OSError:
            continue
        yield name


@cache
def _font_12(font: str | None) -> Font:
    return ImageFont.truetype(font, 12) if font else default_font(12)


@cache
def _has(font: str | None, character: str) -> bool:
    """True unless the font draws its sign for the unknown."""
    return _drawn(font, character) != _drawn(font, _NO_CHARACTER)


@cache
def _drawn(font: str | None, character: str) -> tuple[tuple[int, int], bytes]:
    mask = _font_12(font).getmask(character)
    return mask.size, bytes(mask)
