"""The CLIP pair as one module whose state dict is OpenAI's layout, key for key."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lexiseg.models.clip.text import TextConfig, TextTower
from lexiseg.models.clip.vision import PLAIN_POSITIONS, PositionTable, VisionConfig, VisionTower

# In OpenAI's layout the parts of the text tower stand at the root, beside `visual`.
TEXT_PARTS = frozenset(
    {"token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection"}
)


class TwoTowers(nn.Module):
    """Image tower, text tower and temperature.

    Keys of `state_dict()` are `visual.*`, `token_embedding.weight`, `positional_embedding`,
    `transformer.*`, `ln_final.*`, `text_projection` and `logit_scale`.

    Args:
        visual: maps pixels (B, 3, H, W) to (B, E).
        text: maps ids (N, context) to (N, E).
    """

    def __init__(self, visual: nn.Module, text: TextTower) -> None:
        super().__init__()
        self.visual = visual
        self.text = text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.register_state_dict_post_hook(_lift_text_keys)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_sink_text_keys)  # type: ignore[no-untyped-call]

    def forward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Scaled cosines (B, N), float32, of images (B, 3, H, W) and texts (N, context)."""
        images = nn.functional.normalize(self.visual(pixels).float(), dim=-1)
        texts = nn.functional.normalize(self.text(ids).float(), dim=-1)
        return self.logit_scale.float().exp() * images @ texts.T


class ClipNetwork(TwoTowers):
    """A CLIP with a vision transformer.

    Example:
        >>> vision = VisionConfig(32, layers=2, heads=2, patch_size=8, image_size=32, embed_dim=16)
        >>> text = TextConfig(24, layers=2, heads=2, context=20, vocabulary=99, embed_dim=16)
        >>> network = ClipNetwork(vision, text)
        >>> network(torch.zeros(2, 3, 32, 32), torch.ones(5, 20, dtype=torch.long)).shape
        torch.Size([2, 5])
    """

    visual: VisionTower

    def __init__(
        self, vision: VisionConfig, text: TextConfig, position: PositionTable = PLAIN_POSITIONS
    ) -> None:
        super().__init__(VisionTower(vision, position), TextTower(text))


def _lift_text_keys(module: nn.Module, state: dict[str, object], prefix: str, *_: object) -> None:
    """Move `text.x` to `x` after saving."""
    inner = prefix + "text."
    for key in [key for key in state if key.startswith(inner)]:
        state[prefix + key.removeprefix(inner)] = state.pop(key)


def _sink_text_keys(module: nn.Module, state: dict[str, object], prefix: str, *_: object) -> None:
    """Move `x` to `text.x` before loading."""
    for key in list(state):
        if key.startswith(prefix) and key.removeprefix(prefix).split(".")[0] in TEXT_PARTS:
            state[prefix + "text." + key.removeprefix(prefix)] = state.pop(key)
