"""Views of a picture whose candidates are plain rectangles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.methods.mask_proposals.views import Views
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import panoptic_division
from lexiseg.types import Frame

NAMES = ("dog", "sky", "cat")
THINGS = torch.tensor([True, False, True])


@pytest.fixture
def views() -> Views:
    """A dog on the left, sky in two pieces on the right, nothing in the lowest row."""
    logits = torch.full((4, 6, 8), -8.0)
    logits[0, :5, :4] = 8.0
    logits[1, :2, 4:] = 8.0
    logits[2, 2:5, 4:] = 8.0
    logits[3, 5:] = 8.0
    probabilities = torch.tensor(
        [
            [0.80, 0.05, 0.10, 0.05],
            [0.02, 0.90, 0.03, 0.05],
            [0.02, 0.70, 0.18, 0.10],
            [0.10, 0.05, 0.05, 0.80],
        ]
    )
    masks = FullSizeMasks(logits, Frame((6, 8), (6, 8), (6, 8)))
    division = panoptic_division(probabilities, masks, THINGS)
    return Views(probabilities, masks, division, NAMES, THINGS)


def painted(regions) -> np.ndarray:
    canvas = np.full((6, 8), ".")
    for region in regions:
        canvas[region.mask.to_array()] = region.label[0]
    return canvas


def test_segments_join_stuff_and_score_as_their_best_candidate(views: Views) -> None:
    dog, sky = views.segments()
    assert (dog.label, dog.is_thing, dog.mask.area) == ("dog", True, 20)
    assert (sky.label, sky.is_thing, sky.mask.area) == ("sky", False, 20)
    assert (dog.score, sky.score) == (pytest.approx(0.8), pytest.approx(0.9))
    assert [views.names[label] for label in views.found] == ["dog", "sky"]


def test_found_names_leave_to_void_what_is_void(views: Views) -> None:
    canvas = painted(views.found_pixels())
    assert (canvas[:5, :4] == "d").all() and (canvas[:5, 4:] == "s").all()
    assert (canvas[5] == ".").all()


def test_in_the_papers_map_every_pixel_has_a_name(views: Views) -> None:
    regions = views.every_pixel()
    canvas = painted(regions)
    assert (canvas[:5, :4] == "d").all() and (canvas[:5, 4:] == "s").all()
    assert (canvas[5] == "d").all()
    assert sum(region.mask.area for region in regions) == canvas.size


def test_ranked_objects_are_things_with_the_stuff_beside_them(views: Views) -> None:
    regions = views.ranked(100)
    things = [region for region in regions if region.is_thing]
    assert [region.label for region in regions if not region.is_thing] == ["sky"]
    assert {region.label for region in things} == {"dog", "cat"}
    assert things[0].label == "dog" and things[0].mask.area == 20
    assert things[0].score == pytest.approx(0.8, abs=1e-3)
    scores = [region.score for region in things]
    assert scores == sorted(scores, reverse=True) and len(things) == 8
    assert len(views.ranked(1)) == 1  # the best pair is sky, which is no single object
