"""One batch as a picture: what would be asked, and what would be the right answer."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from lexiseg.io.contact_sheet import contact_sheet
from lexiseg.io.image import read_image
from lexiseg.io.overlay import OverlayStyle, draw_overlay
from lexiseg.training.openworldsam.batches import Asked
from lexiseg.types import Instance, Instances, Presence, PresenceTrace, Recipe, Result
from lexiseg.types.recipe import BY_HAND

COLUMNS = 4
STYLE = OverlayStyle(scores=False, legend=True, color_by="instance", enlarge_to=256)


def draw_batch(batch: Sequence[Asked]) -> Image.Image:
    """Every picture with the masks of its texts; absent names stand in the legend below.

    Args:
        batch: at least one picture.

    Raises:
        ImageError: a picture cannot be read.
    """
    return contact_sheet([draw_overlay(as_result(asked), STYLE) for asked in batch], COLUMNS)


def as_result(asked: Asked) -> Result:
    """What a method would answer that is right about everything."""
    example = asked.example
    regions = tuple(
        Instance(text, 1.0, mask)
        for text, masks in zip(asked.texts, asked.masks, strict=True)
        for mask in masks
    )
    verdicts = [
        Presence(text, float(bool(masks)), bool(masks), "as annotated")
        for text, masks in zip(asked.texts, asked.masks, strict=True)
    ]
    return Result(
        example.size_hw,
        tuple(dict.fromkeys(asked.texts)),
        Instances(regions, example.size_hw),
        PresenceTrace(verdicts),
        Recipe("annotation", BY_HAND),
        image=read_image(example.image),
    )
