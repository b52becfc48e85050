"""Names in any script can be told apart on a picture, whatever fonts the machine has."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lexiseg.io import fonts
from lexiseg.io.fonts import spell, writable

NAMES = ["狗", "猫", "كلب", "кот", "čáp", "🐕", "🐈", "𓃠"]


def drawn(text: str) -> bytes:
    line, font = writable(text, 20)
    page = Image.new("L", (260, 40))
    ImageDraw.Draw(page).text((2, 2), line, fill=255, font=font)
    assert np.asarray(page).any()
    return page.tobytes()


@pytest.fixture(params=["fonts of this machine", "no fonts"])
def machine(request, monkeypatch):
    if request.param == "no fonts":
        monkeypatch.setattr(fonts, "_present_fonts", lambda: ())


def test_different_names_look_different(machine):
    assert len({drawn(name) for name in NAMES}) == len(NAMES)


def test_plain_names_keep_their_letters_and_font(machine):
    line, font = writable("red car 7", 20)
    assert line == "red car 7" and font.getname() == fonts.default_font(20).getname()


def test_without_fonts_characters_are_spelled(monkeypatch):
    monkeypatch.setattr(fonts, "_present_fonts", lambda: ())
    assert writable("🐕 dog 狗", 12)[0] == "[dog] dog [72D7]"


def test_pictographs_have_names_and_letters_numbers():
    assert spell("🐈") == "[cat]" and spell("犬") == "[72AC]"


def test_invisible_marks_are_not_spelled(monkeypatch):
    monkeypatch.setattr(fonts, "_present_fonts", lambda: ())
    assert "FE0F" not in writable("heart \u2764\ufe0f", 12)[0]
