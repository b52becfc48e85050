"""Tokenizers of transformers, read from the files beside the weights."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import CheckpointError, WeightsNotFoundError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def has_byte_pairs(folder: Path) -> bool:
    """Whether a folder holds a byte-pair tokenizer in one of its two forms."""
    pair = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    return pair or (folder / "tokenizer.json").is_file()


def read_byte_pairs(kind: str, folder: Path) -> PreTrainedTokenizerBase:
    """Read a byte-pair tokenizer, as CLIP and GPT-2 have them.

    Args:
        kind: its class in transformers.
        folder: holds vocab.json and merges.txt, or tokenizer.json.

    Raises:
        WeightsNotFoundError: the folder holds no tokenizer.
        CheckpointError: its files cannot be read.
    """
    if not has_byte_pairs(folder):
        raise WeightsNotFoundError(
            f"Folder {folder} has no tokenizer: expected vocab.json with merges.txt, or "
            "tokenizer.json."
        )
    return read_tokenizer(kind, folder)


def read_tokenizer(kind: str, folder: Path) -> PreTrainedTokenizerBase:
    """Read a tokenizer; without any file transformers may make one that knows no word.

    Args:
        kind: its class in transformers.
        folder: holds its files.

    Raises:
        CheckpointError: they cannot be read.
    """
    try:
        reader = getattr(import_module("transformers"), kind)
        tokenizer: PreTrainedTokenizerBase = reader.from_pretrained(
            str(folder), local_files_only=True
        )
        return tokenizer
    except Exception as error:  # the tokenizers library raises plain Exception on bad files
        raise CheckpointError(
            f"The tokenizer files in {folder} cannot be read ({error})."
        ) from error
