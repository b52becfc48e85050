"""CLIPSeg (Lüddecke and Ecker 2022): a small decoder on CLIP that draws one map per text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.clip import BpeTokenizer, Preprocessing
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.huggingface import Architecture, Published, load_published

ARCHITECTURE = Architecture("CLIPSeg", "clipseg", "clipseg", "CLIPSegForImageSegmentation")
# What the published checkpoints were trained at, where the preprocessor file is silent.
SIZE = 352
STATISTICS = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
TEXT_BATCH = 256


class ClipSeg:
    """Maps of texts; the image tower runs once per image, the text tower once per text.

    Args:
        published: the filled network and its folder.
    """

    def __init__(self, published: Published) -> None:
        self.network: Any = published.network
        self.name = published.name
        self.fingerprint = published.fingerprint
        config = self.network.config
        settings = published.side_file("preprocessor_config.json")
        self.size = _side(settings.get("size") or SIZE)
        self.statistics = Preprocessing.from_huggingface({**STATISTICS, **settings}, self.size)
        context = int(config.text_config.max_position_embeddings)
        self._tokenizer = BpeTokenizer(published.folder, context)
        self._texts = TextCache(self._encode_texts)

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> ClipSeg:
        """Load from a known name ("clipseg-rd64-refined"), hub id or folder.

        Args:
            source: where the weights are.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the folder does not fit.
        """
        place = choose_device(device)
        found = load_published(
            ARCHITECTURE, source, place, choose_dtype(dtype, place), revision=revision,
            download=download,
        )  # fmt: skip
        return cls(found)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.network.parameters()).device  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """What the decoder reads of an (H, W, 3) uint8 RGB image: (1, 1 + n, D) of some blocks."""
        square = Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = self.statistics.normalize(np.asarray(square)).to(self.device, self.network.dtype)
        seen = self.network.clip.vision_model(
            pixels, interpolate_pos_encoding=True, output_hidden_states=True
        )
        return tuple(seen.hidden_states[block + 1] for block in self.network.extract_layers)

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


def _side(size: Any) -> int:
    sides = set(size.values()) if isinstance(size, dict) else {size}
    if len(sides) != 1:
        raise UsageError(f"CLIPSeg sees squares; its preprocessor_config.json asks for {size}.")
    return int(sides.pop())
