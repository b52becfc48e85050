"""A head in which patches look for the words that name what they show, as CLIP sees it.

A network that has to find out by itself that words and patches can match spends most of a short
training on it. The small CLIP knows already: on the value path of its last block, patches are
compared with texts. A linear map reads that comparison off an earlier block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.beit3.network import JointAttention
from lexiseg.models.clip import Clip
from lexiseg.training.mini.clip.towers import values_only

HEAD = 0  # which head of the block it replaces
SHARPNESS = 1.3  # of the comparison: how far a patch and a word that is not meant spread
RIDGE = 1e-2  # times the mean square of what is read
MARK = 0.05  # standard deviation of the weights that write into a patch that it found something


@dataclass(frozen=True)
class Comparison:
    """How patches and words are compared in CLIP.

    Attributes:
        seen: (B, n, c) what patches show.
        words: (E, c) from a text's direction to what it is compared by.
    """

    seen: Tensor
    words: Tensor


def compare(clip: Clip, tokens: Tensor, names: Tensor, width: int) -> Comparison:
    """What the last block's value path compares, in the directions in which names differ most.

    Args:
        clip: whose image tower it is.
        tokens: (B, 1 + n, D) before its last block.
        names: (N, E) directions of names, centred.
        width: c.
    """
    tower, last = clip.visual, clip.visual.blocks[-1]
    value = tower.project(last.attend(last.ln_1(tokens[:, 1:]), values_only))
    words = torch.linalg.svd(names, full_matrices=False).Vh[:width].T
    return Comparison(F.normalize(value, dim=-1) @ words, words)


def mark(attention: JointAttention, normed: Tensor, found: Comparison, names: Tensor) -> None:
    """Make one head of a block compare patches with words.

    Args:
        attention: of the block.
        normed: (B, 1 + n, D) what it is given of the picture.
        found: what its patches should be compared by.
        names: (N, D) what it is given of names.
    """
    width = found.words.shape[1]
    own = slice(HEAD * width, (HEAD + 1) * width)
    weight, bias = read_off(normed[:, 1:].flatten(0, 1), found.seen.flatten(0, 1))
    codes = names @ found.words
    spread = ((normed[:, 1:] @ weight.T + bias) @ codes.T).std()
    scale = SHARPNESS * width**0.5 / spread
    query, key, value = attention.q_proj, attention.k_proj, attention.v_proj
    _set(query.A, own, scale * weight, scale * bias)
    _set(key.B, own, found.words.T, torch.zeros(width))
    nothing = torch.zeros_like(weight)
    for part, offset in ((key.A, 0.0), (query.B, 0.0), (value.A, 0.0), (value.B, 1.0)):
        _set(part, own, nothing, torch.full((width,), offset))
    norm, write = attention.inner_attn_ln.A, attention.out_proj.A
    norm.weight[own], norm.bias[own] = norm.weight.mean(), 0.0
    nn.init.normal_(write.weight[:, own], std=MARK)


def read_off(rows: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Ridge regression: weight (M, D) and bias (M,) that best make `wanted` of rows (N, D)."""
    design = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    gram = design.T @ design
    strength = RIDGE * gram.diagonal().mean()
    solved = torch.linalg.solve(gram + strength * torch.eye(len(gram)), design.T @ wanted)
    return solved[:-1].T, solved[-1]


def _set(part: nn.Module, rows: slice, weight: Tensor, bias: Tensor) -> None:
    assert isinstance(part, nn.Linear)
    part.weight[rows], part.bias[rows] = weight, bias
