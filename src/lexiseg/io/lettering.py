"""Names on pictures: letter size, label boxes that keep clear of each other, legend strips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from lexiseg.io.fonts import Font, writable
from lexiseg.io.palette import Colour, shade, text_color_on

Box = tuple[int, int, int, int]

_INK: Colour = (40, 40, 44)
_FAINT: Colour = (120, 120, 126)


@dataclass(frozen=True)
class Label:
    """A line of text cut to fit, its font, and the size (width, height) of its box in pixels."""

    text: str
    font: Font
    size_wh: tuple[int, int]


@dataclass(frozen=True)
class Lettering:
    """Letters and lines that suit one picture size.

    Args:
        size: height of the letters in pixels.
        line_width: of outlines, in pixels.
    """

    size: int
    line_width: int

    @classmethod
    def for_picture(cls, size_hw: tuple[int, int], scale: float = 1.0) -> Lettering:
        """Readable at any size: letters a 32nd of the middle side length, at least 10 pixels."""
        side = (size_hw[0] * size_hw[1]) ** 0.5
        size = max(10, min(96, round(side / 32 * scale)))
        return cls(size, max(1, round(side / 450 * scale)))

    @property
    def padding(self) -> int:
        """Between letters and the edge of their box."""
        return max(2, self.size // 4)

    def fit(self, text: str, width: int, tail: str = "") -> Label:
        """One printable line no wider than a picture or some 40 letters; the tail is kept."""
        line = "".join(c if c.isprintable() else " " for c in text[:200]).strip() or "?"
        line, font = writable(line, self.size)
        room = min(width - 2 * self.padding, 22 * self.size) - font.getlength(tail)
        if len(text) > 200 or font.getlength(line) > room:
            line = _cut(line, font, room)
        line += tail
        height = round(self.size * 1.1) + self.padding
        return Label(line, font, (round(font.getlength(line)) + 2 * self.padding, height))

    def place(
        self,
        draw: ImageDraw.ImageDraw,
        label: Label,
        colour: Colour,
        spots: Sequence[tuple[int, int]],
        taken: Sequence[Box],
    ) -> Box:
        """Draw a label at the first free spot, or where it covers least of the others."""
        boxes = [_box_at(spot, label.size_wh, draw.im.size) for spot in spots]
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken))
        self._draw_label(draw, label, colour, best)
        return best

    def _draw_label(
        self, draw: ImageDraw.ImageDraw, label: Label, colour: Colour, box: Box
    ) -> None:
        left, top, right, bottom = box
        radius = self.size // 4
        ground = shade(colour, -0.1)
        draw.rounded_rectangle((left, top, right - 1, bottom - 1), radius, fill=ground)
        middle = ((left + right) / 2, (top + bottom) / 2)
        draw.text(middle, label.text, fill=text_color_on(ground), font=label.font, anchor="mm")

    def legend(
        self, found: Mapping[str, Colour], absent: Sequence[str], width: int, caution: str = ""
    ) -> Image.Image:
        """A white strip: a coloured box per name found, the names that are not there, a caution."""
        flow = _Flow(self, width)
        for name, colour in found.items():
            flow.add(name, colour)
        if absent:
            flow.add("not here:", None)
        for name in absent[:_MOST_ABSENT]:
            flow.add(name, None)
        if len(absent) > _MOST_ABSENT:
            flow.add(f"and {len(absent) - _MOST_ABSENT} more", None)
        for word in caution.split():
            flow.add(word, None)
        return flow.draw()


_MOST_ABSENT = 24


class _Flow:
    """Words set in lines like text."""

    def __init__(self, letters: Lettering, width: int) -> None:
        self._letters, self._width = letters, width
        self._gap = letters.size
        self._line_height = round(letters.size * 1.9)
        self._x, self._line = self._gap, 0
        self._words: list[tuple[int, int, Label, Colour | None]] = []

    def add(self, text: str, colour: Colour | None) -> None:
        swatch = round(self._letters.size * 1.3) if colour else 0
        label = self._letters.fit(text, self._width - 2 * self._gap - swatch)
        advance = swatch + label.size_wh[0] - 2 * self._letters.padding
        if self._x > self._gap and self._x + advance > self._width - self._gap:
            self._x, self._line = self._gap, self._line + 1
        self._words.append((self._x, self._line, label, colour))
        self._x += advance + self._gap

    def draw(self) -> Image.Image:
        lines = self._line + 1 if self._words else 0
        margin = self._letters.size // 2
        height = lines * self._line_height + 2 * margin if lines else 0
        strip = Image.new("RGB", (self._width, height), "white")
        draw = ImageDraw.Draw(strip)
        for x, line, label, colour in self._words:
            middle = margin + (line + 0.5) * self._line_height
            self._word(draw, (x, middle), label, colour)
        return strip

    def _word(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[float, float],
        label: Label,
        colour: Colour | None,
    ) -> None:
        x, middle = at
        size = self._letters.size
        if colour:
            box = (x, middle - size * 0.45, x + size * 0.9, middle + size * 0.45)
            draw.rounded_rectangle(box, size * 0.2, fill=colour)
            x += round(size * 1.3)
        ink = _INK if colour else _FAINT
        draw.text((x, middle), label.text, fill=ink, font=label.font, anchor="lm")


def _cut(line: str, font: Font, room: float) -> str:
    keep = len(line)
    while keep > 1 and font.getlength(line[:keep] + "…") > room:
        keep = min(keep - 1, int(keep * 0.9))
    return line[:keep].rstrip() + "…"


def _box_at(centre: tuple[int, int], size_wh: tuple[int, int], picture_wh: tuple[int, int]) -> Box:
    """A box around a centre, moved inside the picture."""
    left = max(0, min(centre[0] - size_wh[0] // 2, picture_wh[0] - size_wh[0]))
    top = max(0, min(centre[1] - size_wh[1] // 2, picture_wh[1] - size_wh[1]))
    return (left, top, left + size_wh[0], top + size_wh[1])


def _overlap(one: Box, other: Box) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)
