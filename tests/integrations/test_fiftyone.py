"""FiftyOne's model interface, by its own labels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lexiseg.errors import UnknownNameError

NAMES = ["red", "zebra", "green"]


@pytest.fixture
def module():
    pytest.importorskip("fiftyone", reason="extra fiftyone")
    import lexiseg.integrations.fiftyone as module

    return module


def test_it_is_a_model_of_images(module):
    from fiftyone.core.models import Model

    with module.load_model(NAMES, method="color-objects") as model:
        assert isinstance(model, Model)
        assert (model.media_type, model.ragged_batches, model.transforms) == ("image", True, None)
        assert not hasattr(model.config, "confidence_thresh")  # FiftyOne filters by itself


def test_instances_have_a_mask_in_their_box(module, pixels):
    found = module.load_model(NAMES, method="color-objects").predict(pixels)
    assert [entry.label for entry in found.detections] == ["red", "green"]
    red, green = found.detections
    assert red.confidence == 0.9 and green.bounding_box == [10 / 40, 16 / 30, 16 / 40, 8 / 30]
    x, y = (round(share * side) for share, side in zip(red.bounding_box, (40, 30), strict=False))
    height, width = red.mask.shape
    whole = np.zeros((30, 40), bool)
    whole[y : y + height, x : x + width] = red.mask
    assert np.array_equal(whole, pixels[..., 0] > 0)
    assert list(found.refused) == ["zebra"] and "no such pixel" in found.refused["zebra"]


def test_a_semantic_map_numbers_the_classes(module, pixels):
    model = module.load_model(NAMES, method="color-objects", answer="semantic")
    found = model.predict(pixels)
    assert model.mask_targets == {1: "red", 2: "zebra", 3: "green"}
    assert found.mask.dtype == np.uint8
    assert np.array_equal(found.mask == 1, pixels[..., 0] > 0)
    assert np.array_equal(found.mask == 3, pixels[..., 1] > 0)


def test_several_pictures(module, pixels):
    model = module.load_model(NAMES, method="color-objects")
    first, second = model.predict_all([pixels, pixels[:10]])
    assert (len(first.detections), len(second.detections)) == (2, 1)


def test_an_unknown_answer_is_named_with_the_known_ones(module):
    with pytest.raises(UnknownNameError, match="semantic"):
        module.load_model("red", method="color-objects", answer="panoptic")


def test_without_the_package_the_extra_is_named():
    code = (
        "import sys; sys.modules['fiftyone.core.labels'] = None\n"
        "from lexiseg.errors import MissingExtraError\n"
        "try:\n    import lexiseg.integrations.fiftyone\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lexiseg[fiftyone]" in done.stdout
