"""What is absent is told of all parts at once, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

import lexiseg
from lexiseg.errors import WeightsNotFoundError
from lexiseg.methods.baselines import box_prompted, sam_clip
from lexiseg.methods.car import pipeline
from lexiseg.methods.parts import segmenter_checkpoints
from lexiseg.methods.tides import method as tides

UNPUBLISHED_ON_THE_HUB = ("mobile-sam", "hq-sam2.1-large", "efficientvit-sam-l0")


@pytest.mark.parametrize("segmenter", UNPUBLISHED_ON_THE_HUB)
@pytest.mark.parametrize(
    ("method", "module", "loader", "options"),
    [
        ("tides", tides, "load_scorer", {"clip_weights": "nobody/clip"}),
        ("car", pipeline, "load_clip_pair", {"proposal_weights": "nobody/clip"}),
        ("sam+clip", sam_clip, "Clip", {"clip_weights": "nobody/clip"}),
        ("grounded-sam", box_prompted, "load_segmenter", {"detector_weights": "nobody/clip"}),
    ],
)
def test_a_segmenter_outside_the_hub_is_missed_with_all_the_others(
    monkeypatch: pytest.MonkeyPatch,
    method: str, module: Any, loader: str, options: dict[str, Any], segmenter: str,
) -> None:  # fmt: skip
    def load(*given: Any, **more: Any) -> Any:
        raise AssertionError("something is loaded")

    monkeypatch.setattr(module, loader, load)
    expected = rf"'nobody/clip'.*; The weights of {segmenter} do not.*segmenter_weights="
    with pytest.raises(WeightsNotFoundError, match=expected):
        lexiseg.load(method, preset="paper", segmenter=segmenter, **options)


def test_a_file_that_is_given_is_all_that_is_needed() -> None:
    assert segmenter_checkpoints("mobile-sam", "mobile_sam.pt") == ("mobile_sam.pt",)
