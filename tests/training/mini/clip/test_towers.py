import torch

from lexiseg.training.mini.clip.towers import finer_kernel, thin


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


def test_finer_patches_see_an_even_area_as_before() -> None:
    kernel = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    color = torch.tensor([0.2, -1.0, 0.7])
    before = (kernel * color[:, None, None]).sum(dim=(1, 2, 3))
    after = (finer_kernel(kernel, 8) * color[:, None, None]).sum(dim=(1, 2, 3))
    assert finer_kernel(kernel, 8).shape == (5, 3, 8, 8)
    assert torch.allclose(after, before, atol=1e-4)
    assert torch.equal(finer_kernel(kernel, 16), kernel)
