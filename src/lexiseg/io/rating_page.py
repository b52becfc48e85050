"""A page on which people rate labels, in one file without a server.

The scale is that of Appendix F of Rewatbowornwong et al. (ICCV 2023): 0 incorrect, 1 partially
correct, 2 correct but too general or too specific, 3 correct.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.image import image_of, shown
from lexiseg.types import Instance, Result

SIDE = 480  # pixels of the longer side of a picture on the page
VEIL = 0.35  # brightness of what is not the segment
LEVELS = 4


def rating_page(results: Iterable[Result]) -> str:
    """One HTML page with an item per segment: the picture, dimmed outside of it, and its label.

    Args:
        results: of ``lexiseg label``, with their pictures where they were.

    Raises:
        UsageError: there is no segment to rate.
        ImageError: a picture is gone.
    """
    items = [
        {
            "id": f"{name}#{number}",
            "label": item.label,
            "picture": _picture(result, item),
        }
        for name, result in _with_names(results)
        for number, item in enumerate(result.instances)
    ]
    if not items:
        raise UsageError("There is no segment to rate.")
    text = json.dumps(items).replace("<", "\\u003c")  # a label may not end the script
    template = (files("lexiseg.io") / "rating_page.html").read_text(encoding="utf-8")
    return template.replace("__ITEMS__", text)


def _with_names(results: Iterable[Result]) -> Iterator[tuple[str, Result]]:
    """Each result with a name of its own; pictures of two runs or folders may be called alike."""
    times = Counter[str]()
    for result in results:
        name = result.path.name if result.path else "image"
        times[name] += 1
        yield (f"{name} ({times[name]})" if times[name] > 1 else name), result


def _picture(result: Result, item: Instance) -> str:
    pixels, inside = image_of(result), item.mask.to_array()[..., None]
    dimmed = np.where(inside, pixels, (pixels * VEIL).astype(np.uint8))
    photo = Image.fromarray(dimmed)
    photo.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    photo.save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def read_ratings(path: Path) -> dict[str, int]:
    """Item -> rating of one person's file, as the page writes it.

    Raises:
        UsageError: the file is absent or not such a file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        ratings = {row["item"]: int(row["rating"]) for row in rows}
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{shown(path)} is not a file of ratings as the page saves it.") from error
    if any(not 0 <= value < LEVELS for value in ratings.values()):
        raise UsageError(f"{shown(path)} has a rating outside 0 to {LEVELS - 1}.")
    return ratings
