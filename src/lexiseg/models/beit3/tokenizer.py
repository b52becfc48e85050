"""BEiT-3's tokens: pieces of a sentencepiece model, numbered as XLM-RoBERTa numbers them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lexiseg.errors import CheckpointError, MissingExtraError, WeightsNotFoundError

START, PAD, END, UNKNOWN = 0, 1, 2, 3
# The last is what transformers calls the same file, as beside EVF-SAM's weights.
FAST, PIECES, PIECES_TOO = "tokenizer.json", "beit3.spm", "sentencepiece.bpe.model"
LONGEST = 512  # tokens of a text, the habit of EVF-SAM


class Splitter(Protocol):
    """Cuts a text into pieces."""

    def __call__(self, text: str) -> list[int]:
        """Ids of the pieces, without first and last."""
        ...


class Beit3Tokenizer:
    """From texts to token ids: ``<s> text </s>``, padded to the longest.

    Args:
        source: beit3.spm, tokenizer.json, or a folder that holds one of them.
        longest: tokens that a text may have, its first and last included.

    Raises:
        WeightsNotFoundError: neither file is there.
        CheckpointError: the file cannot be read.
        MissingExtraError: a .spm file needs the package sentencepiece.
    """

    def __init__(self, source: str | Path, longest: int = LONGEST) -> None:
        self.file = find_tokenizer(Path(source))
        self.longest = longest
        is_fast = self.file.suffix == ".json"
        self._split: Splitter = _read_fast(self.file) if is_fast else _read_pieces(self.file)

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Number the pieces of texts.

        A text that is too long is cut, and a warning says so.

        Args:
            texts: as they are; nothing is put into lower case.

        Returns:
            tokens (B, T) int64, and (B, T) bool, True behind the end of a text.
        """
        rows = [[START, *self._cut(self._split(text), text), END] for text in texts]
        width = max((len(row) for row in rows), default=0)
        tokens = torch.full((len(rows), width), PAD)
        for row, ids in zip(tokens, rows, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        lengths = torch.tensor([len(row) for row in rows])
        return tokens, torch.arange(width) >= lengths[:, None]

    def _cut(self, pieces: list[int], text: str) -> list[int]:
        room = self.longest - 2
        if len(pieces) > room:
            warnings.warn(
                f"The text {text[:40]!r}... has {len(pieces)} tokens; the first {room} are used.",
                stacklevel=4,
            )
        return pieces[:room]


def find_tokenizer(source: Path) -> Path:
    """The file of a tokenizer.

    Raises:
        WeightsNotFoundError: it is not there.
    """
    if source.is_file():
        return source
    names = (FAST, PIECES, PIECES_TOO)
    found = next((source / name for name in names if (source / name).is_file()), None)
    if found is None:
        raise WeightsNotFoundError(
            f"{source} has no tokenizer: expected {FAST}, {PIECES} or {PIECES_TOO}; {PIECES} lies "
            "beside BEiT-3's published weights."
        )
    return found


def _read_pieces(file: Path) -> Splitter:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise MissingExtraError("sentencepiece", "openworldsam") from error
    try:
        model = SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"{file} is not a sentencepiece model ({error}).") from error
    unknown = model.unk_id()
    return lambda text: [UNKNOWN if piece == unknown else piece + 1 for piece in model.encode(text)]


def _read_fast(file: Path) -> Splitter:
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception on bad files
        raise CheckpointError(f"{file} is not a tokenizer ({error}).") from error
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)
