"""The rules of the views on answers that are given: objects, segments, semantic map, sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.parity_openworldsam.answers import class_sums, info, objects
from benchmarks.parity_openworldsam.pack import Pack
from lexiseg.methods.openworldsam.answers import Answers, enlarge
from lexiseg.methods.openworldsam.instances import choose_objects
from lexiseg.methods.openworldsam.panoptic import divide
from lexiseg.methods.openworldsam.referring import best_answers
from lexiseg.methods.openworldsam.semantic import label_pixels

Arrays = Iterator[tuple[str, Any]]
TOP_K = "post.inst_topk"


def rebuild_rules(pack: Pack) -> Arrays:
    """Everything under ``post.``."""
    logits = pack.input("post.mask_logits")[:, 0].float()
    scores, labels = pack.input("post.scores")[:, 0], pack.input("post.labels")
    height, width = pack.settings["post"]["hw"]
    answers = Answers(logits, scores, labels, (height, width))
    yield from _objects(pack, answers)
    least, nms = pack.settings["post_iou_threshold"], pack.settings["nms_threshold"]
    ids, segments = divide(answers, pack.stuff, min_score=least, nms_iou=nms, min_share=0.5)
    yield from {"post.panoptic": ids, "post.panoptic_info": info(segments)}.items()
    classes = len(pack.settings["classes"])
    yield "post.sem_scores", class_sums(logits, scores, labels, classes)
    yield "post.sem_argmax", label_pixels(answers, classes, "released")
    asked = sorted(set(labels.tolist()))
    best = answers[best_answers(answers, asked)]
    yield from {
        "post.refer_masks_bin": best.binary(),
        "post.refer_scores": best.scores,
        "post.refer_labels": best.prompts,
    }.items()
    size = pack.expected("post.resized_logits").shape[-2:]
    yield "post.resized_logits", enlarge(logits, (size[0], size[1]))[:, None]


def _objects(pack: Pack, answers: Answers) -> Arrays:
    least, nms = pack.settings["post_iou_threshold"], pack.settings["nms_threshold"]
    things = answers[~torch.isin(answers.prompts, torch.tensor(sorted(pack.stuff)))]
    numbers = {n.removeprefix(TOP_K).split(".")[0] for n in pack.names if n.startswith(TOP_K)}
    kinds = {"inst_all": (answers, 0), "inst_thingsonly": (things, 0)}
    kinds |= {f"inst_topk{number}": (answers, int(number)) for number in numbers}
    for kind, (some, top_k) in kinds.items():
        chosen, masks = choose_objects(some, min_score=least, nms="box", nms_iou=nms, top_k=top_k)
        yield from ((f"post.{kind}.{name}", a) for name, a in objects(some[chosen], masks))
    kept, _ = choose_objects(answers, min_score=0.0, nms="mask", nms_iou=nms)
    yield "post.mask_nms_all_keep", torch.isin(torch.arange(len(answers)), kept)
