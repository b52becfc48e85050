"""Key layouts in which BEiT-3 is published, brought to that of the network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from lexiseg.errors import CheckpointError

OWN = re.compile(r"(text_embed|vision_embed|encoder)\.")
# Where the network stands: in Microsoft's files, and inside EVF-SAM and what is built on it.
PREFIXES = ("beit3.", "mm_extractor.beit3.", "evf_sam2.mm_extractor.beit3.", "")


@dataclass(frozen=True)
class Layout:
    """A published file, sorted.

    Attributes:
        state: the network's tensors.
        ignored: beginnings of the keys that are not its own, such as the heads of a pre-training.
    """

    state: Mapping[str, Tensor]
    ignored: tuple[str, ...]


def read_layout(state: Mapping[str, Tensor], origin: str) -> Layout:
    """Take BEiT-3's tensors out of a published file.

    Args:
        state: of a ``beit3_*.pth`` file, an EVF-SAM or OpenWorldSAM checkpoint, or our own.
        origin: what to call it in messages.

    Raises:
        CheckpointError: there is no BEiT-3 in it.
    """
    for prefix in PREFIXES:
        if f"{prefix}text_embed.weight" not in state:
            continue
        taken = {
            key for key in state if key.startswith(prefix) and OWN.match(key.removeprefix(prefix))
        }
        others = {key.split(".")[0] for key in state if key not in taken}
        own = {key.removeprefix(prefix): state[key] for key in taken}
        return Layout(own, tuple(sorted(others)))
    starts = ", ".join(sorted({key.split(".")[0] for key in state})[:6])
    raise CheckpointError(
        f"{origin} holds no BEiT-3: its keys start with {starts}; expected a beit3_*.pth file, an "
        "EVF-SAM checkpoint or a folder that lexiseg wrote."
    )
