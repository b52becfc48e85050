"""From strings to token ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from lexiseg.errors import CheckpointError, WeightsNotFoundError

# (N strings) -> (N, context) int64 with the end-of-text token in every row, zeros behind it
Tokenizer: TypeAlias = Callable[[list[str]], Tensor]


class BpeTokenizer:
    """CLIP's byte-pair tokenizer, from a folder with vocab.json and merges.txt.

    Too long texts lose their end; the end-of-text token always stays last.
    """

    def __init__(self, folder: str | Path, context: int = 77) -> None:
        self.folder = Path(folder)
        self.context = context
        if not self.is_in(self.folder):
            raise WeightsNotFoundError(
                f"Folder {folder} has no tokenizer: expected vocab.json with merges.txt, or "
                "tokenizer.json."
            )
        self._tokenizer = _read(self.folder)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds the files of a tokenizer."""
        pair = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
        return pair or (folder / "tokenizer.json").is_file()

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


def _read(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # the tokenizers library raises plain Exception on bad files
        raise CheckpointError(
            f"The tokenizer files in {folder} cannot be read ({error})."
        ) from error
