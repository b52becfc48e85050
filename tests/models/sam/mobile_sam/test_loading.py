from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.sam.mobile_sam.config import MOBILE_SAM
from lexiseg.models.sam.mobile_sam.loading import fill_mobile_sam, load_mobile_sam
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.variant import PromptingConfig, SamVariant
from tests.models.published_layout import (
    TINY_VIT,
    TINY_VIT_PROMPTING,
    in_sams_layout,
    learned_sizes,
    tiny_mobile_sam,
)

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def published_state(network: SamVariant) -> dict[str, torch.Tensor]:
    """Every tensor of ``mobile_sam.pt``, with the classifier that nothing uses."""
    own, width = in_sams_layout(network), network.image_encoder.config.widths[-1]
    with next(iter(own.values())).device:
        classifier = {
            "image_encoder.norm_head.weight": torch.zeros(width),
            "image_encoder.norm_head.bias": torch.zeros(width),
            "image_encoder.head.weight": torch.zeros(1000, width),
            "image_encoder.head.bias": torch.zeros(1000),
        }
    return {**own, **classifier}


def test_full_size_layout_has_the_published_counts_and_loads_strictly():
    with torch.device("meta"):
        network = SamVariant(TinyVit(MOBILE_SAM), PromptingConfig())
    state = published_state(network)
    assert len(state) == 439
    learned = learned_sizes(state)
    assert sum(learned.values()) == 10_130_092
    encoder = sum(count for key, count in learned.items() if key.startswith("image_encoder."))
    assert encoder == 6_065_532  # published as 6.1 million, classifier included
    filled = fill_mobile_sam(state, "mobile_sam.pt")
    assert set(filled.state_dict()) == set(network.state_dict())


def test_loaded_network_answers_as_the_one_that_was_stored():
    stored = tiny_mobile_sam()
    filled = fill_mobile_sam(published_state(stored), "tiny", TINY_VIT, TINY_VIT_PROMPTING)
    answers = []
    for network, fold in ((stored, False), (filled, True)):
        segmenter = network.segmenter(Preprocessing(64), fold=fold)
        embedding = segmenter.encode(PHOTO)
        answers.append(segmenter.predict(embedding, points=[[[9.0, 5.0]], [[50.0, 30.0]]]))
    assert answers[0].logits.shape == (2, 3, 16, 16)
    assert (answers[0].logits[0] - answers[0].logits[1]).abs().max() > 1e-3
    torch.testing.assert_close(answers[1].logits, answers[0].logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(answers[1].scores, answers[0].scores, atol=1e-4, rtol=1e-4)


def test_without_a_file_the_message_names_it_and_the_way():
    with pytest.raises(WeightsNotFoundError, match=r"mobile_sam\.pt.*github\.com.*weights="):
        load_mobile_sam()


def test_a_foreign_file_is_reported(tmp_path):
    save_file({"mask_decoder.iou_token.weight": torch.zeros(1, 256)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"missing \(image_encoder\.patch_embed"):
        load_mobile_sam("cpu", weights=tmp_path / "x.safetensors")
