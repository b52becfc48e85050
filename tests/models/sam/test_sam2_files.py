"""A file as SAM 2's own program writes it is the network that transformers has."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.openworldsam import load_sam2
from lexiseg.models.sam import FAMILIES, Preprocessing, load_segmenter, sam2_files
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from tests.models.published_detectors import shake
from tests.models.published_layout import TINY_HQ_SAM2, as_published, sam2_keys


@pytest.fixture
def network():
    settings = TINY_HQ_SAM2.to_huggingface().to_dict()
    built = shake(FAMILIES["sam2"].build(settings, device="cpu"))
    tied = built.prompt_encoder.shared_embedding.positional_embedding
    built.shared_image_embedding.positional_embedding.data.copy_(tied)  # the file has one of them
    return built


@pytest.fixture
def state(network):
    keys = sam2_keys(5, (1, 2, 4), high_quality=False)
    published = as_published(network.state_dict(), keys, sam2_to_huggingface)
    return {**published, "maskmem_tpos_enc": torch.zeros(7), "memory_attention.x": torch.ones(3)}


def test_published_file(monkeypatch, tmp_path, network, state):
    monkeypatch.setattr(sam2_files, "PUBLISHED_SIZES", (TINY_HQ_SAM2,))
    torch.save({"model": state}, tmp_path / "sam2_hiera_tiny.pt")
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    frame = Preprocessing(TINY_HQ_SAM2.frame, keep_aspect=False)
    answers = [
        segmenter.predict(segmenter.encode(image), points=[[[20.0, 30.0]]])
        for segmenter in (
            load_segmenter(tmp_path / "sam2_hiera_tiny.pt", "cpu", "float32"),
            FAMILIES["sam2"].assemble(network, frame),
        )
    ]
    torch.testing.assert_close(answers[0].logits, answers[1].logits)
    torch.testing.assert_close(answers[0].object_logits, answers[1].object_logits)
    load_sam2(tmp_path / "sam2_hiera_tiny.pt", "cpu", "float32")
    torch.save({"model": {**state, "no_obj_embed_spatial": torch.zeros(1)}}, tmp_path / "new.pt")
    with pytest.raises(CheckpointError, match=r"new\.pt holds SAM 2\.1"):
        load_sam2(tmp_path / "new.pt", "cpu", "float32")


def test_other_sizes_are_refused_in_one_sentence(tmp_path, state):
    torch.save({"model": state}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="SAM 2 of 5 blocks and width 8, which is no publ"):
        load_segmenter(tmp_path / "odd.pt", "cpu")


def test_large_has_the_published_number_of_parameters():
    """Of Hiera with its neck, and of the mask decoder."""
    network = FAMILIES["sam2"].build(sam2_files.PUBLISHED_SIZES[-1].to_huggingface().to_dict())
    counts = {"vision_encoder": 212_149_296 + 553_984, "mask_decoder": 4_215_109}
    for name, count in counts.items():
        assert sum(p.numel() for p in network.get_submodule(name).parameters()) == count
