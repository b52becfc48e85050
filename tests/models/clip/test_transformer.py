import pytest
import torch

from lexiseg.models.clip.transformer import Block, QuickGELU, Transformer
from lexiseg.ops.attention import plain


@pytest.fixture
def stack() -> Transformer:
    torch.manual_seed(0)
    return Transformer(4, width=24, heads=3, hidden=40, activation="quick_gelu", eps=1e-5)


def test_block_equals_torch_multi_head_attention():
    torch.manual_seed(1)
    block = Block(24, 3, 40)
    block.reset_parameters(1)
    oracle = torch.nn.MultiheadAttention(24, 3, batch_first=True)
    oracle.load_state_dict(block.attn.state_dict())
    x = torch.randn(2, 7, 24)
    normed = block.ln_1(x)
    torch.testing.assert_close(block.attend(normed), oracle(normed, normed, normed)[0])
    middle = x + block.attend(normed)
    torch.testing.assert_close(block(x), middle + block.mlp(block.ln_2(middle)))


def test_qkv_splits_the_packed_projection_by_head():
    torch.manual_seed(2)
    block = Block(24, 3, 40)
    block.reset_parameters(1)
    x = torch.randn(1, 5, 24)
    query, key, value = block.qkv(x)
    packed = x @ block.attn.in_proj_weight.T + block.attn.in_proj_bias
    for part, tensor in enumerate((query, key, value)):
        for head in range(3):
            start = part * 24 + head * 8
            torch.testing.assert_close(tensor[:, head], packed[..., start : start + 8])


def test_run_in_two_halves_equals_run_at_once(stack):
    x = torch.randn(2, 6, 24)
    for cut in range(5):
        torch.testing.assert_close(stack.run(stack.run(x, stop=cut), start=cut), stack(x))


def test_run_counts_negative_stops_from_the_end(stack):
    x = torch.randn(1, 6, 24)
    torch.testing.assert_close(stack.run(x, stop=-1), stack.run(x, stop=3))


def test_attention_mapping_reaches_only_its_blocks(stack):
    x = torch.randn(1, 6, 24)
    seen = []

    def spy(q, k, v):
        seen.append(q.shape)
        return v

    changed = stack.run(x, attention={1: spy, 3: spy})
    assert seen == [(1, 3, 6, 8)] * 2
    manual = stack.resblocks[0](x)
    manual = stack.resblocks[1](manual, spy)
    manual = stack.resblocks[3](stack.resblocks[2](manual), spy)
    torch.testing.assert_close(changed, manual)


def test_attention_mapping_counts_blocks_of_the_whole_stack(stack):
    x = torch.randn(1, 6, 24)
    seen = []

    def spy(q, k, v):
        seen.append(1)
        return plain(q, k, v)

    stack.run(x, start=2, attention={0: spy, 1: spy, 2: spy})
    assert len(seen) == 1


def test_attention_function_for_all_blocks(stack):
    x = torch.randn(1, 6, 24)

    def by_hand(q, k, v):
        return torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1) @ v

    torch.testing.assert_close(stack.run(x, attention=by_hand), stack.run(x))


def test_quick_gelu_follows_its_formula():
    x = torch.linspace(-6, 6, 25)
    expected = x / (1 + torch.exp(-1.702 * x))
    torch.testing.assert_close(QuickGELU()(x), expected)
    torch.testing.assert_close(QuickGELU().overwrite(x.clone()), expected)


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_block_gives_the_same_with_and_without_gradients(activation):
    torch.manual_seed(4)
    block = Block(24, 3, 40, activation)
    block.reset_parameters(1)
    x = torch.randn(2, 7, 24)
    copy = x.clone()
    with torch.no_grad():
        frozen = block(x)
    torch.testing.assert_close(frozen, block(x))
    assert torch.equal(x, copy)
