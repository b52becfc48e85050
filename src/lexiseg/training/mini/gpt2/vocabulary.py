"""A small byte-pair vocabulary in GPT-2's format, learnt from what the small GPT-2 reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lexiseg.training.mini.vocabulary import Pair, byte_symbols, train_merges

END = "<|endoftext|>"  # begins and ends every text
# GPT-2 keeps the case, and a word carries the blank before it.
PIECES = r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+"


def learn_merges(texts: Iterable[str], limit: int) -> list[Pair]:
    """Find the pairs of byte symbols to join, most frequent first.

    Example:
        >>> learn_merges(["a low low lower"], limit=3)
        [('l', 'o'), ('Ġ', 'lo'), ('Ġlo', 'w')]
    """
    return train_merges(texts, PIECES, limit)


def write_vocabulary(merges: list[Pair], folder: Path, context: int) -> int:
    """Write vocab.json, merges.txt and tokenizer_config.json as GPT-2's tokenizers read them.

    Every byte has an entry, so any string can be encoded; the end-of-text token is the last entry.

    Returns:
        Number of entries.
    """
    entries = dict.fromkeys([*byte_symbols(), *(left + right for left, right in merges), END])
    ids = {entry: number for number, entry in enumerate(entries)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": context,
        "add_prefix_space": False,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END),
    }
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return len(ids)
