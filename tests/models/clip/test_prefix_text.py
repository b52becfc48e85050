import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.models.clip import (
    BpeTokenizer,
    Clip,
    ClipNetwork,
    Preprocessing,
    TextConfig,
    TextTower,
    VisionConfig,
    prefix_tree,
)
from lexiseg.models.clip.prefix_text import PrefixTextEncoder, encode_texts, fold
from lexiseg.models.clip.prefix_tree import NO_TOKEN, PrefixTree, encode_by_prefix

END = 9
texts_of_tokens = st.lists(
    st.lists(st.integers(1, 4), min_size=0, max_size=5), min_size=1, max_size=12
)


def rows(texts: list[list[int]], length: int = 8) -> torch.Tensor:
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text) + 1] = torch.tensor([*text, END])
    return ids


@pytest.fixture(scope="module")
def tower() -> TextTower:
    torch.manual_seed(0)
    tower = TextTower(TextConfig(16, 2, 2, context=8, vocabulary=10, embed_dim=6))
    torch.nn.init.normal_(tower.token_embedding.weight)
    return tower.eval().requires_grad_(False)


@settings(max_examples=20, deadline=None)
@given(texts=texts_of_tokens)
def test_features_are_those_of_the_plain_tower(tower, texts):
    ids = rows(texts)
    torch.testing.assert_close(encode_by_prefix(tower, ids), tower(ids), atol=2e-6, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(texts=texts_of_tokens)
def test_there_is_one_node_for_every_beginning(texts):
    ended = [[*text, END] for text in texts]
    ordered = sorted({tuple(t + [NO_TOKEN] * (8 - len(t))) for t in ended})
    tree = PrefixTree.grow(torch.tensor(ordered))
    beginnings = {tuple(text[: k + 1]) for text in ended for k in range(len(text))}
    spelled = [
        tuple(tree.tokens[path[: depth + 1]].tolist())
        for path, depth in zip(tree.paths, tree.depths.tolist(), strict=True)
    ]
    assert sorted(spelled) == sorted(beginnings)
    ends = [spelled[node] for node in tree.ends.tolist()]
    assert ends == [tuple(token for token in row if token != NO_TOKEN) for row in ordered]


def test_small_trees_and_few_nodes_at_a_time_change_nothing(tower, monkeypatch):
    ids = rows([[a, b] for a in range(1, 5) for b in range(1, 5)])
    whole = encode_by_prefix(tower, ids)
    monkeypatch.setattr(prefix_tree, "TEXTS", 3)
    monkeypatch.setattr(prefix_tree, "NODES", 2)
    torch.testing.assert_close(encode_by_prefix(tower, ids), whole, atol=1e-6, rtol=1e-5)


def test_tokens_behind_the_end_do_not_matter(tower):
    ids = rows([[1, 2], [1, 2]])
    ids[1, 5:] = 3
    features = encode_by_prefix(tower, ids)
    assert torch.equal(features[0], features[1])
    assert encode_by_prefix(tower, ids[:0]).shape == (0, 6)


@pytest.fixture(scope="module")
def clip(tokenizer_folder) -> Clip:
    torch.manual_seed(0)
    vision = VisionConfig(16, 1, 1, patch_size=8, image_size=16, embed_dim=20)
    text = TextConfig(32, 2, 2, context=24, vocabulary=520, embed_dim=20, end_id=519)
    words = BpeTokenizer(tokenizer_folder, 24)
    return Clip(ClipNetwork(vision, text), words, Preprocessing(16), "tiny", "0")


TEXTS = [
    "Image of a cat",
    "image of  a CAT",  # the same to the tokenizer
    "Image of acat",  # a piece that joins the word before it
    "Image of a cat<|endoftext|> dog",
    "Image of a İÇ Σας 🦊",
    "",
    "x" * 100,
]


def test_encoder_equals_the_plain_text_features(clip):
    expected = F.normalize(clip.text_features(TEXTS), dim=-1)
    encoder = PrefixTextEncoder(clip)
    torch.testing.assert_close(encoder(TEXTS), expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(encoder(TEXTS[::-1]), expected.flip(0), atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(encode_texts(clip, TEXTS), expected, atol=2e-6, rtol=1e-5)
    assert encoder([]).shape == (0, 20)


def test_texts_that_read_the_same_are_encoded_once(clip, monkeypatch):
    encoder, seen = PrefixTextEncoder(clip), []
    tokenizer = clip.tokenizer.__call__
    monkeypatch.setattr(
        type(clip.tokenizer), "__call__", lambda self, texts: seen.extend(texts) or tokenizer(texts)
    )
    encoder(["a cat", "A  cat ", "a dog"])
    encoder(["a CAT", "a cow"])
    assert seen == ["a cat", "a dog", "a cow"]


def test_memory_is_bounded(clip):
    encoder = PrefixTextEncoder(clip, limit=4)
    for number in range(10):
        encoder([f"cat {number}", "dog"])
        assert len(encoder._memory) <= 4


@pytest.mark.parametrize("text", ["A\t\nB", "İstanbul", "ΣΑΣ", "\x1c A"])
def test_folding_never_changes_tokens(clip, text):
    assert clip.tokenizer([fold(text)]).tolist() == clip.tokenizer([text]).tolist()
