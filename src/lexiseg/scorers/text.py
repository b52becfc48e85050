"""Class texts: every name through an ensemble of sentences (Radford et al. 2021, section 3.1.4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip import Clip
from lexiseg.models.siglip import Siglip

_DATA = json.loads(files(__package__).joinpath("templates.json").read_text(encoding="utf-8"))

IMAGENET_TEMPLATES: tuple[str, ...] = tuple(_DATA["imagenet"])
SCENE_TEMPLATES: tuple[str, ...] = IMAGENET_TEMPLATES + tuple(_DATA["scene"])


def embed_names(
    clip: Clip | Siglip, names: Sequence[str], templates: Sequence[str] = IMAGENET_TEMPLATES
) -> Tensor:
    """One text feature per name: unit features of its sentences, averaged, made unit again.

    Args:
        clip: whose text tower is asked; it remembers sentences.
        names: an empty name leaves a gap in each sentence, CLIP Surgery's text of nothing.
        templates: sentences with {} where the name goes.

    Returns:
        (len(names), E) float32 of unit length.
    """
    sentences = [template.replace("{}", name) for name in names for template in templates]
    features = F.normalize(clip.text_features(sentences), dim=-1)
    grouped = features.view(len(names), len(templates), features.shape[-1])
    return F.normalize(grouped.mean(dim=1), dim=-1)
