import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.models.clip.text_cache import TextCache


class Encoder:
    """Counts what it is asked."""

    def __init__(self):
        self.calls: list[list[str]] = []

    def __call__(self, texts):
        self.calls.append(texts)
        return torch.tensor([[len(t), sum(map(ord, t))] for t in texts], dtype=torch.float32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1), max_size=8), st.integers(1, 9))
def test_cache_is_invisible(requests, limit):
    cache = TextCache(Encoder(), limit)
    for texts in requests:
        assert torch.equal(cache(texts), Encoder()(texts))
        limit = max(limit, len(set(texts)))  # a single large call is held whole
        assert len(cache) <= limit


def test_every_string_is_encoded_once():
    encode = Encoder()
    cache = TextCache(encode)
    cache(["dog", "cat", "dog"])
    cache(["cat", "fox", "dog"])
    assert encode.calls == [["dog", "cat"], ["fox"]]


def test_failure_leaves_the_cache_usable():
    def fail(texts):
        raise ValueError("no")

    cache = TextCache(Encoder())
    cache(["a"])
    cache._encode = fail
    with pytest.raises(ValueError, match="no"):
        cache(["b"])
    assert cache(["a"]).tolist() == [[1.0, 97.0]]


def test_results_do_not_alias_the_cache():
    cache = TextCache(Encoder())
    cache(["a"]).zero_()
    assert cache(["a"]).tolist() == [[1.0, 97.0]]
