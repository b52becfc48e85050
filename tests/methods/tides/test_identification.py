"""Step D: which of a class's masks are left, by every rule of the config."""

from __future__ import annotations

import pytest
import torch

from lexiseg.methods.tides import TidesConfig
from lexiseg.methods.tides.identification import _in_cluster, identify, overlap_of
from lexiseg.methods.tides.proposals import Proposals

# Histograms on a line. Neighbors of the kernel: 0-1-2 in a chain, 3-4 apart from them, 5 alone.
PLACES = torch.tensor([[0.0], [0.2], [0.4], [3.0], [3.1], [9.0]])
DENSITY = torch.tensor([0.1, 0.1, 0.1, 0.4, 0.3, 0.6])


@pytest.mark.parametrize(
    ("rule", "chosen", "left"),
    [
        ("all", [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]),
        ("largest", [0, 1, 2, 3, 4, 5], [0, 1, 2]),
        ("densest", [0, 1, 2, 3, 4, 5], [3, 4]),
        ("largest", [0, 2, 3, 4, 5], [3, 4]),  # without 1 the chain is broken
        ("densest", [0, 1, 2, 4, 5], [5]),
        ("mean-shift", [0, 1, 2, 3, 4, 5], [0, 1, 2]),
        ("mean-shift", [0, 2, 5], [0, 2]),  # too far apart to be neighbors, but of one mode
        ("largest", [0, 2, 5], [0]),
        ("largest", [], []),
    ],
)
def test_clusters(rule, chosen, left):
    config = TidesConfig(cluster=rule, bandwidth=0.5, min_kernel=0.9)
    found = _in_cluster(torch.tensor(chosen, dtype=torch.long), PLACES, DENSITY, config)
    assert found.tolist() == left


def test_neighbors_and_modes_depend_on_the_bandwidth():
    everything = torch.arange(6)
    wide = TidesConfig(cluster="largest", bandwidth=5.0, min_kernel=0.8)
    assert _in_cluster(everything, PLACES, DENSITY, wide).tolist() == [0, 1, 2, 3, 4]
    strict = TidesConfig(cluster="largest", bandwidth=0.5, min_kernel=0.99)
    assert _in_cluster(everything, PLACES, DENSITY, strict).tolist() == [0]
    narrow = TidesConfig(cluster="mean-shift", bandwidth=0.02)
    assert len(_in_cluster(everything, PLACES, DENSITY, narrow)) == 1


def proposals_of(masks, scores):
    masks = torch.tensor(masks, dtype=torch.bool)
    numbers = torch.arange(len(masks))
    return Proposals(masks, numbers, numbers, torch.tensor(scores))


VALUES = torch.tensor([1.0, 1.0, 0.5, 0.5, 1.0, 1.0])
EVERYWHERE = torch.ones(6, dtype=torch.bool)
# Two masks on cells of 1, one on cells of 0.5, and one on both.
MASKS = [[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0]]


def found(scores=(0.5, 0.75, 2.0, 0.25), **options):
    settings = {"bins": 2, "bandwidth": 0.1, "histogram_low": 0.0, **options}
    proposals = proposals_of(MASKS, list(scores))
    return identify(proposals, VALUES, EVERYWHERE, (2, 3), TidesConfig(**settings))


def test_the_densest_masks_stay_and_equal_ones_are_ranked_by_the_segmenter():
    """All values lie in the upper bin, 0.5 included, unless there are more bins."""
    alike = found()
    assert alike.proposals.points.tolist() == [2, 1, 0, 3]
    assert alike.identity.tolist() == alike.io_scores.tolist() == [1.0] * 4
    apart = found(bins=4)
    assert apart.proposals.points.tolist() == [1, 0]
    assert apart.io_scores.tolist() == pytest.approx([0.5, 0.5])
    assert apart.identity.tolist() == pytest.approx([0.5, 0.5])
    assert found(bins=4, identity="share").identity.tolist() == pytest.approx([1, 1])


def test_step_d_can_be_skipped():
    """Then masks are ranked by the segmenter, whose scores count as identity, at most 1."""
    raw = found(bins=4, ranking="segmenter")
    assert raw.proposals.points.tolist() == [2, 1, 0, 3]
    assert raw.identity.tolist() == [1.0, 0.75, 0.5, 0.25]
    assert raw.io_scores.tolist() == pytest.approx([0.25, 0.5, 0.5, 0.25])


def test_overlapping_masks_are_suppressed_by_mask_or_box():
    """Mask 3 shares one of three cells with mask 2; their boxes, too."""
    assert found(nms_iou=0.3).proposals.points.tolist() == [2, 1, 0]
    assert found(nms_iou=0.34).proposals.points.tolist() == [2, 1, 0, 3]
    bent = torch.tensor([[1, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0]], dtype=torch.bool)
    by_mask = overlap_of(bent, (2, 3), TidesConfig())
    by_box = overlap_of(bent, (2, 3), TidesConfig(nms_overlap="box"))
    first, others = torch.tensor([0]), torch.tensor([1, 0])
    assert by_mask(first, others).tolist() == [[0.0, 1.0]]
    assert by_box(first, others).tolist() == [[0.25, 1.0]]
