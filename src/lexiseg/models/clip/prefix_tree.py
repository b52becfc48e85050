"""Texts that begin alike, as a tree of tokens.

A causal text tower gives a token the same state in every text that begins with the same tokens.
So texts are laid out as a tree with one node per distinct beginning, and each node is computed
once: its keys and values serve every text that goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from lexiseg.models.clip.text import TextTower
from lexiseg.ops.attention import AttentionFn, masked

TEXTS = 1024  # that share a tree; bounds the memory
NODES = 512  # that attend at a time; their ancestors' keys and values are copied side by side
NO_TOKEN = -1


@dataclass(frozen=True)
class PrefixTree:
    """The distinct beginnings of N texts.

    Attributes:
        tokens: (M,) int64, last token of each beginning.
        depths: (M,) int64, its position in the text, from 0.
        paths: (M, L) int64, the nodes from the first token to the node itself; entries beyond its
            depth do not matter.
        ends: (N,) int64, node of each text's last token.
    """

    tokens: Tensor
    depths: Tensor
    paths: Tensor
    ends: Tensor

    @classmethod
    def grow(cls, ids: Tensor) -> PrefixTree:
        """Build from (N, L) token ids in lexicographic order, `NO_TOKEN` behind a text's end.

        Example:
            >>> ids = torch.tensor([[7, 1, 9], [7, 2, 9], [7, 2, 9]])
            >>> tree = PrefixTree.grow(ids)
            >>> tree.tokens.tolist(), tree.depths.tolist(), tree.ends.tolist()
            ([7, 1, 9, 2, 9], [0, 1, 2, 1, 2], [2, 4, 4])
        """
        differs = torch.ones_like(ids, dtype=torch.bool)
        differs[1:] = (ids[1:] != ids[:-1]).cumsum(1) > 0  # from the first unequal token on
        is_new = differs & (ids != NO_TOKEN)
        numbers = torch.where(is_new, is_new.flatten().cumsum(0).view_as(ids) - 1, 0)
        nodes = numbers.cummax(dim=0).values  # an old beginning has the number it got further up
        text, depth = is_new.nonzero(as_tuple=True)
        last = (ids != NO_TOKEN).sum(1) - 1
        return cls(ids[text, depth], depth, nodes[text], nodes.gather(1, last[:, None]).flatten())

    def attention(self) -> AttentionFn:
        """Attention of every node to the nodes on its path, for tensors (1, heads, M, head_dim)."""
        steps = torch.arange(self.paths.shape[1], device=self.paths.device)
        visible = (steps <= self.depths[:, None])[:, None, None]

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            queries, keys, values = (part[0].transpose(0, 1) for part in (query, key, value))
            parts = (torch.split(all_nodes, NODES) for all_nodes in (queries, self.paths, visible))
            pieces = [
                _along(some, keys[paths], values[paths], mask)
                for some, paths, mask in zip(*parts, strict=True)
            ]
            return torch.cat(pieces).transpose(0, 1)[None]

        return attend


def _along(query: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
    """Attention of m nodes (m, heads, head_dim) to keys along their paths, (m, L, heads, ..)."""
    mixed = masked(visible)(query[:, :, None], keys.transpose(1, 2), values.transpose(1, 2))
    return mixed[:, :, 0]


@torch.no_grad()
def encode_by_prefix(tower: TextTower, ids: Tensor) -> Tensor:
    """The features that `tower(ids)` gives, each distinct beginning of a text computed once.

    Args:
        tower: the text tower.
        ids: (N, context) int64 token ids, as its tokenizer makes them.

    Returns:
        (N, E) in the tower's dtype, not normalized.
    """
    if not len(ids):
        return cast(Tensor, tower(ids))
    ends = tower.end_positions(ids)
    length = int(ends.max()) + 1
    behind = torch.arange(length, device=ids.device) > ends[:, None]
    texts = ids[:, :length].masked_fill(behind, NO_TOKEN)
    distinct, place = torch.unique(texts, dim=0, return_inverse=True)
    parts = torch.split(distinct, TEXTS)
    features = [_encode_tree(tower, PrefixTree.grow(part)) for part in parts]
    return torch.cat(features)[place]


def _encode_tree(tower: TextTower, tree: PrefixTree) -> Tensor:
    x = tower.token_embedding(tree.tokens) + tower.positional_embedding[tree.depths]
    x = tower.transformer.run(x[None], attention=tree.attention())[0, tree.ends]
    return cast(Tensor, tower.ln_final(x)) @ tower.text_projection
