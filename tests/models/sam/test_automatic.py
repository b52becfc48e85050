"""The generator with a scripted segmenter whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.models.sam import CAR_CONFIG, AutomaticConfig, AutomaticMasks
from lexiseg.models.sam.automatic import Proposal, _thin, _to_last_pixels
from lexiseg.models.sam.crops import cut_crops
from lexiseg.ops.mask_nms import cell_boxes
from lexiseg.types import Candidates, Frame, ImageEmbedding, Mask

SHARP = 8.0


class Disks:
    """Answers a point with the disk it lies on (red value = number of the disk), else nothing.

    Candidates: the disk with score 0.95, the disk grown by a soft rim with 0.9, all with 0.5.
    """

    def __init__(self):
        self.asked = []

    def encode(self, image):
        hw = (image.shape[0], image.shape[1])
        self.asked.append(hw)
        return ImageEmbedding(Frame(hw, hw, hw), (torch.from_numpy(image[..., 0].copy()),))

    def predict_chunks(self, embedding, *, points, **kinds):
        for part in np.array_split(points, 2):
            if len(part):
                yield self._answer(embedding.maps[0], part)

    def _answer(self, numbers, points):
        x, y = points[:, 0].astype(int).T
        number = numbers[y, x]
        own = (numbers == number[:, None, None]) & (number > 0)[:, None, None]
        sharp = torch.where(own, SHARP, -SHARP)
        soft = torch.where(own, SHARP, -0.5)  # half a logit decides
        logits = torch.stack([sharp, soft, torch.full_like(sharp, SHARP)], dim=1)
        scores = torch.tensor([0.95, 0.9, 0.5]).expand(len(points), 3)
        return Candidates(logits, scores)

    def full_size(self, logits, embedding):
        return logits


def disks(hw=(80, 120), centers=((20, 20, 12), (50, 80, 25))):
    image = np.zeros((*hw, 3), dtype=np.uint8)
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    for number, (y, x, radius) in enumerate(centers, start=1):
        image[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2, 0] = number
    return image


def test_each_disk_once_sure_and_stable():
    proposals = AutomaticMasks(Disks(), AutomaticConfig(points_per_side=16)).propose(disks())
    image = disks()[..., 0]
    found = {int(image[p.mask.to_array()].max()): p for p in proposals}
    assert len(proposals) == 2 and set(found) == {1, 2}
    for number, proposal in found.items():
        assert np.array_equal(proposal.mask.to_array(), image == number)
        assert proposal.score == pytest.approx(0.95) and proposal.stability == 1
        x, y = (int(value) for value in proposal.point_xy)
        assert image[y, x] == number


def test_boxes_end_at_the_last_pixel_as_sams_own_do():
    masks = torch.rand(20, 9, 12) > 0.97
    masks[3] = False
    masks[4] = True
    assert _to_last_pixels(cell_boxes(masks)).tolist() == [_corners(mask) for mask in masks]


def _corners(mask: torch.Tensor) -> list[int]:
    rows, columns = (some.tolist() for some in mask.nonzero(as_tuple=True))
    if not rows:
        return [0, 0, 0, 0]
    return [min(columns), min(rows), max(columns), max(rows)]


def test_two_masks_whose_boxes_overlap_as_sam_measures_them_are_one():
    """Columns 0 to 10 and 0 to 7: their boxes are 10 and 7 pixels wide there, not 11 and 8."""
    for width, left in ((8, 2), (9, 1)):  # overlaps 7 / 10, not above 0.7; 8 / 10
        proposals = [_proposal(11, 0.9), _proposal(width, 0.8)]
        assert len(_thin(proposals, [0.9, 0.8], 0.7)) == left


def _proposal(width: int, score: float) -> Proposal:
    mask = np.zeros((11, 20), dtype=bool)
    mask[:, :width] = True
    return Proposal(Mask.from_array(mask), score, 1.0, (0.0, 0.0), cut_crops((11, 20), 0, 0.0)[0])


def test_thresholds_let_more_in():
    loose = AutomaticConfig(points_per_side=16, min_score=0.0, min_stability=0.0, max_box_iou=1.0)
    strict = AutomaticConfig(points_per_side=16, min_score=0.99)
    assert len(AutomaticMasks(Disks(), loose).propose_masks(disks())) > 2
    assert AutomaticMasks(Disks(), strict).propose_masks(disks()) == []


def test_crops_find_what_a_coarse_grid_misses_and_drop_what_is_cut():
    image = disks((400, 600), ((75, 100, 14), (200, 300, 90)))
    coarse = AutomaticConfig(points_per_side=5)
    cropped = AutomaticConfig(points_per_side=5, crop_layers=2)
    whole, segmenter = Disks(), Disks()
    once = AutomaticMasks(whole, coarse).propose(image)
    more = AutomaticMasks(segmenter, cropped).propose(image)
    areas = sorted(np.bincount(image[..., 0].ravel())[1:])
    assert len(whole.asked) == 1 and len(segmenter.asked) == 1 + 4 + 16
    assert [p.mask.area for p in once] == [areas[1]]
    assert sorted(p.mask.area for p in more) == areas
    assert all(p.mask.size_hw == (400, 600) for p in more)


def test_small_islands_go_and_holes_close():
    image = disks()
    image[20, 20] = 0
    image[70:72, 5:7, 0] = 1
    config = AutomaticConfig(points_per_side=16, min_area=10)
    masks = AutomaticMasks(Disks(), config).propose_masks(image)
    clean = disks()[..., 0]
    assert {mask.area for mask in masks} == {int((clean == n).sum()) for n in (1, 2)}


def test_nothing_there_and_one_pixel():
    empty = np.zeros((30, 40, 3), dtype=np.uint8)
    assert AutomaticMasks(Disks()).propose_masks(empty) == []
    assert AutomaticMasks(Disks(), AutomaticConfig(crop_layers=1)).propose_masks(
        np.ones((1, 1, 3), dtype=np.uint8)
    )


def test_published_settings():
    assert CAR_CONFIG.points_per_side == 64
    assert (CAR_CONFIG.min_score, CAR_CONFIG.min_stability) == (0.88, 0.95)
    assert (CAR_CONFIG.max_box_iou, CAR_CONFIG.crop_layers) == (0.7, 0)


def test_wrong_settings_and_images():
    with pytest.raises(UsageError, match="at least 1"):
        AutomaticConfig(points_per_side=0)
    with pytest.raises(UsageError, match="shape"):
        AutomaticMasks(Disks()).propose_masks(np.zeros((4, 4), np.uint8))
