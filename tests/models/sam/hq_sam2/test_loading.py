from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.sam.hq_sam2.config import HQ_SAM2
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from lexiseg.models.sam.hq_sam2.loading import (
    empty_hq_sam2,
    fill_hq_sam2,
    hq_sam2_segmenter,
    load_hq_sam2,
)
from tests.models.published_layout import TINY_HQ_SAM2, as_published, sam2_keys, tiny_hq_sam2

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
VIDEO = {
    name: torch.zeros(1)
    for name in ("memory_attention.norm.weight", "memory_encoder.pix_feat_proj.weight",
                 "maskmem_tpos_enc", "mask_downsample.weight", "obj_ptr_proj.layers.0.weight",
                 "obj_ptr_tpos_proj.bias", "no_obj_ptr", "no_obj_embed_spatial", "no_mem_pos_enc")
}  # fmt: skip


def test_full_size_layout_has_sam2s_counts_and_loads_strictly():
    config = HQ_SAM2["large"]
    network = empty_hq_sam2(config)
    keys = sam2_keys(48, (2, 8, 44), high_quality=True)
    state = as_published(network.state_dict(), keys, sam2_to_huggingface)
    assert state["sam_mask_decoder.hf_token.weight"].shape == (1, 256)
    assert state["sam_mask_decoder.hf_mlp.layers.2.weight"].shape == (32, 256)
    assert state["sam_mask_decoder.embedding_maskfeature.0.weight"].shape == (64, 32, 3, 3)
    assert state["sam_mask_decoder.embedding_maskfeature.3.weight"].shape == (32, 64, 3, 3)
    trunk = sum(t.numel() for key, t in state.items() if key.startswith("image_encoder."))
    assert round(trunk / 1e6) == 213  # 212 in the trunk, 0.6 in the neck
    filled = fill_hq_sam2({**state, **VIDEO}, "sam2.1_hq_hiera_large.pt", config)
    assert set(filled.state_dict()) == set(network.state_dict())


def test_loaded_network_answers_as_the_one_that_was_stored():
    stored = tiny_hq_sam2()
    keys = sam2_keys(5, (1, 2, 4), high_quality=True)
    state = as_published(stored.state_dict(), keys, sam2_to_huggingface)
    filled = fill_hq_sam2({**state, **VIDEO}, "tiny", TINY_HQ_SAM2)
    answers = []
    for network in (stored, filled):
        segmenter = hq_sam2_segmenter(network, TINY_HQ_SAM2)
        answers.append(segmenter.predict(segmenter.encode(PHOTO), boxes=[[3.0, 4.0, 30.0, 38.0]]))
    torch.testing.assert_close(answers[1].logits, answers[0].logits)
    torch.testing.assert_close(answers[1].scores, answers[0].scores)


def test_plain_sam2_weights_are_not_enough():
    network = tiny_hq_sam2()
    keys = sam2_keys(5, (1, 2, 4), high_quality=False)
    state = as_published(network.state_dict(), keys, sam2_to_huggingface)
    with pytest.raises(CheckpointError, match=r"13 missing \(mask_decoder\.hq_token\.weight"):
        fill_hq_sam2(state, "sam2.1_hiera_tiny.pt", TINY_HQ_SAM2)


def test_without_a_file_the_message_names_it_and_the_way():
    with pytest.raises(WeightsNotFoundError, match=r"sam2\.1_hq_hiera_large\.pt.*weights="):
        load_hq_sam2("large")
