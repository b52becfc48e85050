"""The truth in place of single steps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from lexiseg.datasets.sample import TrueObject
from lexiseg.errors import UnknownNameError
from lexiseg.methods.tides.canvas import Canvas
from lexiseg.methods.tides.oracles import Truth, with_truth
from lexiseg.ops.windows import CellGrid
from lexiseg.types import Mask

NAMES = ("red", "green", "blue", "zebra")
TOUCHING = [("red", 40, 40, 64, 48), ("red", 112, 40, 64, 48)]


def know(objects, *labels, crowd=()):
    return Truth(
        [
            TrueObject(NAMES.index(label), Mask.from_array(mask), float(mask.sum()), n in crowd)
            for n, label in enumerate(labels)
            for mask in [objects == n + 1]
        ],
        NAMES,
    )


def masks_of(result, label):
    return [item.mask for item in result.instances[label]]


def test_true_masks_come_back_as_annotated_and_leave_the_groups_out(toy):
    draw, build = toy
    image, objects = draw(TOUCHING)
    truth, tides = know(objects, "red", "red"), build(objects)
    scene = tides.encode(image)
    assert len(tides.segment(scene, NAMES).instances) == 3  # both and the group
    asked = len(tides.segmenter.asked)
    found = with_truth(tides, truth, ["masks"]).segment(scene, NAMES)
    assert masks_of(found, "red") == [item.mask for item in truth.objects]
    assert len(found.instances) == 2 and len(tides.segmenter.asked) == asked
    assert all(item.details["io"] == 1 for item in found.instances)


@pytest.mark.parametrize("assignment", ["foreground", "coverage", "component"])
def test_true_masks_have_to_be_named_all_the_same(toy, assignment):
    draw, build = toy
    image, objects = draw([("red", 24, 32, 64, 48), ("blue", 160, 112, 64, 48)])
    tides = build(objects, assignment=assignment)
    found = with_truth(tides, know(objects, "blue", "red"), ["masks"]).segment(image, NAMES)
    assert masks_of(found, "red") == [Mask.from_array(objects == 1)]
    assert masks_of(found, "blue") == [Mask.from_array(objects == 2)]


def test_the_true_vocabulary_overrules_the_windows(toy):
    draw, build = toy
    image, objects = draw([("red", 24, 32, 64, 48), ("blue", 160, 112, 64, 48)])
    tides = build(objects)
    found = with_truth(tides, know(objects, "zebra", "blue"), ["vocabulary"]).segment(image, NAMES)
    assert found.presence.kept == ("blue",)
    assert found.presence["red"].reason.rpartition(", asked ")[0] == "known to be absent"
    assert (
        found.presence["zebra"].reason.rpartition(", asked ")[0]
        == "known to be there; but no mask fits well enough"
    )


def test_true_semantics_show_the_segmenter_what_the_scorer_is_blind_to(toy):
    draw, build = toy
    image, objects = draw([("red", 24, 32, 64, 48)])
    image[:] = image[0, 0]
    truth, tides = know(objects, "green"), build(objects)
    scene = tides.encode(image)
    for blind in ([], ["vocabulary"], ["masks"], ["semantics"], ["vocabulary", "masks"]):
        assert not len(with_truth(tides, truth, blind).segment(scene, NAMES).instances)
    found = with_truth(tides, truth, ["semantics", "vocabulary"]).segment(scene, NAMES)
    assert set(found.instances.labels) == {"green"}
    best = max(masks_of(found, "green"), key=lambda mask: mask.area).to_array()
    assert (best & (objects == 1)).sum() / (best | (objects == 1)).sum() > 0.9
    everything = with_truth(tides, truth, ["semantics", "vocabulary", "masks"])
    assert masks_of(everything.segment(scene, NAMES), "green") == [truth.objects[0].mask]


def test_crowds_are_of_a_class_but_are_no_objects(toy):
    draw, build = toy
    image, objects = draw(TOUCHING)
    truth = know(objects, "red", "red", crowd=(1,))
    assert truth.present == {"red"} and len(truth.singles) == 1
    assert not know(objects, "red", "red", crowd=(0, 1)).present
    knowing = with_truth(build(objects), truth, ["semantics", "vocabulary", "masks"])
    found = knowing.segment(image, NAMES)
    assert masks_of(found, "red") == [truth.singles[0].mask]
    assert len(truth.regions("red")) == 2


def test_the_recipe_tells_what_was_exchanged(toy):
    draw, build = toy
    image, objects = draw(TOUCHING)
    tides, truth = build(objects), know(objects, "red", "red")
    knowing = with_truth(tides, truth, ["masks"]).configured(nms_iou=0.6)
    assert knowing.segment(image, ["red"]).recipe.settings["exchanged"] == {
        "proposals": "TrueMasks",
        "identification": "keep_all",
    }
    assert "exchanged" not in tides.segment(image, ["red"]).recipe.settings
    with pytest.raises(UnknownNameError, match="did you mean 'masks'"):
        with_truth(tides, truth, ["mask"])


def test_share_of_cells_that_a_mask_covers():
    grid = CellGrid((30, 40), Fraction(4))
    canvas = Canvas((60, 80), grid)  # the image is twice the canvas; its last row is half a cell
    mask = torch.zeros(60, 80, dtype=torch.bool)
    mask[4:12, 0:8] = True
    mask[56:, 72:] = True
    shares = canvas.pool(mask)
    slow = torch.zeros(grid.shape)
    for row, column in np.ndindex(*grid.shape):
        slow[row, column] = mask[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].float().mean()
    assert torch.allclose(shares, slow, atol=1e-6) and shares.max() == 1
