"""The pre-norm residual transformer of both CLIP towers (Radford et al. 2021, section 2.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.ops.attention import AttentionFn, plain

AttentionChoice: TypeAlias = AttentionFn | Mapping[int, AttentionFn] | None


class QuickGELU(nn.Module):
    """The sigmoid approximation of GELU that OpenAI's CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """Weigh every element by the sigmoid of 1.702 times itself."""
        return x * torch.sigmoid(1.702 * x)

    def overwrite(self, x: Tensor) -> Tensor:
        """The same in the memory of `x`; fetching new memory would cost more than the maths."""
        return F.silu(x.mul_(1.702), inplace=True).mul_(1 / 1.702)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {"quick_gelu": QuickGELU, "gelu": nn.GELU}


class Attention(nn.Module):
    """Weights of multi-head self-attention: packed query/key/value and output projections."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)


class Mlp(nn.Module):
    """Two linear layers with a non-linearity between."""

    def __init__(self, width: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, hidden)
        self.gelu = ACTIVATIONS[activation]()
        self.c_proj = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        hidden = self.c_fc(x)
        if isinstance(self.gelu, QuickGELU) and not torch.is_grad_enabled():
            active = self.gelu.overwrite(hidden)
        else:
            active = self.gelu(hidden)
        return cast(Tensor, self.c_proj(active))


class Block(nn.Module):
    """One residual block: x + attention(ln_1(x)), then x + mlp(ln_2(x))."""

    def __init__(
        self, width: int, heads: int, hidden: int, activation: str = "quick_gelu", eps: float = 1e-5
    ) -> None:
        super().__init__()
        if width % heads:
            raise UsageError(f"A width of {width} cannot be split into {heads} equal heads.")
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, hidden, activation)

    def reset_parameters(self, depth: int) -> None:
        """Draw starting weights as CLIP does; `depth` blocks share the residual stream."""
        hidden, width = self.mlp.c_fc.weight.shape
        residual = width**-0.5 * (2 * depth) ** -0.5
        nn.init.normal_(self.attn.in_proj_weight, std=width**-0.5)
        nn.init.normal_(self.attn.out_proj.weight, std=residual)
        nn.init.normal_(self.mlp.c_fc.weight, std=(2 * width) ** -0.5)
        nn.init.normal_(self.mlp.c_proj.weight, std=residual * (4 * width / hidden) ** 0.5)
        for layer in (self.attn.out_proj, self.mlp.c_fc, self.mlp.c_proj):
            nn.init.zeros_(layer.bias)

    def qkv(self, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project normed tokens to query, key and value.

        Args:
            normed: (B, tokens, D), the output of ln_1.

        Returns:
            Three tensors (B, heads, tokens, head_dim), unscaled.
        """
        batch, tokens, width = normed.shape
        packed = F.linear(normed, self.attn.in_proj_weight, self.attn.in_proj_bias)
        packed = packed.view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def attend(self, normed: Tensor, attention: AttentionFn | None = None) -> Tensor:
        """Run the attention branch on ln_1's output (B, tokens, D), without its residual."""
        return self.merge_heads((attention or plain)(*self.qkv(normed)))

    def merge_heads(self, mixed: Tensor) -> Tensor:
        """Join what the heads mixed, (B, heads, tokens, head_dim), into (B, tokens, D)."""
        return cast(Tensor, self.attn.out_proj(mixed.transpose(1, 2).flatten(2)))

    def forward(self, x: Tensor, attention: AttentionFn | None = None) -> Tensor:
        """Pass tokens (B, tokens, D) through both residual branches."""
        x = x + self.attend(self.ln_1(x), attention)
        return x + cast(Tensor, self.mlp(self.ln_2(x)))


class Blocks(nn.ModuleList):
    """A list of blocks, typed."""

    def __iter__(self) -> Iterator[Block]:
        return cast(Iterator[Block], super().__iter__())

    def __getitem__(self, index: int) -> Block:  # type: ignore[override]
        return cast(Block, super().__getitem__(index))


class Transformer(nn.Module):
    """A stack of blocks that can be entered and left anywhere."""

    def __init__(
        self, layers: int, width: int, heads: int, hidden: int, activation: str, eps: float
    ) -> None:
        super().__init__()
        stack = (Block(width, heads, hidden, activation, eps) for _ in range(layers))
        self.resblocks = Blocks(stack)
        for block in self.resblocks:
            block.reset_parameters(layers)

    def run(
        self, x: Tensor, start: int = 0, stop: int | None = None, attention: AttentionChoice = None
    ) -> Tensor:
        """Pass tokens through resblocks[start:stop].

        Args:
            x: (B, tokens, D), the input of block `start`.
            start: first block to run.
            stop: block to stop before; None runs to the end.
            attention: None for plain attention, one function for all blocks, or a mapping from
                block index (0-based, of the whole tower) to function, plain elsewhere.

        Returns:
            (B, tokens, D), the input of block `stop`.
        """
        for index in range(len(self.resblocks))[start:stop]:
            chosen = attention.get(index) if isinstance(attention, Mapping) else attention
            x = self.resblocks[index](x, chosen)
        return x

    def forward(self, x: Tensor, attention: AttentionChoice = None) -> Tensor:
        """Pass tokens through all blocks."""
        return self.run(x, attention=attention)
