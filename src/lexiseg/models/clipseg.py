"""CLIPSeg (Lüddecke and Ecker 2022): a small decoder on CLIP that draws one map per text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.clip import BpeTokenizer, Preprocessing
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.huggingface import Architecture, Published, PublishedEncoder
from lexiseg.ops.equal_shapes import rows

# What the published checkpoints were trained at, where the preprocessor file is silent.
SIZE = 352
STATISTICS = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
TEXT_BATCH = 256


class ClipSeg(PublishedEncoder):
    """Maps of texts; the image tower runs once per image, the text tower once per text.

    Args:
        published: the filled network and its folder.
    """

    architectures = (Architecture("CLIPSeg", "clipseg", "clipseg", "CLIPSegForImageSegmentation"),)

    def __init__(self, published: Published) -> None:
        super().__init__(published)
        config = self.network.config
        settings = published.side_file("preprocessor_config.json")
        self.size = _side(settings.get("size") or SIZE)
        self.statistics = Preprocessing.from_huggingface({**STATISTICS, **settings}, self.size)
        context = int(config.text_config.max_position_embeddings)
        self._tokenizer = BpeTokenizer(published.folder, context)
        self._texts = TextCache(self._encode_texts)

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """What the decoder reads of an (H, W, 3) uint8 RGB image: (1, 1 + n, D) of some blocks."""
        return self.encode_many([image])[0]

    @torch.no_grad()
    def encode_many(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Tensor, ...]]:
        """The same of several images in one pass, in their order."""
        pixels = torch.cat([self._prepare(image) for image in images])
        seen = self.network.clip.vision_model(
            pixels.to(self.device, self.network.dtype),
            interpolate_pos_encoding=True,
            output_hidden_states=True,
        )
        read = [seen.hidden_states[block + 1] for block in self.network.extract_layers]
        return list(zip(*map(rows, read), strict=True))

    def _prepare(self, image: NDArray[np.uint8]) -> Tensor:
        square = Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return self.statistics.normalize(np.asarray(square))

    @torch.no_grad()
    def maps(self, seen: tuple[Tensor, ...], texts: Sequence[str]) -> Tensor:
        """Logits (T, size, size) float32 of T texts, positive where a text holds."""
        conditions = self._texts(texts)
        given = [block.expand(len(texts), -1, -1) for block in seen]
        logits: Tensor = self.network.decoder(given, conditions).logits.float()
        return logits

    @torch.no_grad()
    def _encode_texts(self, texts: list[str]) -> Tensor:
        parts = [
            self.network.clip.get_text_features(chunk.to(self.device)).pooler_output
            for chunk in torch.split(self._tokenizer(texts), TEXT_BATCH)
        ]
        return torch.cat(parts)


def _side(size: int | dict[str, int]) -> int:
    sides = set(size.values()) if isinstance(size, dict) else {size}
    if len(sides) != 1:
        raise UsageError(f"CLIPSeg sees squares; its preprocessor_config.json asks for {size}.")
    return int(sides.pop())
