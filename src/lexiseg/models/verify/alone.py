"""Questions to networks that read one thing: DINO, GPT-2, sentence encoders; and to a detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lexiseg.models.detectors import GroundingDino
from lexiseg.models.detectors.boxes import Detections
from lexiseg.models.dino import Dino
from lexiseg.models.gpt2 import Gpt2
from lexiseg.models.sentence_bert import SentenceBert
from lexiseg.models.verify.subject import Picture, Question, Subject, flat


@cache
def _sentences(path: Path) -> SentenceBert:
    return SentenceBert.load(path, "cpu")


@cache
def _dino(path: Path) -> Dino:
    dino = Dino.load(path, "cpu", "float32")
    dino.network.config = replace(dino.network.config, position_fit="exact")
    return dino


@cache
def _gpt2(path: Path) -> Gpt2:
    return Gpt2.load(path, "cpu", "float32")


@cache
def _detector(path: Path) -> GroundingDino:
    return GroundingDino.load(path, "cpu")


def _sentence_cosines(subject: Subject) -> list[float]:
    """Of all pairs of texts, in order."""
    vectors = _sentences(subject.path).embed(subject.texts)
    rows, columns = torch.triu_indices(len(vectors), len(vectors), offset=1)
    return flat((vectors @ vectors.T)[rows, columns])


@torch.no_grad()
def _dino_tokens(subject: Subject) -> list[float]:
    """A corner of the normalized tokens."""
    dino, (picture,) = _dino(subject.path), subject.pictures
    pixels = dino.statistics.normalize(_framed(picture, subject), dino.device)
    return flat(dino.network(pixels)[0, :3, :3])


def _framed(picture: Picture, subject: Subject) -> Picture:
    """Stretched to a square, or its shorter side resized and the middle cut out."""
    image = Image.fromarray(picture)
    if "square" in subject.inputs:
        (side,) = (int(str(number)) for number in subject.inputs["square"])
        return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
    shorter, side = (int(str(number)) for number in subject.inputs["shorter side, crop"])
    width, height = (shorter * length // min(image.size) for length in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + side, top + side)))


def _gpt2_greedy(subject: Subject) -> list[float]:
    """Ids that follow the given ones, each the likeliest, until there are as many as asked."""
    network = _gpt2(subject.path).network
    ids = [int(str(number)) for number in subject.inputs["ids"]]
    (length,) = (int(str(number)) for number in subject.inputs["length"])
    logits, past = network.extend(torch.tensor([ids]))
    while len(ids) < length:
        ids.append(int(logits[0].argmax()))
        logits, past = network.extend(torch.tensor([ids[-1:]]), past)
    return [float(number) for number in ids]


def _detections(subject: Subject) -> Detections:
    """Boxes above a score, in the network's own order."""
    detector, (picture,) = _detector(subject.path), subject.pictures
    (least,) = (float(str(number)) for number in subject.inputs["least score"])
    return detector.detect(detector.encode(picture), subject.texts, least, 0.0)


def _detection_scores(subject: Subject) -> list[float]:
    return flat(_detections(subject).scores)


def _detection_box(subject: Subject) -> list[float]:
    """Of the first."""
    return flat(_detections(subject).boxes[:1])


QUESTIONS: Mapping[str, Question] = {
    "sentence-cosines": _sentence_cosines,
    "dino-tokens": _dino_tokens,
    "gpt2-greedy": _gpt2_greedy,
    "detection-scores": _detection_scores,
    "detection-box": _detection_box,
}
LOADERS = (_sentences, _dino, _gpt2, _detector)
