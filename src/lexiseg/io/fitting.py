"""Results against their pictures: sizes that disagree are mended or told, never written through."""

from __future__ import annotations

from dataclasses import replace

from lexiseg.errors import ImageError
from lexiseg.io.image import image_size, orientation_of, shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.samples import turn_upright
from lexiseg.types import Instances, Mask, Result

_SWAPS_SIDES = 5  # from this EXIF orientation on the picture lies on its side


def fit_to_picture(result: Result, context: ReadContext) -> Result:
    """A result whose size is that of its picture as `read_image` gives it.

    Some tools ignore the EXIF tag by which a camera says that it was turned, and annotate the
    picture lying on its side; such masks are turned. A picture that is not there, or may not be
    read, says nothing.

    Args:
        result: as a file states it.
        context: which pictures may be read; its report notes what was turned.

    Raises:
        EntryError: the picture has another size, as after it was resized.
    """
    size_hw = _size_of_picture(result, context)
    if size_hw is None or size_hw == result.size_hw:
        return result
    if result.path is not None and size_hw == result.size_hw[::-1]:
        orientation = orientation_of(result.path)
        if orientation >= _SWAPS_SIDES:
            context.report.note(
                f"{shown(result.path)} was annotated lying on its side; its masks were turned as "
                "its EXIF tag says."
            )
            return _turn(result, orientation)
    stated, real = (f"{width}x{height}" for height, width in (result.size_hw, size_hw))
    raise EntryError(
        "size disagrees with the picture", f"stated {stated}, but {result.path} is {real}"
    )


def _size_of_picture(result: Result, context: ReadContext) -> tuple[int, int] | None:
    if result.image is not None:
        return result.image.shape[0], result.image.shape[1]
    if result.path is None or not context.access.allows(result.path):
        return None
    try:
        return image_size(result.path)
    except ImageError:  # told by the writer that needs it
        return None


def _turn(result: Result, orientation: int) -> Result:
    def turned(mask: Mask) -> Mask:
        return Mask.from_array(turn_upright(mask.to_array(), orientation))

    items = tuple(replace(item, mask=turned(item.mask)) for item in result.instances)
    origin, size_hw = result.origin, result.size_hw[::-1]
    if origin and origin.void:
        origin = replace(origin, void=turned(origin.void))
    return replace(result, size_hw=size_hw, instances=Instances(items, size_hw), origin=origin)
