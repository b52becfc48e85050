"""A small byte-pair vocabulary in CLIP's format, learnt from captions."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
# CLIP lowers the case, then cuts into runs of letters, single digits and runs of other signs.
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_")

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
    symbols = byte_symbols()
    words = Counter(piece for text in texts for piece in PIECES.findall(text.lower()))
    return merge_pieces(words, {word: _spell(word, symbols) for word in words}, limit)


def merge_pieces(
    words: Mapping[str, int], spelled: Mapping[str, list[str]], limit: int
) -> list[Pair]:
    """Join the most frequent neighbours again and again.

    Args:
        words: how often each word occurs.
        spelled: the symbols of each word.
        limit: as of `learn_merges`.
    """
    merges: list[Pair] = []
    while len(merges) < limit:
        pairs: Counter[Pair] = Counter()
        for word, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        spelled = {word: _join(parts, best) for word, parts in spelled.items()}
    return merges


def _spell(word: str, symbols: list[str]) -> list[str]:
    parts = [symbols[byte] for byte in word.encode()]
    return [*parts[:-1], parts[-1] + WORD_END]


def _join(parts: list[str], pair: Pair) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


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
