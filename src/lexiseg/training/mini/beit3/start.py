"""A head start for the small BEiT-3: both halves begin with the blocks of the small CLIP.

BEiT-3's blocks have two layer norms more than CLIP's. Their scales and offsets are fitted so that
they change what passes through them as little as possible, on pictures of the training.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.beit3 import Beit3Network
from lexiseg.models.beit3.config import FIRST_POSITION
from lexiseg.models.beit3.network import Block as Beit3Block
from lexiseg.models.beit3.network import FeedForward, Streams
from lexiseg.models.bundled import bundled_names
from lexiseg.models.clip import Clip, VisionTower
from lexiseg.models.clip.preprocess import MEAN, STD
from lexiseg.models.clip.transformer import Block
from lexiseg.ops.attention import plain
from lexiseg.training.mini.beit3.marking import (
    MARK,
    PLACED,
    PLACES,
    compare,
    mark,
    place_codes,
    point,
    quiet_directions,
    write_mark,
)

POSITION_STD = 0.02
MARKED = 3  # number of the block whose patches look for words; in the next one CLS looks for them


@torch.no_grad()
def begin_with_clip(network: Beit3Network, clip: Clip, pieces: list[str], pixels: Tensor) -> None:
    """Take over what the small CLIP knows.

    Words pass unchanged through the language half at first.

    Args:
        network: of CLIP's width, depth and heads.
        clip: the teacher, in float32, its shared space as wide as its blocks.
        pieces: what each token id writes.
        pixels: (B, 3, s, s) in [0, 1], pictures to fit the norms on.
    """
    tower = clip.visual
    tokens = [take_patches(network, tower, pixels)]
    for ours, theirs in zip(network.encoder.layers, tower.blocks, strict=True):
        tokens.append(take_block(cast(Beit3Block, ours), theirs, tokens[-1]))
    _set_heads(network, clip, tokens[-2], 2 * pixels - 1)
    for half in (network.encoder.layer_norm.A, network.encoder.layer_norm.B):
        half.load_state_dict(tower.ln_post.state_dict())
    nn.init.normal_(network.encoder.embed_positions.B.weight, std=POSITION_STD)
    take_words(network, clip, pieces)


def _set_heads(network: Beit3Network, clip: Clip, last: Tensor, pixels: Tensor) -> None:
    """The heads that look for words and for what was found; see `marking`.

    They are fitted on the network's own tokens, which are not quite CLIP's.

    Args:
        network: that has the blocks already.
        clip: the teacher.
        last: (B, 1 + n, D) CLIP's tokens before its last block.
        pixels: (B, 3, s, s) prepared for the network.
    """
    width, names = width_of_head(network), name_directions(clip)
    marking, pointing = (
        cast(Beit3Block, network.encoder.layers[number]) for number in (MARKED, MARKED + 1)
    )
    own = torch.cat(trace(network, pixels)[: MARKED + 2])[:, 1:]
    directions, size = quiet_directions(own.flatten(0, 1), 1 + PLACES), own.std(dim=-1).mean()
    codes = PLACED * size * place_codes(network.config.grid) @ directions[:, 1:].T
    network.encoder.embed_positions.A.weight[FIRST_POSITION + 1 :] += codes
    cast(nn.LayerNorm, marking.self_attn_layer_norm.B).reset_parameters()
    given = marking.self_attn_layer_norm.A(trace(network, pixels)[MARKED])
    found = compare(clip, last, names, width)
    head = mark(marking.self_attn, given, found, standardized(names))
    write_mark(head, directions[:, 0], MARK * size)
    norm = cast(nn.LayerNorm, pointing.self_attn_layer_norm.A)
    point(pointing.self_attn, norm(trace(network, pixels)[MARKED + 1]), directions[:, 0], norm)


def trace(network: Beit3Network, pixels: Tensor) -> list[Tensor]:
    """Tokens (B, 1 + n, D) of pictures alone before every block."""
    streams: Streams = (network.embed_picture(pixels), None)
    found = []
    for block in network.encoder.layers:
        found.append(cast(Tensor, streams[0]))
        streams = block(streams, None)
    return found


def width_of_head(network: Beit3Network) -> int:
    """Numbers in a head."""
    return network.config.width // network.config.heads


def name_directions(clip: Clip) -> Tensor:
    """(N, E) in which the bundled names lie around their mean."""
    known = bundled_names()
    features = F.normalize(clip.text_features([*known.things, *known.stuff]), dim=-1)
    return features - features.mean(dim=0)


def standardized(rows: Tensor) -> Tensor:
    """Rows (N, D) of mean 0 and standard deviation 1, as a plain layer norm leaves them."""
    return F.layer_norm(rows, rows.shape[-1:])


def take_patches(network: Beit3Network, tower: VisionTower, pixels: Tensor) -> Tensor:
    """Fit patch embedding and positions; the norm behind them becomes a constant scale.

    Returns:
        CLIP's tokens (B, 1 + n, D) before its first block.
    """
    config, embed = network.config, network.vision_embed
    table = tower.position_for((config.grid, config.grid)).float()
    kernel = resized(tower.conv1.weight.float(), config.patch_size)
    mean, std = (torch.tensor(values) for values in (MEAN, STD))
    normal = (pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    patches = F.conv2d(normal, kernel, stride=config.patch_size).flatten(2).transpose(1, 2)
    raw = patches + table[1:]
    norm = tower.ln_pre
    scale = norm.weight / raw.std(dim=-1).mean()
    offset = norm.bias - scale * raw.mean()
    # CLIP's colors are (p - mean) / std, BEiT-3's (p - 1/2) / (1/2).
    embed.proj.weight.copy_(scale.view(-1, 1, 1, 1) * kernel / (2 * std.view(1, 3, 1, 1)))
    shift = (kernel * ((0.5 - mean) / std).view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    cast(Tensor, embed.proj.bias).copy_(scale * shift + offset)
    places = network.encoder.embed_positions.A.weight
    places[FIRST_POSITION + 1 :] = scale * table[1:]
    places[: FIRST_POSITION + 1] = 0
    first = norm(tower.class_embedding + table[0])
    embed.cls_token.copy_(first.expand_as(embed.cls_token))
    return torch.cat([first.expand(len(raw), 1, -1), norm(raw)], dim=1)


def resized(kernel: Tensor, patch: int) -> Tensor:
    """A patch embedding's kernel (D, 3, p, p) for patches of another size, its sums kept."""
    ratio = kernel.shape[-1] / patch
    fitted = F.interpolate(kernel, (patch, patch), mode="bilinear", align_corners=False)
    return fitted * (ratio * ratio)


def take_block(ours: Beit3Block, theirs: Block, tokens: Tensor) -> Tensor:
    """Copy a block into both halves and fit their inner norms.

    Returns:
        What CLIP's block makes of its tokens (B, n, D).
    """
    normed = theirs.ln_1(tokens)
    mixed = plain(*theirs.qkv(normed)).transpose(1, 2).flatten(2)
    tokens = tokens + theirs.attn.out_proj(mixed)
    active = theirs.mlp.gelu(theirs.mlp.c_fc(theirs.ln_2(tokens)))
    weights, biases = theirs.attn.in_proj_weight.chunk(3), theirs.attn.in_proj_bias.chunk(3)
    attention = ours.self_attn
    for half in ("A", "B"):
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        for part, weight, bias in zip(projections, weights, biases, strict=True):
            getattr(part, half).weight.copy_(weight)
            getattr(part, half).bias.copy_(bias)
        feed = cast(FeedForward, getattr(ours.ffn, half))
        copies = (
            (getattr(ours.self_attn_layer_norm, half), theirs.ln_1),
            (getattr(attention.out_proj, half), theirs.attn.out_proj),
            (getattr(ours.final_layer_norm, half), theirs.ln_2),
            (feed.fc1, theirs.mlp.c_fc),
            (feed.fc2, theirs.mlp.c_proj),
        )
        for target, source in copies:
            target.load_state_dict(source.state_dict())
        fit_norm(getattr(attention.inner_attn_ln, half), mixed)
        fit_norm(feed.ffn_layernorm, active)
    for last in (cast(nn.Linear, attention.out_proj.B), cast(FeedForward, ours.ffn.B).fc2):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    passed: Tensor = theirs.mlp.c_proj(active)
    return tokens + passed


def fit_norm(norm: nn.LayerNorm, values: Tensor) -> None:
    """Least squares: scales and offsets with which a layer norm changes values (..., D) least."""
    wanted = values.flatten(0, -2)
    normal = F.layer_norm(wanted, norm.normalized_shape, eps=norm.eps)
    centered = normal - normal.mean(dim=0)
    scale = (centered * wanted).mean(dim=0) / centered.square().mean(dim=0).clamp(min=1e-6)
    norm.weight.copy_(scale)
    norm.bias.copy_(wanted.mean(dim=0) - scale * normal.mean(dim=0))


def take_words(network: Beit3Network, clip: Clip, pieces: list[str]) -> None:
    """Begin words of names with their directions in CLIP, all others with what matches nothing.

    Args:
        network: whose table of words is filled.
        clip: whose text tower knows the words.
        pieces: what each token id writes.
    """
    known = bundled_names()
    names = [*known.things, *known.stuff]
    words = {word for name in names for word in name.split()}
    rows = [number for number, piece in enumerate(pieces) if piece in words]
    middle = F.normalize(clip.text_features(names), dim=-1).mean(dim=0)
    compared = torch.linalg.svd(name_directions(clip), full_matrices=False).Vh
    compared = compared[: width_of_head(network)]
    features = F.normalize(clip.text_features([pieces[row] for row in rows]), dim=-1)
    chance = torch.randn_like(network.text_embed.weight)
    network.text_embed.weight.copy_(standardized(chance - chance @ compared.T @ compared))
    network.text_embed.weight[rows] = standardized(features - middle)
