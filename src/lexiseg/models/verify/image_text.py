"""Questions to networks that compare pictures with texts: CLIP, SigLIP, CLIPSeg."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lexiseg.models.clip import Clip
from lexiseg.models.clip.vision import PositionTable
from lexiseg.models.clipseg import ClipSeg
from lexiseg.models.siglip import Siglip
from lexiseg.models.verify.subject import Picture, Question, Subject, flat


@cache
def _clip(path: Path) -> Clip:
    return Clip.load(path, "cpu", "float32")


@cache
def _clipseg(path: Path) -> ClipSeg:
    return ClipSeg.load(path, "cpu", "float32")


@cache
def _siglip(path: Path) -> Siglip:
    return Siglip.load(path, "cpu", "float32")


def _clip_tokens(subject: Subject) -> list[float]:
    """Ids until the first zero behind the end."""
    (ids,) = _clip(subject.path).tokenizer(subject.texts)
    return [float(number) for number in ids[: int(ids.count_nonzero()) + 1]]


def _clip_statistics(subject: Subject) -> list[float]:
    seen = _clip(subject.path).preprocessing
    return [*seen.mean, *seen.std]


def _clip_sizes(subject: Subject) -> list[float]:
    network = _clip(subject.path).network
    parameters = sum(tensor.numel() for tensor in network.parameters())
    text = network.text.config
    return [parameters, network.visual.config.image_size, text.context, text.vocabulary]


def _clip_cosines(subject: Subject) -> list[float]:
    """Of every picture with every text."""
    clip = _clip(subject.path)
    pixels = clip.preprocessing.squares(subject.pictures)
    pictures, texts = clip.image_features(pixels), clip.text_features(subject.texts)
    return flat(_unit(texts) @ _unit(pictures).T)


def _clip_logits(subject: Subject) -> list[float]:
    return [_clip(subject.path).logit_scale * cosine for cosine in _clip_cosines(subject)]


def _clip_probabilities(subject: Subject) -> list[float]:
    return flat(torch.tensor(_clip_logits(subject)).softmax(dim=0))


@torch.no_grad()
def _clip_hidden(subject: Subject) -> list[float]:
    """A corner of the last block's output, seen at another size than the native one."""
    clip, (picture,) = _clip(subject.path), subject.pictures
    (side,) = (int(str(number)) for number in subject.inputs["side"])
    pixels = clip.preprocessing.normalize(_square(picture, side))
    tower = clip.network.visual
    tokens = tower.run(tower.embed(pixels, PositionTable("bicubic")))
    return flat(tokens[0, :3, :3])


def _clipseg_maps(subject: Subject) -> list[float]:
    """A corner of the first text's map."""
    model, (picture,) = _clipseg(subject.path), subject.pictures
    return flat(model.maps(model.encode(picture), subject.texts)[0, :3, :3])


def _siglip_logits(subject: Subject) -> list[float]:
    model, (picture,) = _siglip(subject.path), subject.pictures
    seen = model.preprocessing
    pixels = seen.normalize(_square(picture, seen.size))
    cosines = _unit(model.text_features(subject.texts)) @ _unit(model.image_features(pixels)).T
    return flat(cosines * model.logit_scale + model.network.logit_bias.float())


def _square(picture: Picture, side: int) -> Picture:
    resized = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors.float(), dim=-1)


QUESTIONS: Mapping[str, Question] = {
    "clip-tokens": _clip_tokens,
    "clip-statistics": _clip_statistics,
    "clip-sizes": _clip_sizes,
    "clip-cosines": _clip_cosines,
    "clip-logits": _clip_logits,
    "clip-probabilities": _clip_probabilities,
    "clip-hidden": _clip_hidden,
    "clipseg-maps": _clipseg_maps,
    "siglip-logits": _siglip_logits,
}
LOADERS = (_clip, _clipseg, _siglip)
