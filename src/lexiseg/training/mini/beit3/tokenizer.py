"""The small BEiT-3's tokenizer: pieces of Miniworld's words, numbered as the real one's are."""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3
BLANK = "▁"  # what stands before a word, as in sentencepiece
LIMIT = 1000  # entries


def learn_tokenizer(texts: Iterable[str], limit: int = LIMIT) -> Tokenizer:
    """Learn pieces by byte-pair merges; whatever letters can write can be encoded.

    Args:
        texts: what should be written in few pieces.
        limit: largest number of entries.

    Example:
        >>> tokenizer = learn_tokenizer(["the dog", "the cat"])
        >>> tokenizer.encode("The dog").tokens
        ['▁the', '▁dog']
    """
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[-1]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(BLANK, prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=limit,
        special_tokens=list(SPECIAL),
        initial_alphabet=[BLANK, *string.ascii_lowercase, *string.digits],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
