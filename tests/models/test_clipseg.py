"""CLIPSeg against transformers' own processor and model."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPSegProcessor, CLIPTokenizer
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from lexiseg.models.clipseg import ClipSeg
from tests.models.published_detectors import make_clipseg, picture

TEXTS = ["a dog", "red apple", "zebra"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clipseg")
    return folder, make_clipseg(folder)


@pytest.fixture(scope="module")
def network(published):
    return ClipSeg.load(published[0], "cpu", "float32")


@pytest.mark.parametrize("size", [(40, 90), (64, 64), (1, 1)])
def test_maps_are_the_librarys(published, network, size):
    folder, theirs = published
    image = picture(*size)
    images = ViTImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    inputs = CLIPSegProcessor(images, tokenizer)(
        text=TEXTS, images=[image] * 3, padding=True, return_tensors="pt",
        input_data_format="channels_last",
    )  # fmt: skip
    with torch.no_grad():
        wanted = theirs(**inputs).logits
    found = network.maps(network.encode(image), TEXTS)
    assert found.shape == (3, 64, 64) and found.std() > 1e-2
    assert (found[0] - found[1]).abs().max() > 1e-3
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_each_text_is_drawn_alone(network):
    seen = network.encode(picture(30, 50))
    together = network.maps(seen, TEXTS)
    for number, text in enumerate(TEXTS):
        alone = network.maps(seen, [text])[0]
        torch.testing.assert_close(alone, together[number], atol=1e-5, rtol=1e-5)


def test_sixteen_bits(published):
    half = ClipSeg.load(published[0], "cpu", "bfloat16")
    exact = ClipSeg.load(published[0], "cpu", "float32")
    maps = half.maps(half.encode(picture(30, 50)), TEXTS)
    wanted = exact.maps(exact.encode(picture(30, 50)), TEXTS)
    assert maps.dtype == torch.float32
    assert (maps - wanted).abs().mean() < 0.1 * wanted.std()
