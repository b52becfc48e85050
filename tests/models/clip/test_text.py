import torch

from lexiseg.models.clip import TextConfig, TextTower
from lexiseg.ops.attention import causal


def make_ids(lengths: list[int], context: int = 24, end: int = 519) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(lengths))
    ids = torch.zeros(len(lengths), context, dtype=torch.long)
    for row, length in zip(ids, lengths, strict=True):
        row[: length - 1] = torch.randint(1, 518, (length - 1,), generator=generator)
        row[length - 1] = end
    return ids


def uncut(tower: TextTower, ids: torch.Tensor) -> torch.Tensor:
    """All positions, one text at a time."""
    rows = []
    for row in ids:
        x = tower.token_embedding(row)[None] + tower.positional_embedding[: len(row)]
        x = tower.transformer.run(x, attention=causal)
        end = int((row == 519).nonzero()[0])
        rows.append(tower.ln_final(x[0, end]) @ tower.text_projection)
    return torch.stack(rows)


def test_cut_batch_equals_uncut_single_texts(network):
    ids = make_ids([3, 9, 2, 24])
    torch.testing.assert_close(network.text(ids), uncut(network.text, ids), atol=1e-5, rtol=1e-5)


def test_tokens_behind_the_end_do_not_matter(network):
    ids = make_ids([3, 5])
    noisy = ids.clone()
    noisy[0, 3:] = 77
    noisy[1, 9] = 519  # a second end-of-text, as padding often is
    torch.testing.assert_close(network.text(noisy), network.text(ids))


def test_the_text_does_matter(network):
    ids = make_ids([5, 5])
    other = ids.clone()
    other[0, 1] += 1
    assert not torch.allclose(network.text(other)[0], network.text(ids)[0])


def test_end_is_the_largest_id_when_none_is_named():
    tower = TextTower(TextConfig(16, 1, 2, context=8, vocabulary=30, embed_dim=4))
    ids = torch.tensor([[1, 5, 29, 0, 0], [1, 29, 29, 29, 29], [28, 3, 2, 4, 29]])
    assert tower.end_positions(ids).tolist() == [2, 1, 4]


def test_no_texts_give_no_rows(network):
    assert network.text(torch.zeros(0, 24, dtype=torch.long)).shape == (0, 20)
