"""OWLv2 against transformers' own processor and model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer, Owlv2Processor
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

from lexiseg.models.detectors import Owlv2
from lexiseg.models.detectors.owlv2 import resize_padded
from tests.models.published_detectors import make_owlv2, picture

TEXTS = ["a dog", "a red apple", "a photo of a zebra with very long hair"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owlv2")
    return folder, make_owlv2(folder)


@pytest.fixture(scope="module")
def detector(published):
    return Owlv2.load(published[0], "cpu")


@pytest.mark.parametrize("size", [(40, 90), (130, 70), (20, 30)])
def test_boxes_scores_and_labels_are_the_librarys(published, detector, size):
    folder, network = published
    image = picture(*size)
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True, pad_token="!")
    images = Owlv2ImageProcessorPil(size={"height": 48, "width": 48})
    processor = Owlv2Processor(images, tokenizer)
    inputs = processor(
        text=[TEXTS], images=image, return_tensors="pt", max_length=16, truncation=True
    )
    with torch.no_grad():
        outputs = network(**inputs)
    wanted = processor.post_process_grounded_object_detection(
        outputs, threshold=0.85, target_sizes=[size], text_labels=[TEXTS]
    )[0]
    found = detector.detect(detector.encode(image), TEXTS, min_score=0.85)
    assert 0 < len(found) == len(wanted["scores"]) < 36
    torch.testing.assert_close(found.scores, wanted["scores"], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(found.boxes, wanted["boxes"], atol=2e-3, rtol=1e-4)
    assert [TEXTS[n] for n in found.phrases.tolist()] == wanted["text_labels"]
    torch.testing.assert_close(found.best, outputs.logits[0].sigmoid().amax(0), atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [(40, 90), (1, 1), (48, 48), (3, 200)])
def test_pixels_are_the_librarys(size):
    image = picture(*size)
    wanted = Owlv2ImageProcessorPil(size={"height": 48, "width": 48}, do_normalize=False)
    given = {"return_tensors": "np", "input_data_format": "channels_last"}
    wanted = wanted(image, **given)["pixel_values"][0]
    ours = resize_padded(image, 48)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.transpose(2, 0, 1), wanted, atol=2e-6)


def test_texts_are_encoded_once(detector, monkeypatch):
    seen = detector.encode(picture(30, 30))
    first = detector.detect(seen, ["a cat", "a dog"], 0.0)
    monkeypatch.setattr(detector.network.owlv2, "get_text_features", None)
    again = detector.detect(seen, ["a dog", "a cat"], 0.0)
    torch.testing.assert_close(first.best, again.best.flip(0))


def test_no_text(detector):
    assert len(detector.detect(detector.encode(picture(30, 30)), [])) == 0
