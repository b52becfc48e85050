"""Candidates straight from a running network of Mask2Former's kind.

Mask2Former, MaskFormer, OneFormer and EoMT of transformers all return ``class_queries_logits`` and
``masks_queries_logits``, with "no object" as the last class. Their own panoptic post-processing has
thresholds and steps of its own; the raw queries are taken here instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lexiseg.analysis.oracles.case import CandidateSet
from lexiseg.errors import UsageError
from lexiseg.methods.mask_proposals import FcClip, MaftPlus
from lexiseg.methods.mask_proposals.class_texts import read_names
from lexiseg.methods.mask_proposals.method import ProposalScene
from lexiseg.ops.mask_cost import scaled
from lexiseg.types import Vocabulary


class QueryOutput(Protocol):
    """What such a network returns for a batch of pictures."""

    @property
    def class_queries_logits(self) -> Tensor:
        """(B, Q, C + 1), no object last."""
        ...

    @property
    def masks_queries_logits(self) -> Tensor:
        """(B, Q, h, w)."""
        ...


def candidates_of(
    output: QueryOutput,
    picture: int = 0,
    *,
    columns: Sequence[int] | None = None,
    input_hw: tuple[int, int] | None = None,
    content_hw: tuple[int, int] | None = None,
) -> CandidateSet:
    """The candidates of one picture of a batch.

    Args:
        output: of the network.
        picture: place in the batch.
        columns: for each class of the truth the network's class; None where they are the same.
        input_hw: size of the input, padding included; only with `content_hw`.
        content_hw: size of the picture within the input, at its upper left; None where the picture
            fills it.

    Returns:
        Candidates whose masks cover the picture and nothing else.

    Raises:
        UsageError: only one of the sizes is given, or a column is none of the network's.
    """
    classes = output.class_queries_logits[picture].detach().float().cpu()
    masks = output.masks_queries_logits[picture].detach().float().cpu()
    if (input_hw is None) != (content_hw is None):
        raise UsageError("input_hw and content_hw belong together; give both or none.")
    if input_hw is not None and content_hw is not None:
        masks = scaled(masks, input_hw)[:, : content_hw[0], : content_hw[1]].contiguous()
    found = CandidateSet.from_logits(classes, masks)
    if columns is None:
        return found
    known = found.classes.shape[1]
    if odd := [column for column in columns if not 0 <= column < known]:
        raise UsageError(f"Column {odd[0]} is none of the network's {known} classes.")
    return CandidateSet(found.masks, found.classes[:, torch.tensor(list(columns))], found.void)


@torch.no_grad()
def candidates_of_scene(
    method: FcClip | MaftPlus, scene: ProposalScene, vocabulary: Vocabulary
) -> CandidateSet:
    """The candidates that FC-CLIP or MAFT+ decides among.

    Args:
        method: ``lexiseg.load("fc-clip")`` or ``"maft-plus"``.
        scene: of its `encode`.
        vocabulary: the classes of the truth, in the order of their numbers.
    """
    texts = read_names(vocabulary, method.model, method.config.templates)
    logarithms = method.log_probabilities(scene.proposals, texts).cpu()
    frame = scene.proposals.frame
    masks = scaled(scene.proposals.masks.cpu(), frame.frame_hw)
    height, width = frame.content_hw
    return CandidateSet.from_logits(logarithms, masks[:, :height, :width].contiguous())
