"""Two heads to begin with: patches look for words that name what they show, CLS for such patches.

A network that has to find out by itself that words and patches can match, and that CLS can point,
spends all of a short training on it. The small CLIP knows already what matches: on the value path
of its last block, patches are compared with texts, and a linear map reads that comparison off an
earlier block. So one head of a block is set to compare; it writes into a patch how much of its
attention went to words. One head of the next block lets CLS look at such patches and read where
they are, or at the words where there are none. As CLIP's patches hardly know where they are, the
position table tells them, along directions that CLIP does not use. Training goes on from there with all weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.beit3.network import JointAttention
from lexiseg.models.clip import Clip
from lexiseg.training.mini.clip.towers import values_only

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


def mark(attention: JointAttention, normed: Tensor, found: Comparison, names: Tensor) -> None:
    """Make one head of a block compare patches with words, and say how much it found.

    Args:
        attention: of the block.
        normed: (B, 1 + n, D) what it is given of the picture.
        found: what its patches should be compared by.
        names: (N, D) what it is given of names.
    """
    weight, bias = read_off(normed[:, 1:].flatten(0, 1), found.seen.flatten(0, 1))
    width = len(bias)
    spread = ((normed[:, 1:] @ weight.T + bias) @ (names @ found.words).T).std()
    scale = SHARPNESS * width**0.5 / spread
    silence(attention, width)
    own = rows_of(width)
    assert isinstance(attention.q_proj.A, nn.Linear) and isinstance(attention.k_proj.B, nn.Linear)
    attention.q_proj.A.weight[own], attention.q_proj.A.bias[own] = scale * weight, scale * bias
    attention.k_proj.B.weight[own] = found.words.T
    loudness = LOUDNESS * attention.inner_attn_ln.A.weight.mean()
    attention.v_proj.B.bias[own.start] = loudness


def write_mark(attention: JointAttention, width: int, direction: Tensor, size: Tensor) -> None:
    """Let the head of `mark` write along a direction (D,), `size` where it found all it can."""
    loudness = attention.v_proj.B.bias[HEAD * width]
    attention.out_proj.A.weight[:, rows_of(width)] = 0
    attention.out_proj.A.weight[:, HEAD * width] = size / loudness * direction


def point(attention: JointAttention, normed: Tensor, direction: Tensor, norm: nn.LayerNorm) -> None:
    """Make one head of a block look at marked patches and say where they are.

    Args:
        attention: of the block.
        normed: (B, 1 + n, D) what it is given of the picture.
        direction: (D,) of the mark.
        norm: what makes `normed`.
    """
    width = attention.q_proj.A.weight.shape[0] // attention.heads
    count = normed.shape[1] - 1
    codes = place_codes(round(count**0.5)).repeat(len(normed), 1)
    weight, bias = read_off(normed[:, 1:].flatten(0, 1), codes)
    silence(attention, width)
    first = HEAD * width
    own = slice(first, first + PLACES)
    reading = POINTING * direction / norm.weight
    attention.k_proj.A.weight[first] = reading
    attention.k_proj.A.bias[first] = -(normed[:, 1:].flatten(0, 1) @ reading).mean()
    attention.k_proj.B.bias[first] = NOWHERE
    for half in (attention.q_proj.A, attention.q_proj.B):
        half.bias[first] = width**0.5
    loudness = LOUDNESS * attention.inner_attn_ln.A.weight.mean()
    attention.v_proj.A.weight[own], attention.v_proj.A.bias[own] = (
        loudness * weight,
        loudness * bias,
    )
    written = torch.empty(len(reading), width)
    nn.init.orthogonal_(written, gain=2 * float(attention.out_proj.A.weight.norm(dim=0).mean()))
    attention.out_proj.A.weight[:, rows_of(width)] = written


def place_codes(grid: int) -> Tensor:
    """(grid * grid, PLACES): cosines of one, two and three half turns across and down."""
    line = torch.pi * (torch.arange(grid) + 0.5) / grid
    turns = torch.stack([torch.cos(k * line) for k in range(1, 1 + PLACES // 2)], dim=1)
    down = turns[:, None].expand(-1, grid, -1)
    across = turns[None].expand(grid, -1, -1)
    return torch.cat([across, down], dim=2).flatten(0, 1)


def silence(attention: JointAttention, width: int) -> None:
    """Empty one head of a block, and let what it says pass the inner norm as it is."""
    own = rows_of(width)
    for part in (attention.q_proj, attention.k_proj, attention.v_proj):
        for half in (part.A, part.B):
            half.weight[own], half.bias[own] = 0, 0
    norm = attention.inner_attn_ln.A
    norm.weight[own], norm.bias[own] = norm.weight.mean(), 0


def rows_of(width: int) -> slice:
    """Rows and columns of the head."""
    return slice(HEAD * width, (HEAD + 1) * width)


def read_off(rows: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Ridge regression: weight (M, D) and bias (M,) that best make `wanted` of rows (N, D)."""
    design = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
    gram = design.T @ design
    strength = RIDGE * gram.diagonal().mean()
    solved = torch.linalg.solve(gram + strength * torch.eye(len(gram)), design.T @ wanted)
    return solved[:-1].T, solved[-1]
