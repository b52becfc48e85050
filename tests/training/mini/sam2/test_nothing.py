import torch

from lexiseg.training.mini.sam2.network import INSIDE, NO_POINT, OUTSIDE, SIDE
from lexiseg.training.mini.sam2.nothing import BEYOND, draw_nothing


def test_three_ways_to_mean_nothing() -> None:
    points, kinds = draw_nothing(200, torch.Generator().manual_seed(0))
    assert points.shape == (200, 3, 2, 2) and kinds.shape == (200, 3, 2)
    assert (kinds[:, 0] == NO_POINT).all() and (kinds[..., 1] == NO_POINT).all()
    assert (kinds[:, 1, 0] == OUTSIDE).all() and (kinds[:, 2, 0] == INSIDE).all()
    low, high = BEYOND
    away = torch.maximum(-points[:, 2, 0], points[:, 2, 0] - SIDE).amax(dim=1)
    assert (away >= low).all() and (away <= high).all()
    sides = (points[:, 2, 0] < 0).any(dim=1).float().mean()
    assert 0.3 < sides < 0.7
