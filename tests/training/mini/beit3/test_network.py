import numpy as np
import torch

from lexiseg.models.beit3 import Beit3Network
from lexiseg.training.mini.beit3.network import CELLS, WordReader, beit3_config, coverage


def test_the_network_keeps_its_budget() -> None:
    with torch.device("meta"):
        network = Beit3Network(beit3_config(1000))
    assert sum(parameter.numel() for parameter in network.parameters()) <= 6_000_000


def test_coverage_is_the_share_of_a_cell() -> None:
    side = 2 * CELLS
    regions = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (2, side, side), np.uint8))
    found = coverage(regions, [(1, 3), ()]).view(2, CELLS, CELLS)
    assert not found[1].any()
    for row, column in np.ndindex(CELLS, CELLS):
        cell = regions[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        inside = ((cell == 1) | (cell == 3)).float().mean()
        torch.testing.assert_close(found[0, row, column], inside)


def test_the_reader_gives_truth_cells_and_patches() -> None:
    read = WordReader(8)(torch.randn(3, 8), torch.randn(3, 25, 8))
    assert read.truth.shape == (3,)
    assert read.place.shape == (3, CELLS**2) and read.spots.shape == (3, 25)
