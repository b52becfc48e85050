"""GPT-2's byte-level tokenizer and what each of its tokens reads as."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from lexiseg.errors import CheckpointError
from lexiseg.models.tokenizer_files import read_byte_pairs


class Gpt2Tokenizer:
    """From text to token ids and back.

    Args:
        folder: with vocab.json and merges.txt, or tokenizer.json.

    Raises:
        WeightsNotFoundError: the folder holds no tokenizer.
        CheckpointError: its files cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._tokenizer = read_byte_pairs("GPT2Tokenizer", self.folder)

    def __len__(self) -> int:
        """Number of ids."""
        return len(self._tokenizer)

    @property
    def start(self) -> int:
        """Id of the token that begins every text.

        Raises:
            CheckpointError: the tokenizer names none.
        """
        if self._tokenizer.bos_token_id is None:
            raise CheckpointError(f"The tokenizer in {self.folder} names no bos_token.")
        return int(self._tokenizer.bos_token_id)

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What each token reads as when it stands alone, by id."""
        return tuple(self.decode([token]) for token in range(len(self)))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without the starting one."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; bytes that make no character read as U+FFFD."""
        return str(self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False))
