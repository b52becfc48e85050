"""What people draw or type while they label: the context of a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lexiseg.errors import UsageError
from lexiseg.io.reading import MALFORMED, finite_number

Entry = Mapping[str, object]
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DrawnPrompt:
    """Points and a box that describe one object, in pixels.

    Args:
        points: (x, y).
        inside: for each point whether it lies on the object.
        box: left, top, right, bottom.
        label: that was chosen while drawing.
    """

    points: tuple[Point, ...] = ()
    inside: tuple[bool, ...] = ()
    box: Box | None = None
    label: str | None = None


@dataclass(frozen=True)
class _Mark:
    """One key point or rectangle."""

    center: Point
    positive: bool
    box: Box | None
    label: str | None


def typed_text(context: Entry) -> str:
    """What was typed into a text field; "" if nothing."""
    texts: list[object] = []
    for entry in _entries(context):
        value = entry.get("value")
        typed = value.get("text") if isinstance(value, dict) else None
        texts += [typed] if isinstance(typed, str) else typed if isinstance(typed, list) else []
    return ", ".join(str(text).strip() for text in texts if str(text).strip())


def drawn_prompts(context: Entry, size_hw: tuple[int, int]) -> list[DrawnPrompt]:
    """The objects that key points and rectangles describe.

    Each rectangle is one object; key points go with the only rectangle, else with the one they
    lie in. Key points without a rectangle describe one object together.

    Args:
        context: of the request; places are percents of width and height.
        size_hw: of the picture.

    Raises:
        UsageError: a mark is malformed, or only points off the object are given.
    """
    marks = list(_marks(context, size_hw))
    boxes = [mark for mark in marks if mark.box]
    points = [mark for mark in marks if not mark.box]
    prompts = []
    for box in boxes:
        own = points if len(boxes) == 1 else [p for p in points if _inside(p.center, box.box)]
        points = [point for point in points if point not in own]
        prompts.append(_prompt(own, box))
    if any(point.positive for point in points):
        prompts.append(_prompt(points, None))
    elif points and not boxes:
        raise UsageError("Only points off the object were given; give one on it, too.")
    return prompts


def _prompt(points: list[_Mark], box: _Mark | None) -> DrawnPrompt:
    labels = [mark.label for mark in ([box] if box else []) + points if mark.label]
    return DrawnPrompt(
        tuple(point.center for point in points),
        tuple(point.positive for point in points),
        box.box if box else None,
        labels[0] if labels else None,
    )


def _marks(context: Entry, size_hw: tuple[int, int]) -> Iterator[_Mark]:
    for entry in _entries(context):
        value = entry.get("value")
        if not isinstance(value, dict) or "x" not in value:
            continue
        try:
            yield _mark(entry, value, size_hw)
        except MALFORMED as error:
            raise UsageError(f"A prompt cannot be read ({error}); draw it again.") from error


def _mark(entry: Entry, value: Entry, size_hw: tuple[int, int]) -> _Mark:
    height, width = (side / 100 for side in size_hw)
    x, y = finite_number(value["x"]) * width, finite_number(value["y"]) * height
    kind = str(entry.get("type", ""))
    names = value.get(kind)
    label = str(names[0]) if isinstance(names, list) and names else None
    if "height" not in value:  # a key point has a width only, that of its dot
        return _Mark((x, y), bool(entry.get("is_positive", True)), None, label)
    right = x + finite_number(value["width"]) * width
    bottom = y + finite_number(value["height"]) * height
    return _Mark(((x + right) / 2, (y + bottom) / 2), True, (x, y, right, bottom), label)


def _inside(point: Point, box: Box | None) -> bool:
    return box is not None and box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _entries(context: Entry) -> list[Entry]:
    result = context.get("result")
    return (
        [entry for entry in result if isinstance(entry, dict)] if isinstance(result, list) else []
    )
