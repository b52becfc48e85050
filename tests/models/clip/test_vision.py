import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.models.clip import PositionTable, VisionConfig, VisionTower
from lexiseg.ops.attention import AttentionMean, plain


@pytest.fixture
def tower(network) -> VisionTower:
    return network.visual


def slow_resize(table: torch.Tensor, native: int, rows: int, columns: int) -> torch.Tensor:
    """Bilinear sampling at pixel centers, one output cell at a time."""
    grid = table[1:].view(native, native, -1)
    cells = [table[0]]
    for r in range(rows):
        for c in range(columns):
            y = min(max((r + 0.5) * native / rows - 0.5, 0), native - 1)
            x = min(max((c + 0.5) * native / columns - 0.5, 0), native - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, native - 1), min(x0 + 1, native - 1)
            top = grid[y0, x0] * (1 - x + x0) + grid[y0, x1] * (x - x0)
            bottom = grid[y1, x0] * (1 - x + x0) + grid[y1, x1] * (x - x0)
            cells.append(top * (1 - y + y0) + bottom * (y - y0))
    return torch.stack(cells)


@settings(max_examples=20, deadline=None)
@given(native=st.integers(1, 5), rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_position_table_resize_equals_bilinear_sampling(native, rows, columns):
    generator = torch.Generator().manual_seed(native * 100 + rows)
    table = torch.randn(native**2 + 1, 3, generator=generator)
    resized = PositionTable().resize(table, native, (rows, columns))
    expected = slow_resize(table, native, rows, columns)
    torch.testing.assert_close(resized, expected, atol=1e-5, rtol=1e-5)


def test_position_table_keeps_the_native_grid_exactly():
    table = torch.randn(17, 3)
    assert torch.equal(PositionTable().resize(table, 4, (4, 4)), table)
    rounded = PositionTable(round_fp16=True).resize(table, 4, (4, 4))
    assert torch.equal(rounded, table.half().float())
    assert not torch.equal(rounded, table)


def test_embed_puts_cls_first_then_patches_row_by_row(tower):
    pixels = torch.randn(1, 3, 24, 16)
    tokens = tower.embed(pixels)
    assert tokens.shape == (1, 1 + 3 * 2, 48)
    patches = [pixels[:, :, r : r + 8, c : c + 8] for r in (0, 8, 16) for c in (0, 8)]
    kernel = tower.conv1.weight.flatten(1)
    rows = torch.stack([kernel @ patch.flatten() for patch in patches])
    summed = torch.cat([tower.class_embedding[None], rows]) + tower.position_for((3, 2))
    torch.testing.assert_close(tokens[0], tower.ln_pre(summed))


def test_embed_ignores_what_exceeds_whole_patches(tower):
    pixels = torch.randn(1, 3, 30, 21)
    torch.testing.assert_close(tower.embed(pixels), tower.embed(pixels[:, :, :24, :16]))


def test_embed_when_image_is_smaller_than_a_patch_explains(tower):
    with pytest.raises(UsageError, match=r"7x40 pixels.*8x8"):
        tower.embed(torch.zeros(1, 3, 7, 40))


def test_forward_is_the_projected_cls_token_of_all_blocks(tower):
    pixels = torch.randn(2, 3, 40, 24)
    prefix = tower.run(tower.embed(pixels), stop=2)
    outcome = tower.blocks[2](prefix)
    expected = F.layer_norm(outcome[:, 0], (48,), tower.ln_post.weight, tower.ln_post.bias)
    torch.testing.assert_close(tower(pixels), expected @ tower.proj)


def test_project_takes_any_leading_shape(tower):
    tokens = torch.randn(2, 5, 48)
    assert tower.project(tokens).shape == (2, 5, 20)
    torch.testing.assert_close(tower.project(tokens[1, 3]), tower.project(tokens)[1, 3])


def test_recorded_attention_leaves_the_tokens_alone(tower):
    tokens = tower.embed(torch.randn(1, 3, 32, 32))
    record = AttentionMean()
    recorded = tower.run(tokens, attention={1: record, 2: record})
    torch.testing.assert_close(recorded, tower.run(tokens))
    assert record.blocks == 2
    assert record.mean.shape == (1, 17, 17)


def test_batch_rows_do_not_influence_each_other(tower):
    pixels = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(tower(pixels)[1:2], tower(pixels[1:2]), atol=1e-5, rtol=1e-5)


def test_position_cache_serves_the_same_table_again(tower):
    assert not tower.training
    with torch.no_grad():
        assert tower.position_for((3, 5)) is tower.position_for((3, 5))


@pytest.mark.parametrize("change", ["load", "in place", "policy"])
def test_position_cache_never_serves_old_weights(tower, change):
    with torch.no_grad():
        before = tower.position_for((3, 5)).clone()
        if change == "load":
            state = {k: t + 1 for k, t in tower.state_dict().items()}
            tower.load_state_dict(state)
        elif change == "in place":
            tower.positional_embedding.add_(1.0)
        else:
            tower.position = PositionTable("bicubic")
        after = tower.position_for((3, 5))
    assert not torch.equal(before, after)


def test_position_cache_is_bounded(tower):
    with torch.no_grad():
        for columns in range(1, 60):
            tower.position_for((1, columns))
    assert len(tower._fitted) <= 16


def test_positions_learn_in_training():
    torch.manual_seed(0)
    tower = VisionTower(VisionConfig(16, 1, 2, patch_size=8, image_size=16, embed_dim=8))
    tower(torch.randn(1, 3, 24, 24)).sum().backward()
    gradient = tower.positional_embedding.grad
    assert gradient is not None and gradient.abs().sum() > 0


def test_bfloat16_features_stay_close(network):
    pixels = torch.randn(2, 3, 32, 32)
    exact = network.visual(pixels)
    rounded = network.bfloat16().visual(pixels)
    assert rounded.dtype == torch.bfloat16
    assert F.cosine_similarity(exact, rounded.float()).min() > 0.999


def test_plain_attention_function_is_the_default(tower):
    tokens = tower.embed(torch.randn(1, 3, 32, 32))
    assert torch.equal(tower.run(tokens, attention=plain), tower.run(tokens))
