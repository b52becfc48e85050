"""GPT-2's network (Radford et al. 2019) with its keys and values as one tensor.

Transformers' blocks do the work; keys and values go in and come out as a plain tensor
(layers, 2, rows, heads, tokens, head_dim), K at index 0 and V at 1, so that a caller can select
rows of it, add to it and differentiate by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.errors import CheckpointError
from lexiseg.models.weights import empty_weights, load_strictly

if TYPE_CHECKING:  # transformers' language models load torch's compiler, which takes seconds
    from transformers import DynamicCache, GPT2Config, GPT2Model

# Constant causal masks that old checkpoints carry beside the weights.
MASKS = (".attn.bias", ".attn.masked_bias")


class _ReadLayer(Protocol):
    """What a layer keeps once tokens went through it."""

    keys: Tensor
    values: Tensor


class Gpt2Network(nn.Module):
    """The blocks and the output head, frozen.

    Args:
        blocks: transformers' GPT-2 without a head.
        head: (V, D) rows that turn hidden states into logits; None for the token embeddings.

    Example:
        >>> from transformers import GPT2Config, GPT2Model
        >>> sizes = {"vocab_size": 90, "n_embd": 8, "n_layer": 2, "n_head": 2}
        >>> config = GPT2Config(**sizes, bos_token_id=None, eos_token_id=None)
        >>> network = Gpt2Network(GPT2Model(config))
        >>> logits, context = network.extend(torch.tensor([[1, 2, 3]]))
        >>> logits.shape, context.shape
        (torch.Size([1, 90]), torch.Size([2, 2, 1, 2, 3, 4]))
    """

    def __init__(self, blocks: GPT2Model, head: Tensor | None = None) -> None:
        super().__init__()
        self.head: Tensor | None
        self.blocks = blocks
        self.register_buffer("head", head)
        self.eval().requires_grad_(False)

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        config: GPT2Config | None = None,
        *,
        heads: int | None = None,
        origin: str = "the state dict",
        dtype: torch.dtype = torch.float32,
    ) -> Gpt2Network:
        """Build from tensors in the published layout, with or without "transformer." before keys.

        Args:
            state: linear weights are stored (in, out).
            config: sizes; None reads them from the shapes, and then `heads` must be given.
            heads: of every layer.
            origin: what to call the tensors in messages.
            dtype: precision to compute in.

        Raises:
            CheckpointError: keys or shapes do not fit.
        """
        from transformers import GPT2Model

        own = {key.removeprefix("transformer."): tensor for key, tensor in state.items()}
        own = {key: tensor for key, tensor in own.items() if not key.endswith(MASKS)}
        head = own.pop("lm_head.weight", None)
        with empty_weights():
            blocks = GPT2Model(config or infer_config(own, heads, origin))
        load_strictly(blocks, own, origin, dtype)
        return cls(blocks, None if head is None else head.to(dtype))

    @property
    def config(self) -> GPT2Config:
        """Transformers' settings of the network."""
        return self.blocks.config

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.blocks.wte.weight.device

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return int(self.config.vocab_size)

    def logits(self, tokens: Tensor, past: Tensor | None = None) -> Tensor:
        """Next-token logits (rows, V), float32 or finer, after tokens (rows, T) behind `past`."""
        return self._run(tokens, past)[0]

    @torch.no_grad()
    def extend(self, tokens: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read tokens and keep their keys and values.

        Args:
            tokens: (rows, T) int64.
            past: (layers, 2, rows, heads, P, head_dim) of the tokens before; None if there are
                none.

        Returns:
            Logits (rows, V) of the token after them, and keys and values of all P + T tokens.
        """
        logits, cache = self._run(tokens, past)
        layers = cast(list[_ReadLayer], cache.layers)
        pairs = [torch.stack((layer.keys, layer.values)) for layer in layers]
        return logits, torch.stack(pairs)

    def _run(self, tokens: Tensor, past: Tensor | None) -> tuple[Tensor, DynamicCache]:
        from transformers import DynamicCache

        cache = DynamicCache(None if past is None else [(keys, values) for keys, values in past])
        hidden = self.blocks(input_ids=tokens, cache=cache, use_cache=True)
        head = self.blocks.wte.weight if self.head is None else self.head
        logits = F.linear(hidden.last_hidden_state[:, -1], head)
        return logits.to(torch.promote_types(logits.dtype, torch.float32)), cache


def infer_config(state: Mapping[str, Tensor], heads: int | None, origin: str) -> GPT2Config:
    """Sizes of a GPT-2 from the shapes of its tensors; the number of heads leaves no trace there.

    Raises:
        CheckpointError: the tensors are not those of a GPT-2, or `heads` is missing.
    """
    from transformers import GPT2Config

    if "wte.weight" not in state or "wpe.weight" not in state:
        raise CheckpointError(f"{origin} holds no GPT-2: it has no wte.weight or no wpe.weight.")
    if not heads:
        raise CheckpointError(f"{origin} does not tell GPT-2's number of heads; say heads=N.")
    layers = {key.split(".")[1] for key in state if key.startswith("h.")}
    vocabulary, width = state["wte.weight"].shape
    hidden = state.get("h.0.mlp.c_fc.weight", torch.empty(width, 4 * width)).shape[1]
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=len(state["wpe.weight"]),
        n_embd=width,
        n_layer=len(layers),
        n_head=heads,
        n_inner=hidden,
        bos_token_id=None,
        eos_token_id=None,
    )
