"""The pre-norm residual transformer that both CLIP towers share (Radford et al. 2021, section 2.4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lexiseg.ops.attention import AttentionFn, plain

AttentionChoice = AttentionFn | Mapping[int, AttentionFn] | None


class QuickGELU(nn.Module):
    """The sigmoid approximation of GELU that OpenAI's CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {"quick_gelu": QuickGELU, "gelu": nn.GELU}


class Attention(nn.Module):
    """Weights of multi-head self-attention: packed query/key/value projection and output projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)


class Block(nn.Module):
    """One residual block: x + attention(ln_1(x)), then x + mlp(ln_2(x))."""

    def __init__(self, width: int, heads: int, hidden: int, activation: str = "quick_gelu", eps: float = 1e-5) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, hidden),
                gelu=ACTIVATIONS[activation](),
                c_proj=nn.Linear(hidden, width),
            )
        )

    def qkv(self, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project normed tokens (B, tokens, D) to query, key and value, each (B, heads, tokens, head_dim), unscaled."""
        batch, tokens, width = normed.shape
        packed = nn.functional.linear(normed, self.attn.in_proj_weight, self.attn.in_proj_bias)
        packed = packed.view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def attend(self, normed: Tensor, attention: AttentionFn | None = None) -> Tensor:
        """Run the attention branch on ln_1's output (B, tokens, D), without its residual."""
        mixed = (attention or plain)(*self.qkv(normed))
        return self.attn.out_proj(mixed.transpose(1, 2).reshape(normed.shape))

    def forward(self, x: Tensor, attention: AttentionFn | None = None) -> Tensor:
        x = x + self.attend(self.ln_1(x), attention)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """A stack of blocks that can be entered and left anywhere."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int, activation: str, eps: float) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, hidden, activation, eps) for _ in range(layers))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw starting weights as CLIP does: residual branches shrink with the square root of the depth."""
        for block in self.resblocks:
            width, hidden = block.attn.out_proj.in_features, block.mlp.c_fc.out_features
            residual_std = width**-0.5 * (2 * len(self.resblocks)) ** -0.5
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=residual_std)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=residual_std * (4 * width / hidden) ** 0.5)
            for bias in (block.attn.out_proj.bias, block.mlp.c_fc.bias, block.mlp.c_proj.bias):
                nn.init.zeros_(bias)

    def run(self, x: Tensor, start: int = 0, stop: int | None = None, attention: AttentionChoice = None) -> Tensor:
        """Pass tokens through resblocks[start:stop].

        Args:
            x: (B, tokens, D), the input of block `start`.
            start: first block to run.
            stop: block to stop before; None runs to the end.
            attention: None for plain attention, one function for all blocks, or a mapping from block index
                (0-based, counted from the first block of the tower) to function, plain elsewhere.

        Returns:
            (B, tokens, D), the input of block `stop`.
        """
        for index in range(len(self.resblocks))[start:stop]:
            chosen = attention.get(index) if isinstance(attention, Mapping) else attention
            x = self.resblocks[index](x, chosen)
        return x

    def forward(self, x: Tensor, attention: AttentionChoice = None) -> Tensor:
        return self.run(x, attention=attention)
