"""What every captioner asks of the embeddings it is given."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.clip import Clip


def unit_rows(embeddings: Tensor, clip: Clip) -> Tensor:
    """Embeddings (K, D) of unit length in float32, on CLIP's device.

    Raises:
        UsageError: not a matrix, or not of this CLIP's width.
    """
    width = clip.visual.config.embed_dim
    if embeddings.ndim != 2 or embeddings.shape[1] != width:
        raise UsageError(
            f"Embeddings have the shape {tuple(embeddings.shape)}; {clip.name} makes and "
            f"understands (segments, {width})."
        )
    return F.normalize(embeddings.detach().to(clip.device).float(), dim=-1)
