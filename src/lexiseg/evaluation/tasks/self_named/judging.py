"""What the judge of self-named segments can choose (section 4.1 of zero-guidance)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from lexiseg.datasets.class_list import ClassList
from lexiseg.errors import UsageError
from lexiseg.methods.zero_guidance import ZeroGuidance
from lexiseg.scorers.text import IMAGENET_TEMPLATES, embed_names


@dataclass(frozen=True)
class Judging:
    """How segments are moved onto classes; the defaults are the paper's.

    Attributes:
        templates: sentences around class names whose mean feature ST compares segments with: the
            "template" of the method's settings, CLIP's 80 for "imagenet", or your own with {}.
        candidates: "all" classes of the data set, or only those "present" in the picture's truth,
            as the released evaluator can do.
        ignore_unlabelled: leave out pixels without a class; otherwise they count against whoever
            claims them.

    Example:
        >>> Judging(candidates="present").changes
        "candidates = 'present'"
    """

    templates: Literal["template", "imagenet"] | tuple[str, ...] = "template"
    candidates: Literal["all", "present"] = "all"
    ignore_unlabelled: bool = False

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a template without {}, or none at all.
        """
        own = self.templates if isinstance(self.templates, tuple) else ("{}",)
        if not own or any("{}" not in template for template in own):
            raise UsageError("Option 'templates' needs sentences with {} where the class goes.")

    @property
    def changes(self) -> str:
        """What differs from the paper, for protocols."""
        return ", ".join(
            f"{field.name} = {getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )

    def features(self, method: ZeroGuidance, classes: ClassList) -> Tensor:
        """(C, E) float32 unit features of the class names."""
        if isinstance(self.templates, tuple):
            templates = self.templates
        elif self.templates == "imagenet":
            templates = IMAGENET_TEMPLATES
        else:
            templates = (method.config.template,)
        return embed_names(method.clip, classes.prompts, templates)


def only(similarities: Tensor, classes: list[int]) -> Tensor:
    """Similarities (S, C) in which no other class than these (1..C) is believed."""
    kept = torch.zeros(similarities.shape[1], dtype=torch.bool, device=similarities.device)
    kept[[number - 1 for number in classes]] = True
    return similarities.masked_fill(~kept, -1.0)
