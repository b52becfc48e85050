"""From a vocabulary to queries: which wording stands for a name, and which names to ask about.

Both are decided once per image from its global similarity to the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.scene import Scene
from lexiseg.types import Vocabulary


def choose_wordings(
    scene: Scene, vocabulary: Vocabulary, generator: ProposalGenerator
) -> tuple[str, ...]:
    """One wording per name: of several, the one the image as a whole resembles most.

    The similarity is the logit that also drives the maps. Aliases thus compete as one class and
    never against each other.
    """
    if all(len(wordings) == 1 for wordings in vocabulary.wordings):
        return tuple(wordings[0] for wordings in vocabulary.wordings)
    texts = [wording for wordings in vocabulary.wordings for wording in wordings]
    embeddings = generator.text_embeddings(texts, generator.template(0))
    similarity = embeddings @ F.normalize(scene.last_block.embedding, dim=0)
    groups = torch.split(similarity.cpu(), [len(texts) for texts in vocabulary.wordings])
    return tuple(
        wordings[int(group.argmax())]
        for wordings, group in zip(vocabulary.wordings, groups, strict=True)
    )


def global_shortfall(scene: Scene, queries: Sequence[str], generator: ProposalGenerator) -> Tensor:
    """How far each query's plain CLIP logit for the whole image lies below the best, (N,) >= 0."""
    template = generator.config.templates[0]
    embeddings = generator.text_embeddings(queries, template)
    similarity = embeddings @ F.normalize(scene.global_embedding, dim=0)
    shortfall: Tensor = generator.clip.logit_scale * (similarity.max() - similarity)
    return shortfall.cpu()


def prefilter(
    scene: Scene, queries: Sequence[str], generator: ProposalGenerator
) -> tuple[list[int], dict[int, str]]:
    """Leave out names that are far from the image as a whole, if the config says so.

    Returns:
        Positions to ask about, and for each other position the reason.
    """
    margin = generator.config.prefilter
    if margin is None:
        return list(range(len(queries))), {}
    with torch.no_grad():
        shortfall = global_shortfall(scene, queries, generator).tolist()
    asked = [position for position, gap in enumerate(shortfall) if gap <= margin]
    reasons = {
        position: f"left out by the prefilter: {gap:.1f} below the best name, margin {margin:.1f}"
        for position, gap in enumerate(shortfall)
        if gap > margin
    }
    return asked, reasons
