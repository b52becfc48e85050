"""How many answers about an image are judged: COCO's rules and LVIS's."""

from __future__ import annotations

from dataclasses import dataclass

from lexiseg.metrics import COCO_LIMIT, Found

__all__ = ["COCO_RULES", "LVIS_RULES", "Found", "InstanceRules"]


@dataclass(frozen=True)
class InstanceRules:
    """How many answers count.

    Args:
        per_class: best answers of a class per image; None for all.
        per_image: best answers of all classes per image; None for all.
        recall_limits: answers per class and image after which recall is reported, the last of
            which limits nothing more.
    """

    per_class: int | None
    per_image: int | None
    recall_limits: tuple[int, ...]


COCO_RULES = InstanceRules(COCO_LIMIT, per_image=None, recall_limits=(1, 10, COCO_LIMIT))
LVIS_RULES = InstanceRules(per_class=None, per_image=300, recall_limits=(300,))
