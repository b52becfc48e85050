"""A loaded SigLIP: towers, tokenizer and preprocessing together."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lexiseg.errors import WeightsNotFoundError
from lexiseg.models.clip import Preprocessing
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.clip.vision import encode_in_batches
from lexiseg.models.huggingface import Architecture, Published, PublishedEncoder
from lexiseg.models.siglip.tower import PooledTower
from lexiseg.models.tokenizer_files import read_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

STATISTICS = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
TEXT_BATCH = 256


class Siglip(PublishedEncoder):
    """Image and text encoder with frozen weights, asked like `lexiseg.models.clip.Clip`.

    Args:
        published: the filled network and its folder.
    """

    # SigLIP, and SigLIP 2 for fixed sizes, have the first form; SigLIP 2 for flexible sizes the
    # second.
    architectures = (
        Architecture("SigLIP", "siglip", "siglip", "SiglipModel"),
        Architecture("SigLIP 2", "siglip2", "siglip2", "Siglip2Model"),
    )

    def __init__(self, published: Published) -> None:
        super().__init__(published)
        self.visual = PooledTower(self.network.vision_model)
        settings = {**STATISTICS, **published.side_file("preprocessor_config.json")}
        self.preprocessing = Preprocessing.from_huggingface(settings, self.visual.config.image_size)
        self.logit_scale = float(self.network.logit_scale.float().exp())
        self._context = int(self.network.config.text_config.max_position_embeddings)
        self._tokenizer = _read_tokenizer(published.folder)
        side = published.side_file("tokenizer_config.json")
        # The first SigLIP was trained on texts without punctuation.
        self._plain = side.get("tokenizer_class") == "SiglipTokenizer"
        self._texts = TextCache(self._encode_texts)

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return self.network.dtype  # type: ignore[no-any-return]

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of texts in their order, each distinct string encoded once."""
        if not texts:
            return torch.empty(0, self.visual.config.embed_dim, device=self.device)
        return self._texts(texts)

    @torch.no_grad()
    def _encode_texts(self, texts: list[str]) -> Tensor:
        parts = []
        for start in range(0, len(texts), TEXT_BATCH):
            ids = self._tokenize(texts[start : start + TEXT_BATCH]).to(self.device)
            # The last place is read, padding or not, and nothing is masked: so it was trained.
            parts.append(self.network.text_model(input_ids=ids).pooler_output.float())
        return torch.cat(parts)

    def _tokenize(self, texts: list[str]) -> Tensor:
        """Ids (N, context) of lower-case texts."""
        clean = [text.encode("utf-8", "replace").decode("utf-8").lower() for text in texts]
        if self._plain:
            gone = str.maketrans("", "", string.punctuation)
            clean = [" ".join(text.translate(gone).split()) for text in clean]
        ids = self._tokenizer(
            clean, padding="max_length", max_length=self._context, truncation=True
        )["input_ids"]
        return torch.tensor(ids)

    def image_features(self, pixels: Tensor) -> Tensor:
        """Features (B, E) float32 of normalized pixels (B, 3, H, W)."""
        return encode_in_batches(self.visual, pixels, self.device, self.dtype)


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    if not (folder / "tokenizer.json").is_file():
        raise WeightsNotFoundError(f"Folder {folder} has no tokenizer: expected tokenizer.json.")
    tokenizer = read_tokenizer("PreTrainedTokenizerFast", folder)
    tokenizer.padding_side = "right"
    return tokenizer
