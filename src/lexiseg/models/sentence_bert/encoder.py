"""Sentence embeddings by mean pooling (Reimers & Gurevych, *Sentence-BERT*, EMNLP 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.huggingface import Architecture, load_published

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT = "sentence-transformers/all-mpnet-base-v2"
BATCH = 64  # texts that are encoded at once
ARCHITECTURES = (
    Architecture("Sentence-BERT on MPNet", "mpnet", "mpnet", "MPNetModel"),
    Architecture("Sentence-BERT on BERT", "bert", "bert", "BertModel"),
)


class SentenceBert:
    """Embeds texts so that the cosine says how much they mean the same.

    Args:
        network: a transformer whose answer has ``last_hidden_state``.
        tokenizer: of transformers, with padding on the right.
        max_tokens: of a text; what is longer is cut.
        name: of the weights in results.
        fingerprint: sha256 of the weights.

    Example:
        >>> model = SentenceBert.load("all-MiniLM-L6-v2/")      # doctest: +SKIP
        >>> dog, puppy = model.embed(["dog", "puppy"])           # doctest: +SKIP
        >>> float(dog @ puppy)                                   # doctest: +SKIP
        0.80
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_tokens: int,
        name: str = "",
        fingerprint: str = "",
    ) -> None:
        self.network, self.tokenizer, self.max_tokens = network, tokenizer, max_tokens
        self.name, self.fingerprint = name, fingerprint

    @classmethod
    def load(
        cls,
        source: str | Path = DEFAULT,
        device: str | torch.device = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> SentenceBert:
        """Load a published model.

        Args:
            source: hub id or folder in the layout of sentence-transformers.
            device: "auto" or a torch device.
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the folder holds another network, no tokenizer, or pools otherwise.
        """
        published = load_published(
            ARCHITECTURES, source, device, revision=revision, download=download
        )
        folder = published.folder
        pooling = published.side_file("1_Pooling/config.json")
        if not pooling.get("pooling_mode_mean_tokens", True):
            raise CheckpointError(f"{folder} does not pool by the mean; other pooling is not read.")
        positions = int(published.network.config.max_position_embeddings) - 2
        limit = published.side_file("sentence_bert_config.json").get("max_seq_length", positions)
        tokenizer = _read_tokenizer(folder)
        return cls(published.network, tokenizer, int(limit), published.name, published.fingerprint)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, D) float32 of unit length, each distinct text encoded once.

        Args:
            texts: as they are; no sentence is put around them.

        Raises:
            UsageError: a single string instead of a list.
        """
        if isinstance(texts, str):
            raise UsageError(f"Expected a list of texts, got the single text {texts[:80]!r}.")
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        parts = [
            self._encode(distinct[start : start + BATCH])
            for start in range(0, len(distinct), BATCH)
        ]
        if not parts:
            return torch.zeros(0, int(self.network.config.hidden_size))
        row = {text: index for index, text in enumerate(distinct)}
        return torch.cat(parts)[[row[text] for text in texts]]

    def _encode(self, texts: list[str]) -> Tensor:
        encoded = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self.network.device)
        tokens = self.network(**encoded).last_hidden_state.float()
        real = encoded["attention_mask"][..., None].to(tokens.dtype)
        mean = (tokens * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)
        return F.normalize(mean, dim=-1).cpu()


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} has no readable tokenizer ({reason[:200]}).") from error
