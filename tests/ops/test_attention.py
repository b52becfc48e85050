import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.ops.attention import AttentionMean, attention_weights, causal, masked, plain


def make_qkv(seed: int, batch: int = 2, heads: int = 3, tokens: int = 5, dim: int = 4):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, heads, tokens, dim, generator=generator) for _ in range(3)]


def slow_attention(query, key, value, bias=None):
    """One output vector at a time."""
    result = torch.zeros_like(value)
    batch, heads, tokens, dim = query.shape
    for b in range(batch):
        for h in range(heads):
            for i in range(tokens):
                logits = torch.stack([query[b, h, i] @ key[b, h, j] for j in range(tokens)])
                logits = logits / dim**0.5
                if bias is not None:
                    logits = logits + bias[i]
                weights = logits.exp() / logits.exp().sum()
                result[b, h, i] = sum(weights[j] * value[b, h, j] for j in range(tokens))
    return result


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), tokens=st.integers(1, 6), dim=st.integers(1, 5))
def test_plain_equals_the_formula(seed, tokens, dim):
    q, k, v = make_qkv(seed, 1, 2, tokens, dim)
    torch.testing.assert_close(plain(q, k, v), slow_attention(q, k, v), atol=1e-5, rtol=1e-5)


def test_causal_is_plain_attention_with_a_lower_triangle():
    q, k, v = make_qkv(0)
    bias = torch.full((5, 5), -torch.inf).triu(1)
    torch.testing.assert_close(causal(q, k, v), slow_attention(q, k, v, bias))


@pytest.mark.parametrize("as_bool", [False, True])
def test_masked_adds_its_bias(as_bool):
    q, k, v = make_qkv(1)
    allowed = torch.rand(5, 5, generator=torch.Generator().manual_seed(3)) < 0.7
    allowed.fill_diagonal_(True)
    bias = torch.zeros(5, 5).masked_fill(~allowed, -torch.inf)
    attend = masked(allowed if as_bool else bias)
    torch.testing.assert_close(attend(q, k, v), slow_attention(q, k, v, bias))


def test_masked_takes_a_bias_per_head():
    q, k, v = make_qkv(2)
    bias = torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(4))
    per_head = [slow_attention(q[:, [h]], k[:, [h]], v[:, [h]], bias[h]) for h in range(3)]
    torch.testing.assert_close(masked(bias)(q, k, v), torch.cat(per_head, dim=1))


def test_attention_mean_output_is_plain_attention():
    q, k, v = make_qkv(5)
    torch.testing.assert_close(AttentionMean()(q, k, v), plain(q, k, v))


def test_attention_mean_averages_heads_and_blocks():
    record = AttentionMean()
    expected = torch.zeros(2, 5, 5)
    for seed in range(3):
        q, k, v = make_qkv(seed)
        record(q, k, v)
        expected += torch.softmax(q @ k.mT / 4**0.5, dim=-1).mean(1) / 3
    torch.testing.assert_close(record.mean, expected)
    assert record.blocks == 3


def test_attention_mean_keeps_float32_for_half_precision_tokens():
    q, k, v = (t.bfloat16() for t in make_qkv(6))
    record = AttentionMean()
    assert record(q, k, v).dtype == torch.bfloat16
    assert record.mean.dtype == torch.float32
    torch.testing.assert_close(record.mean.sum(-1), torch.ones(2, 5), atol=1e-5, rtol=0)


def test_attention_mean_when_nothing_ran_explains():
    with pytest.raises(UsageError, match="run a block"):
        _ = AttentionMean().mean


def test_attention_weights_rows_sum_to_one():
    q, k, _ = make_qkv(7)
    weights = attention_weights(q, k)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))
