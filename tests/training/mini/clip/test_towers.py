import torch

from lexiseg.training.mini.clip.towers import thin


def test_thinning_keeps_cls_and_distinct_patches_of_the_same_picture() -> None:
    tokens = torch.arange(3 * 9, dtype=torch.float32).view(3, 9, 1)
    kept = thin(tokens, 0.5, torch.Generator().manual_seed(0))
    assert kept.shape == (3, 5, 1)
    assert torch.equal(kept[:, 0], tokens[:, 0])
    for few, many in zip(kept[:, 1:, 0].tolist(), tokens[:, 1:, 0].tolist(), strict=True):
        assert len(set(few)) == 4 and set(few) <= set(many)


def test_every_patch_is_kept_as_often() -> None:
    tokens = torch.eye(9)[None].expand(2000, 9, 9)
    kept = thin(tokens, 0.25, torch.Generator().manual_seed(0))[:, 1:]
    share = kept.sum(dim=(0, 1))[1:] / len(tokens)
    assert torch.allclose(share, torch.full((8,), 0.25), atol=0.05)
