"""OWLv2 (Minderer et al. 2023): every patch proposes a box and compares itself with texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from lexiseg.models.clip import BpeTokenizer, Preprocessing
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.detectors.boxes import Detections, corners
from lexiseg.models.huggingface import Architecture, Published, PublishedModel
from lexiseg.ops.equal_shapes import rows

TEXT_BATCH = 256


@dataclass(frozen=True)
class PatchFeatures:
    """What the network knows of an image before any word.

    Attributes:
        patches: (1, P, D) features.
        boxes: (P, 4) float32 on the CPU, the box of every patch in image pixels, xyxy.
    """

    patches: Tensor
    boxes: Tensor


class Owlv2(PublishedModel):
    """Boxes for any number of texts; image and texts are encoded apart, each once.

    It computes in float32: 16 bits would move boxes by several pixels.

    Args:
        published: the filled network and its folder.
    """

    architectures = (Architecture("OWLv2", "owlv2", "owlv2", "Owlv2ForObjectDetection"),)

    def __init__(self, published: Published) -> None:
        super().__init__(published)
        config = self.network.config
        self.size = int(config.vision_config.image_size)
        settings = published.side_file("preprocessor_config.json")
        self.statistics = Preprocessing.from_huggingface(settings, self.size)
        context = int(config.text_config.max_position_embeddings)
        self._tokenizer = BpeTokenizer(published.folder, context)
        self._texts = TextCache(self._encode_texts)

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8]) -> PatchFeatures:
        """Features and boxes of all patches of an (H, W, 3) uint8 RGB image."""
        return self.encode_many([image])[0]

    @torch.no_grad()
    def encode_many(self, images: Sequence[NDArray[np.uint8]]) -> list[PatchFeatures]:
        """The same of several images in one pass, in their order."""
        pixels = torch.cat([self._prepare(image) for image in images]).to(self.device)
        features, _ = self.network.image_embedder(pixels)
        patches = features.flatten(1, 2)
        boxes = self.network.box_predictor(patches, features).cpu()
        return [
            PatchFeatures(own, corners(where) * max(image.shape[:2]))
            for image, own, where in zip(images, rows(patches), boxes, strict=True)
        ]

    def _prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """(1, 3, size, size) float32."""
        square = resize_padded(image, self.size)
        mean, std = (
            np.asarray(values, dtype=np.float32)
            for values in (self.statistics.mean, self.statistics.std)
        )
        return torch.from_numpy((square - mean) / std).permute(2, 0, 1)[None]

    @torch.no_grad()
    def detect(
        self, seen: PatchFeatures, phrases: Sequence[str], min_score: float = 0.1
    ) -> Detections:
        """Boxes of texts.

        Args:
            seen: what `encode` returned.
            phrases: T texts; a patch belongs to the one it resembles most.
            min_score: boxes must score above it.
        """
        if not phrases:
            return Detections.concatenate([])
        queries = self._texts(phrases).to(seen.patches)[None]
        logits, _ = self.network.class_predictor(seen.patches, queries)
        scores = logits[0].sigmoid().float().cpu()
        score, phrase = scores.max(dim=1)
        kept = score > min_score
        return Detections(seen.boxes[kept], score[kept], phrase[kept], scores.amax(dim=0))

    @torch.no_grad()
    def _encode_texts(self, texts: list[str]) -> Tensor:
        """Unit features (N, E) of texts."""
        parts = []
        for chunk in torch.split(self._tokenizer(texts), TEXT_BATCH):
            given = chunk.to(self.device)
            # What stands behind the end of a text is never read, so nothing needs masking.
            features = self.network.owlv2.get_text_features(input_ids=given).pooler_output
            parts.append(features / features.norm(dim=-1, keepdim=True))
        return torch.cat(parts)


def resize_padded(image: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Pad with black to a square at the right and bottom, smooth as far as it shrinks, and resize.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: side in pixels.

    Returns:
        (size, size, 3) float32 in [0, 1].
    """
    height, width = image.shape[:2]
    side = max(height, width)
    padding = ((0, side - height), (0, side - width), (0, 0))
    square = np.pad(image.astype(np.float32) / np.float32(255), padding)
    spread = max(0.0, (side / size - 1) / 2)
    smooth = ndimage.gaussian_filter(square, (spread, spread, 0), mode="mirror")
    factors = (size / side, size / side, 1)
    resized = ndimage.zoom(smooth, factors, order=1, mode="mirror", grid_mode=True)
    clipped: NDArray[np.float32] = np.clip(resized, square.min(), square.max())
    return clipped
