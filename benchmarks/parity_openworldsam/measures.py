"""Preparation of pictures, and the formulas of the metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.parity_openworldsam.pack import Pack
from lexiseg.metrics import semantic_scores
from lexiseg.metrics.referring import cumulative_overlap, mean_overlap, overlap
from lexiseg.models.beit3.preprocess import prepare_picture
from lexiseg.models.sam import Preprocessing

Arrays = Iterator[tuple[str, Any]]
SAMPLED = re.compile(r"prep\.(sam|beit)_(\d+)_every_(\d+)px")


def rebuild_preprocessing(pack: Pack) -> Arrays:
    """Everything under ``prep.``: sizes and steps are told by the names."""
    image = pack.input("prep.image_u8").numpy()
    for name, kind, size, step in (
        (name, *found.groups()) for name in pack.names if (found := SAMPLED.fullmatch(name))
    ):
        if kind == "sam":
            pixels = Preprocessing(int(size), keep_aspect=False, antialias=False)(image)[0]
        else:
            pixels = prepare_picture(image, int(size))[0]
        yield name, pixels[:, :: int(step), :: int(step)]


def rebuild_metrics(pack: Pack) -> Arrays:
    """Everything under ``metric.``."""
    truth = pack.input("metric.ground.gt").numpy().astype(bool)
    order = pack.input("metric.ground.order").numpy()
    masks = pack.input("post.mask_logits")[:, 0].float().numpy()[order] > 0
    pairs = [overlap(one, other) for one, other in zip(truth, masks, strict=True)]
    ious = np.array([both / max(1, either) for both, either in pairs])
    values = {"cIoU": cumulative_overlap(pairs), "mIoU": mean_overlap(pairs)}
    keys = pack.settings["metric_ground_keys"]
    values |= {key: float((ious > float(key.split("@")[1])).mean()) for key in keys if "@" in key}
    yield "metric.ground.values", [100 * values[key] for key in keys]
    counts = pack.input("metric.sem.conf").numpy()[:-1, :-1].T  # without ignore; rows = truth
    scores = semantic_scores(counts, count_background=True, over="shown-or-answered")
    by_key = {"mIoU": scores.miou, "fwIoU": scores.fwiou, "mACC": scores.macc, "pACC": scores.pacc}
    yield "metric.sem.values", [100 * by_key[key] for key in pack.settings["metric_sem_keys"]]
