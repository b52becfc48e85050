"""SigLIP's towers against transformers' own models, for fixed and flexible sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers.models.siglip2.image_processing_pil_siglip2 import convert_image_to_patches

from lexiseg.errors import CheckpointError, UsageError, WeightsNotFoundError
from lexiseg.models.clip import Clip
from lexiseg.models.image_text import load_image_text
from lexiseg.models.siglip import Siglip
from tests.models.published_siglip import make_siglip

TEXTS = ["a photo of a dog.", "RED apple", "zebra"]


@pytest.fixture(scope="module", params=["siglip", "siglip2"])
def published(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return folder, make_siglip(folder, request.param), request.param


@pytest.fixture(scope="module")
def siglip(published):
    return Siglip.load(published[0], "cpu", "float32")


def pixels(height, width, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def inputs_of(kind, batch):
    """What transformers' vision model wants of a batch."""
    if kind == "siglip":
        return {"pixel_values": batch, "interpolate_pos_encoding": True}
    rows = [convert_image_to_patches(image.numpy(), 8) for image in batch]
    patches = torch.from_numpy(np.stack(rows))
    return {
        "pixel_values": patches,
        "pixel_attention_mask": torch.ones(patches.shape[:2], dtype=torch.long),
        "spatial_shapes": torch.tensor([[side // 8 for side in batch.shape[2:]]] * len(batch)),
    }


@pytest.mark.parametrize("size", [(32, 32), (40, 56)])
def test_image_features_are_transformers(published, siglip, size):
    _, network, kind = published
    batch = pixels(*size)
    with torch.no_grad():
        wanted = network.vision_model(**inputs_of(kind, batch)).pooler_output
    assert wanted.std() > 1e-2
    torch.testing.assert_close(siglip.image_features(batch), wanted, atol=2e-5, rtol=1e-4)


def test_the_head_of_one_token_is_its_projection(published, siglip):
    _, network, _ = published
    tokens = torch.randn(3, 5, 24)
    with torch.no_grad():
        normed = network.vision_model.post_layernorm(tokens)
        for place in range(5):
            wanted = network.vision_model.head(normed[:, place : place + 1])
            found = siglip.visual.project(tokens[:, place])
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_text_features_are_transformers(published, siglip):
    _, network, kind = published
    ids = siglip._tokenize(TEXTS)
    assert ids.shape == (3, 12) and ids[1, 0] == ids[1].max() == siglip._tokenize(["red"])[0, 0]
    with torch.no_grad():
        wanted = network.get_text_features(input_ids=ids).pooler_output
    torch.testing.assert_close(siglip.text_features(TEXTS), wanted, atol=1e-5, rtol=1e-5)
    dotted, bare = siglip.text_features(["dog.", "dog"])
    assert torch.allclose(dotted, bare) == (kind == "siglip")
    assert siglip.text_features([]).shape == (0, 24)


def test_similarity_is_transformers(published, siglip):
    _, network, kind = published
    batch, ids = pixels(32, 32), siglip._tokenize(TEXTS)
    with torch.no_grad():
        wanted = network(input_ids=ids, **inputs_of(kind, batch)).logits_per_image
    images = F.normalize(siglip.image_features(batch), dim=-1)
    texts = F.normalize(siglip.text_features(TEXTS), dim=-1)
    found = siglip.logit_scale * images @ texts.T + network.logit_bias.detach()
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_statistics_and_sizes(siglip):
    assert siglip.preprocessing.mean == (0.5, 0.5, 0.5)
    assert (siglip.visual.config.image_size, siglip.visual.config.patch_size) == (32, 8)
    with pytest.raises(UsageError, match="one patch"):
        siglip.visual.embed(pixels(7, 40))


def test_the_folder_decides_what_is_loaded(published, tmp_path):
    assert isinstance(load_image_text(published[0], "cpu", "float32"), Siglip)
    assert isinstance(load_image_text("mini-clip-proposal", "cpu", "float32"), Clip)
    (tmp_path / "config.json").write_text('{"model_type": "siglip"}')
    with pytest.raises(WeightsNotFoundError, match="no weights"):
        load_image_text(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="expected 'siglip'"):
        Siglip.load(tmp_path, "cpu")
