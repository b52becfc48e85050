import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.models.clip import BpeTokenizer
from lexiseg.training.mini.vocabulary import (
    WORD_END,
    byte_symbols,
    learn_merges,
    vocabulary_size,
    write_vocabulary,
)

WORDS = ["dog", "fire", "engine", "photo", "zebra", "q7", "straße", "木", "🐕"]
TEXTS = ["a photo of a fire engine.", "two dogs and a fire engine on the grass", "a dog, a log"] * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("vocabulary")
    write_vocabulary(learn_merges(TEXTS, 60), place)
    return place


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> BpeTokenizer:
    return BpeTokenizer(folder)


def test_the_first_merge_is_the_most_frequent_pair() -> None:
    words = " ".join(TEXTS).lower().replace(".", "").replace(",", "").split()
    pairs: Counter[tuple[str, str]] = Counter()
    for word in words:
        letters = [*word[:-1], word[-1] + WORD_END]
        pairs.update(pairwise(letters))
    first = learn_merges(TEXTS, 1)[0]
    assert pairs[first] == max(pairs.values())


def joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    done: list[str] = []
    for part in parts:
        done[-1:] = [done[-1] + part] if done and (done[-1], part) == pair else [*done[-1:], part]
    return done


def test_every_merge_is_of_a_most_frequent_pair() -> None:
    """The algorithm of Sennrich et al. again, slowly; among equals any may come first."""
    pieces = [word for text in TEXTS for word in re.findall(r"[a-z]+|[.,]", text.lower())]
    spelled = [[*piece[:-1], piece[-1] + WORD_END] for piece in pieces]
    merges = learn_merges(TEXTS, 60)
    assert merges
    for merge in merges:
        pairs = Counter(pair for parts in spelled for pair in pairwise(parts))
        assert pairs[merge] == max(pairs.values()) >= 2
        spelled = [joined(parts, merge) for parts in spelled]
    if len(merges) < 60:
        assert max(Counter(p for parts in spelled for p in pairwise(parts)).values(), default=0) < 2


def test_merging_stops_when_nothing_repeats() -> None:
    assert learn_merges(["ab cd"], 10) == []


def test_every_byte_stands_alone_and_at_a_word_end(folder: Path) -> None:
    entries = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    assert len(set(byte_symbols())) == 256
    assert all(s in entries and s + WORD_END in entries for s in byte_symbols())
    assert sorted(entries.values()) == list(range(vocabulary_size(folder)))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_string_encodes_without_unknown_tokens(tokenizer: BpeTokenizer, text: str) -> None:
    ids = tokenizer([text])[0]
    end = vocabulary_size(tokenizer.folder) - 1
    inner = ids[1 : int((ids == end).int().argmax())]
    assert ids[0] == end - 1
    assert (inner < end - 1).all()
    assert len(inner) or not text.strip() or not text.isprintable()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1))
def test_words_come_back_from_their_tokens(tokenizer: BpeTokenizer, words: list[str]) -> None:
    from transformers import CLIPTokenizer

    loaded = CLIPTokenizer.from_pretrained(str(tokenizer.folder), local_files_only=True)
    text = " ".join(words)
    ids = loaded(text, add_special_tokens=False)["input_ids"]
    assert loaded.decode(ids).replace(" ", "") == text.replace(" ", "")


def test_known_words_are_single_tokens(tokenizer: BpeTokenizer) -> None:
    assert int((tokenizer(["fire engine"])[0] > 0).sum()) == 4  # start, two words, end
