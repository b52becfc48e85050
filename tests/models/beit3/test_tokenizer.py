"""Token ids: the rule of XLM-RoBERTa over a sentencepiece model trained here."""

from __future__ import annotations

import pytest
import torch
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.beit3.tokenizer import Beit3Tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("spm")
    text = place / "text.txt"
    text.write_text("\n".join(["a red car on the road", "the dog left of the car"] * 30))
    SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(place / "beit3"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (place / "beit3.model").rename(place / "beit3.spm")
    return place


def test_ids_are_those_of_the_pieces_shifted_by_one(folder):
    model = SentencePieceProcessor(model_file=str(folder / "beit3.spm"))
    tokens, padding = Beit3Tokenizer(folder)(["the red dog", "car", "Ж"])
    for row, text in zip(tokens.tolist(), ["the red dog", "car"], strict=False):
        pieces = [piece + 1 for piece in model.encode(text)]
        assert row[: len(pieces) + 2] == [0, *pieces, 2]
        assert set(row[len(pieces) + 2 :]) <= {1}
    assert 3 in tokens[2].tolist()  # what no piece covers
    assert torch.equal(padding, tokens == 1)


def test_transformers_name_of_the_file_will_do(folder, tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_bytes((folder / "beit3.spm").read_bytes())
    texts = ["the red dog", "car"]
    ids, padding = Beit3Tokenizer(tmp_path)(texts)
    assert torch.equal(ids, Beit3Tokenizer(folder)(texts)[0]) and padding.any()


def test_a_long_text_is_cut_and_said_so(folder):
    with pytest.warns(UserWarning, match=r"has \d+ tokens; the first 6 are used"):
        tokens, _ = Beit3Tokenizer(folder, longest=8)(["dog " * 20 + "car " * 20])
    assert tokens.shape == (1, 8) and tokens[0, -1] == 2


def test_what_is_wrong_is_said(folder, tmp_path):
    with pytest.raises(WeightsNotFoundError, match="no tokenizer"):
        Beit3Tokenizer(tmp_path)
    for name in ("beit3.spm", "tokenizer.json"):
        (tmp_path / name).write_text("nonsense")
        with pytest.raises(CheckpointError, match=name):
            Beit3Tokenizer(tmp_path / name)
