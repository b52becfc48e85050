"""From strings to token ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from lexiseg.models.tokenizer_files import has_byte_pairs, read_byte_pairs

# (N strings) -> (N, context) int64 with the end-of-text token in every row, zeros behind it
Tokenizer: TypeAlias = Callable[[list[str]], Tensor]


class BpeTokenizer:
    """CLIP's byte-pair tokenizer, from a folder with vocab.json and merges.txt.

    Too long texts lose their end; the end-of-text token always stays last.
    """

    def __init__(self, folder: str | Path, context: int = 77) -> None:
        self.folder = Path(folder)
        self.context = context
        self._tokenizer = read_byte_pairs("CLIPTokenizer", self.folder)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds the files of a tokenizer."""
        return has_byte_pairs(folder)

    def __len__(self) -> int:
        """Number of ids, as the network's vocabulary needs it."""
        return len(self._tokenizer)

    def __call__(self, texts: list[str]) -> Tensor:
        """Token ids (N, context) int64, zeros behind the end-of-text token."""
        # Lone surrogates cannot be encoded; "?" stands for them.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ids = torch.zeros(len(texts), self.context, dtype=torch.long)
        if clean:
            encoded = self._tokenizer(clean, truncation=True, max_length=self.context)
            for row, tokens in zip(ids, encoded["input_ids"], strict=True):
                row[: len(tokens)] = torch.tensor(tokens)
        return ids

    def save(self, folder: str | Path) -> None:
        """Write the tokenizer's files into a folder."""
        self._tokenizer.save_pretrained(str(folder))
        self._tokenizer.backend_tokenizer.model.save(str(folder))  # vocab.json and merges.txt
