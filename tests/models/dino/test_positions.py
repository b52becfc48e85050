from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.models.dino.positions import fit_table


def test_a_square_picture_of_native_size_gets_the_table_itself() -> None:
    table = torch.randn(1, 17, 6)
    assert fit_table(table, (4, 4), "offset") is table
    assert not torch.equal(fit_table(table, (4, 4), "offset", square=False), table)


def test_offset_inflates_the_scale_and_antialiasing_does_not() -> None:
    table = torch.randn(1, 17, 6)
    image = table[:, 1:].mT.unflatten(2, (4, 4))
    scale = [(9 + 0.1) / 4, (13 + 0.1) / 4]
    inflated = F.interpolate(image, scale_factor=scale, mode="bicubic").flatten(2).mT
    fitted = fit_table(table, (9, 13), "offset")
    assert torch.equal(fitted[:, :1], table[:, :1])
    assert torch.equal(fitted[:, 1:], inflated)
    exact = fit_table(table, (9, 13), "antialiased")[:, 1:]
    expected = F.interpolate(image, (9, 13), mode="bicubic", antialias=True).flatten(2).mT
    torch.testing.assert_close(exact, expected)
    drift = (exact - inflated).abs().mean(dim=2).unflatten(1, (9, 13))[0]
    assert drift[-3:, -3:].mean() > drift[:3, :3].mean()


def test_half_precision_stays_half() -> None:
    assert fit_table(torch.randn(1, 17, 6).half(), (2, 3), "offset").dtype == torch.float16
