"""Key layouts of convolutional CLIPs: open_clip's, OpenAI's, and what other files carry beside."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# Buffers and sizes that some files carry beside the weights.
IGNORED = re.compile(r"attn_mask|input_resolution|context_length|vocab_size")
COUNTER = "num_batches_tracked"  # of batch normalizations; some files lack it, and nobody reads it


def to_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring a state dict of a convolutional CLIP to the keys of `ConvClipNetwork`.

    Args:
        state: key -> tensor, as open_clip or OpenAI saved it.

    Returns:
        The same without sizes and masks, and with a counter for every batch normalization.
    """
    kept = {key: tensor for key, tensor in state.items() if not IGNORED.fullmatch(key)}
    means = [key for key in kept if key.endswith(".running_mean")]
    counters = {key.replace("running_mean", COUNTER): torch.tensor(0) for key in means}
    return {**counters, **kept}
