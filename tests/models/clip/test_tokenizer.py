import json

import pytest

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.clip import BpeTokenizer

START, END = 518, 519


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder) -> BpeTokenizer:
    return BpeTokenizer(tokenizer_folder, context=24)


def test_words_become_their_pieces(tokenizer, tokenizer_folder):
    vocabulary = json.loads((tokenizer_folder / "vocab.json").read_text(encoding="utf-8"))
    ids = tokenizer(["Cat  dog", "cab"])
    assert ids.shape == (2, 24)
    expected = [START, vocabulary["cat</w>"], vocabulary["dog</w>"], END]
    assert ids[0, :4].tolist() == expected and not ids[0, 4:].any()
    assert ids[1, :4].tolist() == [START, vocabulary["ca"], vocabulary["b</w>"], END]


@pytest.mark.parametrize(
    "text",
    ["", "   ", "cat " * 2500, "x" * 10_000, "🦊🐈‍⬛" * 9, "قطة على كرسي", "\ud800 broken", "\x00"],
    ids=["empty", "blank", "many words", "long word", "emoji", "right to left", "surrogate", "nul"],
)
def test_any_text_ends_with_end_of_text(tokenizer, text):
    row = tokenizer([text])[0]
    last = int(row.nonzero().max())
    assert row[0] == START and row[last] == END
    assert (row[:last] != END).all()


def test_long_text_fills_the_context(tokenizer):
    row = tokenizer(["cat " * 100])[0]
    assert row.min() > 0 and row[-1] == END


def test_texts_do_not_depend_on_their_neighbors(tokenizer):
    both = tokenizer(["cat", "a much longer text"])
    assert both[0].tolist() == tokenizer(["cat"])[0].tolist()


def test_length_is_the_vocabulary_size(tokenizer):
    assert len(tokenizer) == END + 1


def test_no_texts_give_no_rows(tokenizer):
    assert tokenizer([]).shape == (0, 24)


def test_saved_tokenizer_reads_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    assert (tmp_path / "vocab.json").is_file() and (tmp_path / "merges.txt").is_file()
    texts = ["cat and dog", "🦊", ""]
    assert BpeTokenizer(tmp_path, 24)(texts).tolist() == tokenizer(texts).tolist()


def test_folder_without_tokenizer_is_reported(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="has no tokenizer"):
        BpeTokenizer(tmp_path)


def test_broken_tokenizer_is_reported(tmp_path):
    (tmp_path / "vocab.json").write_text("{")
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(CheckpointError, match="cannot be read"):
        BpeTokenizer(tmp_path)
