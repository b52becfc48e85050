"""Rebuild the networks of a pack: both image towers, pixel decoder and mask decoder, key lists.

Sizes follow from the weights; the heads of a tiny text tower are in no file, so those that fit are
taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import (
    ConvClipConfig,
    ConvClipNetwork,
    ConvNextConfig,
    ResNetConfig,
    infer_config,
    to_ours,
)
from lexiseg.models.conv_clip.resnet import AttentionPool
from lexiseg.models.fc_clip import (
    ContentTransfer,
    HeadConfig,
    InputSize,
    MaskDecoder,
    PixelDecoder,
    ProposalNetwork,
    config_of,
    published_state,
)
from lexiseg.models.fc_clip.layout import to_transformers
from lexiseg.models.weights import empty_weights, load_strictly, read_state
from lexiseg.ops.class_logits import class_logits
from lexiseg.ops.mask_pooling import pool_masks, resize_masks

FILES = ("fcclip_tiny_clip", "fcclip_tiny_head", "fcclip_tiny_rn_attnpool")
KEY_LISTS = {
    "fcclip_convnext_large_state_dict_shapes.json": 250,
    "maftplus_large_panoptic_non_backbone_shapes.json": 100,
}
RESIZE = "resize_shortest_edge.json"
LOSS_WEIGHTS = "criterion.empty_weight"
EXACT = Tolerance(0.0)
RULES = {
    "aux*_masks": Tolerance(1e-3, "scaled"),  # stored in half precision
    "keys *": EXACT,
    "resize *": EXACT,
    "*": Tolerance(1e-5, "scaled"),
}
DEEP = {**RULES, "pred_*": Tolerance(2e-4, "scaled"), "aux*_logits": Tolerance(2e-4, "scaled")}
Made = Iterator[tuple[str, Any]]


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return all((folder / f"{name}.safetensors").is_file() for name in FILES)


@torch.no_grad()
def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every output of the networks, every resized size, and the lists of keys."""
    for name, part, rules in (
        ("fcclip_tiny_clip", _towers, RULES),
        ("fcclip_tiny_rn_attnpool", _attention_pool, RULES),
        ("fcclip_tiny_head", _head, DEEP),
    ):
        arrays = read_arrays(folder / f"{name}_io.npz")
        inputs = {key: torch.from_numpy(array) for key, array in arrays.items()}
        ours = list(part(read_state(folder / f"{name}.safetensors"), inputs))
        theirs = {key: arrays[key] for key in arrays if key not in INPUTS}
        if name == "fcclip_tiny_rn_attnpool":  # the first mask is empty: torch's version decides
            theirs["mask_embed"] = theirs["mask_embed"][:, 1:]
        yield from compare_all(ours, theirs, theirs, first_match(rules))
    yield from _sizes(folder)
    yield from _keys(folder)


INPUTS = (
    *("image", "tokens", "dims", "depths", "embed_dim", "dense", "heads"),
    *("text_classifier", "num_synonyms"),
)


def _towers(state: dict[str, Tensor], given: dict[str, Tensor]) -> Made:
    network = _fitting_network(to_ours(state), given)
    visual = network.visual
    levels = visual.levels(given["image"])
    masks, dense = given["pred_masks"], levels[-1]
    for name, level in zip(("res2", "res3", "res4", "res5"), levels, strict=True):
        yield f"feat_{name}", level
    yield "feat_stem", visual.get_submodule("trunk.stem")(given["image"])
    yield "feat_clip_vis_dense", dense
    yield "pred_masks", masks
    yield "mask_for_pooling", resize_masks(masks, (dense.shape[2], dense.shape[3]))
    yield "mask_pooled", pool_masks(dense, masks)
    yield "mask_embed", visual.embed_masks(dense, masks)
    yield "image_embed", visual(given["image"])
    yield "dense_embed_per_pixel", visual.embed_cells(dense)
    yield "text_embed", network.text(given["tokens"])
    yield "logit_scale", network.logit_scale


def _fitting_network(state: dict[str, Tensor], given: dict[str, Tensor]) -> ConvClipNetwork:
    config = infer_config(state)
    networks = []
    for heads in (n for n in range(1, config.text.width + 1) if config.text.width % n == 0):
        network = ConvClipNetwork(
            ConvClipConfig(config.vision, replace(config.text, heads=heads))
        ).eval()
        load_strictly(network, state, "the pack", torch.float32)
        networks.append(network)

    def misfit(network: ConvClipNetwork) -> float:
        return float((network.text(given["tokens"]) - given["text_embed"]).abs().max())

    return min(networks, key=misfit)


def _attention_pool(state: dict[str, Tensor], given: dict[str, Tensor]) -> Made:
    cells, width = state["positional_embedding"].shape
    config = ResNetConfig(
        width=width // 32,
        heads=int(given["heads"]),
        embed_dim=len(state["c_proj.weight"]),
        image_size=32 * round((cells - 1) ** 0.5),
    )
    pool = AttentionPool(config).eval()
    load_strictly(pool, state, "the pack", torch.float32)
    masks = given["mask_for_pooling"]
    yield "mask_for_pooling", masks
    yield "mask_embed", pool.masks(given["dense"], masks)[:, 1:]


def _head(state: dict[str, Tensor], given: dict[str, Tensor]) -> Made:
    config = config_of(state)
    pixels, masks = PixelDecoder(config).eval(), MaskDecoder(config).eval()
    own, rest = (
        {k.removeprefix(start): t for k, t in state.items() if k.startswith(start)}
        for start in ("pixel_decoder.", "predictor.")
    )
    load_strictly(pixels.decoder, to_transformers(own), "the pack", torch.float32)
    load_strictly(masks, rest, "the pack", torch.float32)
    levels = [given[f"feat_res{number}"] for number in range(2, 6)]
    yield from ((f"feat_res{number}", level) for number, level in enumerate(levels, start=2))
    features = pixels((levels[0], levels[1], levels[2], levels[3]))
    yield "mask_features", features.mask
    yield from ((f"ms{number}", scale) for number, scale in enumerate(features.scales))
    scale = masks.logit_scale.exp().clamp(max=100)
    counts = [*given["num_synonyms"].tolist(), 1]
    *before, last = masks.steps(features)
    for name, (queries, logits) in [
        *((f"aux{number}", step) for number, step in enumerate(before)),
        ("pred", last),
    ]:
        embeddings = masks.embed(queries, logits, features.mask)
        yield f"{name}_masks", logits
        yield (
            f"{name}_logits",
            class_logits(embeddings, given["text_classifier"], counts, scale),
        )


def _sizes(folder: Path) -> Iterator[Comparison]:
    """The sizes that pictures are resized to."""
    table = json.loads((folder / RESIZE).read_text("utf-8"))
    for name, pairs in table.items():
        short, longest = (int("".join(filter(str.isdigit, side))) for side in name.split("_"))
        ours = np.array([InputSize(short, longest).fit((h, w)) for (h, w), _ in pairs])
        theirs = np.array([fitted for _, fitted in pairs])
        yield Comparison(f"resize {name}", EXACT.error(ours, theirs), EXACT)


def _keys(folder: Path) -> Iterator[Comparison]:
    """Names and shapes of the full models' tensors; the error counts those that differ."""
    text = TextConfig(768, 12, 12, embed_dim=768, activation="gelu")
    for file, queries in KEY_LISTS.items():
        theirs = json.loads((folder / file).read_text("utf-8"))
        theirs.pop(LOSS_WEIGHTS)
        depth = len({key.split(".")[4] for key in theirs if key.startswith(RESBLOCKS)})
        with empty_weights():
            transfer = (
                ContentTransfer(768) if any(key.startswith("cdt.") for key in theirs) else None
            )
            clip = ConvClipConfig(ConvNextConfig(), replace(text, layers=depth or text.layers))
            network = ProposalNetwork(clip, HeadConfig(queries=queries), transfer)
        ours = {key: list(tensor.shape) for key, tensor in published_state(network).items()}
        if not depth:  # a list without the backbone
            ours = {key: shape for key, shape in ours.items() if not key.startswith("backbone.")}
        wrong = sum(ours.get(key) != theirs.get(key) for key in {*ours, *theirs})
        yield Comparison(f"keys {file.split('_')[0]} ({len(theirs)})", float(wrong), EXACT)


RESBLOCKS = "backbone.clip_model.transformer.resblocks."
