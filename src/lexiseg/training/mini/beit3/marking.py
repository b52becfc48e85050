"""Two heads to begin with: patches look for words that name what they show, CLS for such patches.

A network that has to find out by itself that words and patches can match, and that CLS can point,
spends all of a short training on it. The small CLIP knows already what matches: on the value path
of its last block, patches are compared with texts, and a linear map reads that comparison off an
earlier block. So one head of a block is set to compare; it writes into a patch how much of its
attention went to words. One head of the next block lets CLS look at such patches and read where
they are, or at the words where there are none. As CLIP's patches hardly know where they are, the
position table tells them, along directions that CLIP does not use. Training goes on from there
with all weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.beit3.network import JointAttention
from lexiseg.models.clip import Clip
from lexiseg.training.mini.clip.towers import values_only

Half = Literal["A", "B"]
HALVES: tuple[Half, Half] = ("A", "B")
HEAD = 0  # which head of a block is set
SHARPNESS = 1.3  # of the comparison: how far a patch and a word that is not meant spread
RIDGE = 1e-2  # times the mean square of what is read
LOUDNESS = 3.0  # of what a head says, in standard deviations of what the others say
MARK = 3.0  # of a patch all of whose attention goes to words, in standard deviations of a token
POINTING = 6.0  # logit of CLS looking at a patch, per standard deviation of its mark
NOWHERE = 9.0  # logit of CLS looking at a word
PLACES = 6  # numbers that tell a place
PLACED = 1.0  # how loud each of them is, in standard deviations of a token


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


def quiet_directions(tokens: Tensor, count: int) -> Tensor:
    """Directions (D, count), orthonormal, along which tokens (N, D) differ least.

    What is written along them disturbs CLIP's blocks little and is not drowned by what they write.
    """
    rows = F.layer_norm(tokens, tokens.shape[-1:])
    rows = rows - rows.mean(dim=0)
    level = torch.ones(2 * rows.shape[1:])  # norms take the mean away: never along it
    found: Tensor = torch.linalg.eigh(rows.T @ rows + len(rows) * level).eigenvectors
    return found[:, :count]


class SetHead:
    """One head of a block, emptied, whose weights are set by hand.

    What it says passes the inner norm nearly as it is.

    Args:
        attention: of the block.
    """

    def __init__(self, attention: JointAttention) -> None:
        self.attention = attention
        self.width = len(self.linear("out_proj", "A").bias) // attention.heads
        self.first = HEAD * self.width
        self.rows = slice(self.first, self.first + self.width)
        for name in ("q_proj", "k_proj", "v_proj"):
            for half in HALVES:
                part = self.linear(name, half)
                part.weight[self.rows], part.bias[self.rows] = 0, 0
        norm = cast(nn.LayerNorm, attention.inner_attn_ln.A)
        norm.weight[self.rows], norm.bias[self.rows] = norm.weight.mean(), 0
        self.loudness = float(LOUDNESS * norm.weight.mean())

    def linear(self, name: str, half: Half) -> nn.Linear:
        """Its share of one of the projections, and that of the other heads."""
        return cast(nn.Linear, getattr(getattr(self.attention, name), half))


def mark(attention: JointAttention, normed: Tensor, found: Comparison, names: Tensor) -> SetHead:
    """Make one head of a block compare patches with words, and say how much it found.

    Args:
        attention: of the block.
        normed: (B, 1 + n, D) what it is given of the picture.
        found: what its patches should be compared by.
        names: (N, D) what it is given of names.
    """
    weight, bias = read_off(normed[:, 1:].flatten(0, 1), found.seen.flatten(0, 1))
    spread = ((normed[:, 1:] @ weight.T + bias) @ (names @ found.words).T).std()
    head = SetHead(attention)
    scale = SHARPNESS * head.width**0.5 / spread
    query = head.linear("q_proj", "A")
    query.weight[head.rows], query.bias[head.rows] = scale * weight, scale * bias
    head.linear("k_proj", "B").weight[head.rows] = found.words.T
    head.linear("v_proj", "B").bias[head.first] = head.loudness
    return head


def write_mark(head: SetHead, direction: Tensor, size: Tensor) -> None:
    """Let the head of `mark` write along a direction (D,), `size` where it found all it can."""
    written = head.linear("out_proj", "A").weight
    written[:, head.rows] = 0
    written[:, head.first] = size / head.loudness * direction


def point(attention: JointAttention, normed: Tensor, direction: Tensor, norm: nn.LayerNorm) -> None:
    """Make one head of a block look at marked patches and say where they are.

    Args:
        attention: of the block.
        normed: (B, 1 + n, D) what it is given of the picture.
        direction: (D,) of the mark.
        norm: what makes `normed`.
    """
    patches = normed[:, 1:].flatten(0, 1)
    codes = place_codes(round((normed.shape[1] - 1) ** 0.5)).repeat(len(normed), 1)
    weight, bias = read_off(patches, codes)
    head = SetHead(attention)
    reading = POINTING * direction / norm.weight
    seen, heard = head.linear("k_proj", "A"), head.linear("k_proj", "B")
    seen.weight[head.first], seen.bias[head.first] = reading, -(patches @ reading).mean()
    heard.bias[head.first] = NOWHERE
    for half in HALVES:
        head.linear("q_proj", half).bias[head.first] = head.width**0.5
    said, own = head.linear("v_proj", "A"), slice(head.first, head.first + PLACES)
    said.weight[own], said.bias[own] = head.loudness * weight, head.loudness * bias
    table = head.linear("out_proj", "A").weight
    written = torch.empty(len(table), head.width)
    nn.init.orthogonal_(written, gain=2 * float(table.norm(dim=0).mean()))
    table[:, head.rows] = written


def place_codes(grid: int) -> Tensor:
    """(grid * grid, PLACES): cosines of one, two and three half turns across and down."""
    line = torch.pi * (torch.arange(grid) + 0.5) / grid
    turns = torch.stack([torch.cos(k * line) for k in range(1, 1 + PLACES // 2)], dim=1)
    down = turns[:, None].expand(-1, grid, -1)
    across = turns[None].expand(grid, -1, -1)
    return torch.cat([across, down], dim=2).flatten(0, 1)


def read_off(rows: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Ridge regression: weight (M, D) and bias (M,) that best make `wanted` of rows (N, D)."""
    design = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    gram = design.T @ design
    strength = RIDGE * gram.diagonal().mean()
    solved = torch.linalg.solve(gram + strength * torch.eye(len(gram)), design.T @ wanted)
    return solved[:-1].T, solved[-1]
