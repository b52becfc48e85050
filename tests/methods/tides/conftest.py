"""A toy world whose scorer reads colors and whose segmenter knows the objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from lexiseg.methods.tides import Tides, TidesConfig
from lexiseg.ops.resizing import resize_from_frame
from lexiseg.types import Candidates, DenseFeatures, Frame, ImageEmbedding

COLORS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 230)}
GRAY = (128, 128, 128)
LIGHT = 0.65  # how much of its color the paler half of an object keeps
NAMES = (*COLORS, "zebra", "background")


def shade(color):
    return tuple(int(LIGHT * c + (1 - LIGHT) * g) for c, g in zip(color, GRAY, strict=True))


class ColorScorer:
    """Features are how red, green, blue and gray a patch is; texts are those axes."""

    input_size, patch_size = 56, 4
    device = torch.device("cpu")
    encoded = 0

    def normalize(self, images):
        return images

    def encode(self, pixels):
        self.encoded += len(pixels)
        patches = F.avg_pool2d(pixels, self.patch_size).permute(0, 2, 3, 1)
        gray = torch.tensor(GRAY) / 255
        away = patches - gray
        axes = F.normalize(torch.tensor(list(COLORS.values())) / 255 - gray, dim=1)
        strength = (away @ axes.T / 0.62).clamp(0, 1)
        strength = torch.where(strength > 0.25, strength, 0)
        absent = torch.zeros_like(strength[..., :1])
        ground = 1 - strength.amax(dim=-1, keepdim=True)
        features = torch.cat([strength, absent, ground], dim=-1)
        cls = features.flatten(1, 2).amax(dim=1) * torch.tensor([1, 1, 1, 1, 0.3])
        unit = F.normalize(cls, dim=-1)
        return DenseFeatures(features, unit, unit)

    def score(self, features, texts):
        return features.patches @ texts.T

    def embed_texts(self, names):
        return torch.eye(len(NAMES))[[NAMES.index(name) for name in names]]


@dataclass
class ObjectSegmenter:
    """Answers a point by half its object, the object, and all that touch it, with the gaps.

    Its own score prefers the half: the bias that the IO score is to undo.
    """

    objects: np.ndarray  # (H, W) int, 0 = background
    asked: list = field(default_factory=list)
    side = 128

    def encode(self, image):
        assert image.shape[:2] == self.objects.shape
        height, width = self.objects.shape
        scale = self.side * 4 / max(height, width)
        content = (max(round(height * scale), 1), max(round(width * scale), 1))
        return ImageEmbedding(Frame((height, width), content, (self.side * 4,) * 2), ())

    def predict_chunks(self, embedding, *, points, multimask=True, **_):
        points = torch.as_tensor(points)
        for start in range(0, len(points), 50):
            yield self.predict(embedding, points=points[start : start + 50])

    def predict(self, embedding, *, points, multimask=True, **_):
        self.asked += [tuple(point) for point in torch.as_tensor(points)[:, 0].tolist()]
        masks = [self.answer(x, y) for x, y in self.asked[-len(points) :]]
        logits = torch.stack([self.to_frame(mask, embedding.frame) for mask in masks])
        return Candidates(logits, torch.tensor([[0.97, 0.9, 0.88]]).expand(len(points), 3))

    @cached_property
    def groups(self):
        grown = ndimage.binary_dilation(self.objects > 0, iterations=8)
        closed = ndimage.binary_closing(self.objects > 0, iterations=8)
        return np.where(closed, ndimage.label(grown)[0], 0)

    def answer(self, x, y):
        column, row = int(x), int(y)
        number = self.objects[row, column]
        whole = self.objects == number
        if number == 0:
            return np.stack([np.zeros_like(whole)] * 3)
        columns = np.flatnonzero(whole.any(axis=0))
        middle = (columns[0] + columns[-1] + 1) // 2
        left = np.arange(whole.shape[1]) < middle
        half = whole & (left if column < middle else ~left)
        group = self.groups == self.groups[row, column]
        return np.stack([half, whole, group | whole])

    def to_frame(self, masks, frame):
        maps = torch.from_numpy(masks).float()[None]
        height, width = (max(round(side / 4), 1) for side in frame.content_hw)
        small = F.interpolate(maps, (height, width), mode="area")[0]
        return F.pad(small, (0, self.side - width, 0, self.side - height)) * 8 - 4

    def full_size(self, logits, embedding):
        return resize_from_frame(logits, embedding.frame, through=True)


def draw(boxes, size_hw=(192, 256)):
    """An image of two-shade boxes (name, x, y, width, height) and its object map."""
    image = np.full((*size_hw, 3), GRAY, dtype=np.uint8)
    objects = np.zeros(size_hw, dtype=int)
    for number, (name, x, y, width, height) in enumerate(boxes, start=1):
        image[y : y + height, x : x + width // 2] = COLORS[name]
        image[y : y + height, x + width // 2 : x + width] = shade(COLORS[name])
        objects[y : y + height, x : x + width] = number
    return image, objects


def build(objects, **options):
    settings = {"long_side": 256, "windows": (56, 84, 112), "point_stride": 4, **options}
    return Tides(ColorScorer(), ObjectSegmenter(objects), TidesConfig(**settings))


@pytest.fixture(scope="session")
def toy():
    """`draw` and `build`."""
    return draw, build
