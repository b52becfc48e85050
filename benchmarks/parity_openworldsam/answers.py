"""From pictures and prompts to all answers, as in evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.parity_openworldsam.networks import PackNetworks
from benchmarks.parity_openworldsam.pack import Pack, Picture
from lexiseg.methods.openworldsam import OpenWorldSamConfig
from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.methods.openworldsam.decoding import decode, refine
from lexiseg.methods.openworldsam.instances import choose_objects
from lexiseg.methods.openworldsam.panoptic import DividedSegment, divide
from lexiseg.methods.openworldsam.referring import best_answers
from lexiseg.methods.openworldsam.semantic import label_pixels, votes
from lexiseg.models.sam.prompts import Prompts
from lexiseg.ops.mask_nms import cell_boxes
from lexiseg.types import ImageEmbedding

Arrays = Iterator[tuple[str, Any]]
DELTA = 0.05  # of the stability that SAM 2's decoder looks at
SHOWN_DENSE = 2  # mask prompts whose embedding a pack holds


@torch.no_grad()
def rebuild_answers(pack: Pack, networks: PackNetworks) -> Arrays:
    """Everything under ``eval.``, and the inputs themselves."""
    yield from ((name, pack.input(name)) for name in pack.inputs)
    yield "eval.dense_pe", networks.segmenter.prompts.position()
    for picture in pack.pictures:
        yield from _named(f"eval.img{picture.number}.", _of_picture(pack, networks, picture))


def _named(prefix: str, arrays: Arrays) -> Arrays:
    yield from ((f"{prefix}{name}", array) for name, array in arrays)


def _of_picture(pack: Pack, networks: PackNetworks, picture: Picture) -> Arrays:
    tokens, padding = pack.tokens(picture.prompts)
    read = networks.read(pack, picture)
    yield from {"tokens": tokens, "pad_mask": padding, "beit_cls": read[:, :1]}.items()
    yield "beit_out", _meaningful(pack, picture, read, padding)
    yield "textonly.beit_cls", networks.encoder.network(None, tokens, padding)[:, :1]
    embedding = networks.embed(pack, picture)
    rows = embedding.maps[-1].flatten(2).transpose(1, 2)
    yield from {
        "image_embed": rows, "high_res_s0": embedding.maps[0], "high_res_s1": embedding.maps[1],
    }.items()  # fmt: skip
    vectors = read[:, 0]
    yield from _adapter_arrays(networks, vectors, rows)
    yield from _decoded(pack, networks, picture, embedding, vectors)


def _meaningful(pack: Pack, picture: Picture, read: Tensor, padding: Tensor) -> Tensor:
    """BEiT-3's tokens; where a text has ended nothing is meant, so the reference's stand there."""
    name = f"eval.img{picture.number}.beit_out"
    theirs = torch.from_numpy(pack.expected(name)) if name in pack.names else read
    if theirs.shape != read.shape:
        return read
    seen = padding.new_zeros(len(padding), read.shape[1] - padding.shape[1])
    return torch.where(torch.cat([seen, padding], dim=1)[..., None], theirs, read)


def _adapter_arrays(networks: PackNetworks, vectors: Tensor, rows: Tensor) -> Arrays:
    adapter = networks.adapter
    yield "proj", adapter.text_hidden_fcs[0](vectors)[:, None]
    queries = adapter(vectors, rows)
    yield "queries", queries.projected.flatten(0, 1)[None]
    state = queries.projected.flatten(0, 1)[None]
    for number, layer in enumerate(adapter.cross_attention_transformer.layers):
        state = layer(state, rows)
        yield f"soft_layer{number}", state
    yield "soft_out", queries.soft.flatten(0, 1)[None]
    yield "prompt0_alone.soft_out", adapter(vectors[:1], rows).soft


def _decoded(
    pack: Pack,
    networks: PackNetworks,
    picture: Picture,
    embedding: ImageEmbedding,
    vectors: Tensor,
) -> Arrays:
    threshold = pack.settings["iou_threshold_end_to_end"]
    config = OpenWorldSamConfig(layout="released", scope="joint", min_score=threshold)
    parts = (networks.adapter, networks.segmenter)
    answers = decode(embedding, vectors, *parts, config)
    yield from _raw(networks, embedding, vectors)
    yield from _named("released.", _pair(answers))
    yield from _named("released.", _views(pack, picture, answers, threshold))
    one = replace(config, layout="one_token")
    yield from _named("onetoken_residual.", _pair(decode(embedding, vectors, *parts, one)))
    alone = decode(embedding, vectors[:1], *parts, config)
    yield "prompt0_alone.iou", alone.scores[:, None]
    yield from _named("twostage.", _second_stage(pack, networks, picture, embedding, answers))
    order = sorted(range(len(picture.prompts)), key=picture.categories.__getitem__)
    best = answers[best_answers(answers, order)]
    yield from {"refer.masks": full(best), "refer.scores": best.scores}.items()


def _second_stage(
    pack: Pack,
    networks: PackNetworks,
    picture: Picture,
    embedding: ImageEmbedding,
    answers: Answers,
) -> Arrays:
    config = OpenWorldSamConfig(min_score=pack.settings["iou_threshold_end_to_end"])
    kept = answers.scores >= config.min_score
    yield "kept", kept
    name = f"eval.img{picture.number}.released.low_res_masks"
    given = replace(answers, logits=pack.stage(name, answers.logits[:, None])[:, 0])
    first = Prompts(None, None, None, given.logits[kept][:SHOWN_DENSE])
    yield "dense", networks.segmenter.prompts.dense(first)
    yield from _pair(refine(embedding, given, networks.segmenter, config))


def _pair(answers: Answers) -> Arrays:
    yield from {"low_res_masks": answers.logits[:, None], "iou": answers.scores[:, None]}.items()


def full(answers: Answers) -> Tensor:
    """All logits at the size of the picture."""
    return torch.cat([logits for _, logits in answers.full_size()])


def _raw(networks: PackNetworks, embedding: ImageEmbedding, vectors: Tensor) -> Arrays:
    """The four mask tokens before one of them is chosen."""
    segmenter = networks.segmenter
    rows = embedding.maps[-1].flatten(2).transpose(1, 2)
    tokens = networks.adapter(vectors, rows).tokens("released", "joint")
    image = segmenter.decoder.prepare(
        embedding.maps, segmenter.prompts.position(), segmenter.prompts.no_mask
    )
    single = segmenter.decoder(image, tokens, None, False, fallback=False)
    several = segmenter.decoder(image, tokens, None, True)
    first = single.logits.flatten(1)
    inner, outer = ((first > bound).sum(dim=1, keepdim=True) for bound in (DELTA, -DELTA))
    yield from {
        "released.masks4_tok0": single.logits[:, 0],
        "released.iou4": torch.cat([single.scores, several.scores], dim=1),
        "released.obj_score": single.object_logits,
        "released.stability_tok0": torch.where(outer > 0, inner / outer, 1.0),
    }.items()


def _views(pack: Pack, picture: Picture, answers: Answers, threshold: float) -> Arrays:
    classes = len(pack.settings["classes"])
    named = replace(answers, prompts=torch.tensor(picture.categories)[answers.prompts])
    yield "sem_seg", class_sums(full(named), named.scores, named.prompts, classes)
    yield "sem_argmax", label_pixels(named, classes, "released")
    things = named[~torch.isin(named.prompts, torch.tensor(sorted(pack.stuff)))]
    nms = pack.settings["nms_threshold"]
    chosen, masks = choose_objects(things, min_score=threshold, nms="box", nms_iou=nms)
    yield from _named("inst_", objects(things[chosen], masks))
    ids, segments = divide(named, pack.stuff, min_score=threshold, nms_iou=nms, min_share=0.5)
    yield from {"panoptic": ids, "panoptic_info": info(segments)}.items()


def class_sums(logits: Tensor, scores: Tensor, owners: Tensor, classes: int) -> Tensor:
    """(C, H, W) of the released rule in full: own votes, and what every mask gives all classes."""
    masks = logits.float().sigmoid()
    own = torch.zeros(classes, len(scores))
    own[owners, torch.arange(len(scores))] = votes(scores, classes, "released")
    common = 1 / (scores.exp() + classes)
    return torch.einsum("cn,nhw->chw", own + common, masks)


def objects(answers: Answers, masks: Tensor) -> Arrays:
    """Single objects as a pack lists them."""
    boxes = cell_boxes(masks) if len(masks) else torch.zeros(0, 4)
    yield from {
        "masks": masks, "scores": answers.scores, "classes": answers.prompts, "boxes": boxes,
    }.items()  # fmt: skip


def info(segments: Sequence[DividedSegment]) -> Tensor:
    """Rows of number, whether it is a thing, and category."""
    rows = [[n, int(one.is_thing), one.prompt] for n, one in enumerate(segments, start=1)]
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 3)
