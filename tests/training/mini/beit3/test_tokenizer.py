from pathlib import Path

import pytest

from lexiseg.models.beit3.tokenizer import END, START, UNKNOWN, Beit3Tokenizer
from lexiseg.training.mini.beit3.tokenizer import learn_tokenizer


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Beit3Tokenizer:
    folder: Path = tmp_path_factory.mktemp("words")
    texts = 5 * ["the hot dog", "the dog left of the cat", "a cat"]
    learn_tokenizer(texts, 120).save(str(folder / "tokenizer.json"))
    return Beit3Tokenizer(folder)


def test_known_words_are_one_piece_between_the_published_ids(words: Beit3Tokenizer) -> None:
    tokens, padding = words(["dog", "the hot dog"])
    assert tokens.shape == (2, 5) and padding.sum() == 2
    first = tokens[0, :3].tolist()
    assert (first[0], first[2]) == (START, END) and first[1] > UNKNOWN
    assert tokens[1, 3] == first[1]


def test_case_does_not_matter_and_unknown_words_are_spelled(words: Beit3Tokenizer) -> None:
    assert words(["The Dog"])[0].tolist() == words(["the dog"])[0].tolist()
    spelled = words(["zebra"])[0][0].tolist()
    assert len(spelled) > 4 and UNKNOWN not in spelled
    assert UNKNOWN in words(["собака"])[0][0].tolist()
