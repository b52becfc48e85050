"""A small byte-pair vocabulary in CLIP's format, learnt from captions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
# CLIP lowers the case, then cuts into runs of letters, single digits and runs of other signs.
PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_"

Pair = tuple[str, str]


def byte_symbols() -> list[str]:
    """The 256 printable characters that stand for bytes 0..255 (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in symbols)
    symbols.update({byte: chr(256 + rank) for rank, byte in enumerate(others)})
    return [symbols[byte] for byte in range(256)]


def learn_merges(texts: Iterable[str], limit: int) -> list[Pair]:
    """Find the pairs to join, most frequent first (Sennrich et al. 2016, algorithm 1).

    Args:
        texts: what the vocabulary should write in few tokens.
        limit: largest number of merges; fewer when no pair occurs twice.

    Example:
        >>> learn_merges(["low low lower"], limit=2)
        [('l', 'o'), ('lo', 'w</w>')]
    """
    return train_merges((text.lower() for text in texts), PIECES, limit, WORD_END)


def train_merges(texts: Iterable[str], pieces: str, limit: int, word_end: str = "") -> list[Pair]:
    """Byte-pair merges of texts by the `tokenizers` library.

    Args:
        texts: what is counted.
        pieces: regular expression of what is never joined with its neighbours.
        limit: as of `learn_merges`.
        word_end: what the last symbol of a piece carries.
    """
    tokenizer = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(pieces), "removed", invert=True)
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, to_bytes])
    symbols = byte_symbols()
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(symbols) + limit,  # each symbol alone and at the end of a piece
        min_frequency=2,
        initial_alphabet=symbols,
        end_of_word_suffix=word_end,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges[:limit]]


def write_vocabulary(merges: list[Pair], folder: Path) -> int:
    """Write vocab.json, merges.txt and tokenizer_config.json.

    Every byte has an entry alone and at the end of a word, so any string can be encoded; the
    end-of-text token has the largest id, as CLIP's text tower expects.

    Returns:
        Number of entries.
    """
    symbols = byte_symbols()
    entries = [*symbols, *(symbol + WORD_END for symbol in symbols)]
    entries += [left + right for left, right in merges]
    entries = [*dict.fromkeys(entries), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    ids = {entry: number for number, entry in enumerate(entries)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return len(entries)


def vocabulary_size(folder: Path) -> int:
    """Number of entries of the vocabulary in a folder."""
    return len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
