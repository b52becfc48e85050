"""What the page shows, and what a file of ratings may hold."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.rating_page import rating_page, read_ratings
from lexiseg.io.reading import result_from_regions
from lexiseg.types import Instance, Mask


@pytest.fixture
def seen(tmp_path):
    """A grey picture whose right half is a cat and whose upper half is called like a script."""
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 960, 3), 200, np.uint8)).save(path)
    right, upper = np.zeros((2, 64, 960), bool)
    right[:, 480:], upper[:32] = True, True
    items = [
        Instance("cat", 0.5, Mask.from_array(right)),
        Instance("</script>", 0.5, Mask.from_array(upper)),
    ]
    return result_from_regions((64, 960), items, source="hand", path=path)


def items_of(page):
    return json.loads(re.search(r"(\[\{\"id\".*?\}\])", page)[1])


def test_each_segment_is_shown_bright_in_a_dimmed_picture(seen):
    page = rating_page([seen])
    cat, script = items_of(page)
    assert (cat["id"], cat["label"]) == ("grey.png#0", "cat")
    assert (script["id"], script["label"]) == ("grey.png#1", "</script>")
    kind, encoded = cat["picture"].split(",")
    assert kind == "data:image/jpeg;base64" and "__ITEMS__" not in page
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))).astype(int)
    assert shown.shape == (32, 480, 3)  # the longer side is halved
    assert abs(shown[:, :230] - 70).max() <= 4 and abs(shown[:, 250:] - 200).max() <= 4


def test_pictures_of_one_name_are_told_apart(seen):
    ids = [item["id"] for item in items_of(rating_page([seen, seen, replace(seen)]))]
    assert ids == [
        "grey.png#0", "grey.png#1", "grey.png (2)#0", "grey.png (2)#1", "grey.png (3)#0",
        "grey.png (3)#1",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no segment"):
        rating_page([])


def test_ratings_are_whole_numbers_from_0_to_3(tmp_path):
    path = tmp_path / "me.csv"
    path.write_text('item,rating\na.png#0,0\n"b,c.png#1",3\n')
    assert read_ratings(path) == {"a.png#0": 0, "b,c.png#1": 3}
    for wrong in ("item,rating\na,4\n", "item,rating\na,-1\n"):
        path.write_text(wrong)
        with pytest.raises(UsageError, match="outside 0 to 3"):
            read_ratings(path)
    for wrong in ("item,rating\na,x\n", "item,mark\na,1\n", "item,rating\na\n"):
        path.write_text(wrong)
        with pytest.raises(UsageError, match=r"me\.csv is not a file of ratings"):
            read_ratings(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_ratings(tmp_path / "none.csv")
