"""Which weights and settings are taken where none are named."""

from __future__ import annotations

from lexiseg.types import Method, Task

TOY_WORLD = "miniworld"
PUBLISHED = (
    *("voc21", "voc20", "context60", "context59", "pc459", "coco-object", "ade150", "ade847"),
    *("refcoco", "refcoco+", "refcocog", "gres", "ref-davis"),
)  # data sets that CaR and others were published on with settings of their own


def usual_preset(
    dataset: str | None = None, task: Task = "semantic", *, per_dataset: bool = True
) -> str:
    """The preset that is taken where none is named, in every verb.

    Miniworld goes with the bundled small models, which know nothing else. Some data sets that a
    semantic method is measured on have published settings of their own. All other pictures go with
    the published weights, as `lexiseg.load` does.

    Args:
        dataset: name in `lexiseg.registry.DATASETS`; None for pictures of one's own.
        task: what the method answers.
        per_dataset: whether its presets are called after data sets.

    Example:
        >>> usual_preset(), usual_preset("miniworld"), usual_preset("voc21")
        ('paper', 'mini', 'voc21')
    """
    if dataset is not None and dataset.startswith(TOY_WORLD):
        return "mini"
    own = per_dataset and dataset in PUBLISHED and task == "semantic"
    return str(dataset) if own else "paper"


def as_measured(method: Method) -> Method:
    """The method with the settings that it is measured with, except where others were chosen."""
    usual = getattr(method, "measured", {})
    return method.configured(**usual) if usual else method
