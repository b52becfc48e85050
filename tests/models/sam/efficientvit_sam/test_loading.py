from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lexiseg.errors import CheckpointError, UnknownNameError, WeightsNotFoundError
from lexiseg.models.sam.efficientvit_sam.config import EFFICIENTVIT_SAM
from lexiseg.models.sam.efficientvit_sam.encoder import EfficientVitEncoder
from lexiseg.models.sam.efficientvit_sam.loading import (
    PROMPTING,
    fill_efficientvit_sam,
    load_efficientvit_sam,
    preprocessing,
)
from lexiseg.models.sam.variant import SamVariant
from tests.models.published_layout import (
    TINY_EFFICIENTVIT,
    TINY_EFFICIENTVIT_PROMPTING,
    in_sams_layout,
    learned_sizes,
    tiny_efficientvit_sam,
)

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("variant", "tensors", "millions"),
    [("l0", 409, 34.8), ("l1", 515, 47.7), ("l2", 645, 61.3), ("xl0", 455, 117.0),
     ("xl1", 701, 203.3)],
)  # fmt: skip
def test_full_size_layouts_have_the_published_counts_and_load_strictly(variant, tensors, millions):
    config = EFFICIENTVIT_SAM[variant]
    with torch.device("meta"):
        network = SamVariant(EfficientVitEncoder(config), PROMPTING)
    state = in_sams_layout(network)
    assert len(state) == tensors
    assert round(sum(learned_sizes(state).values()) / 1e6, 1) == millions
    filled = fill_efficientvit_sam(state, f"efficientvit_sam_{variant}.pt", config)
    assert set(filled.state_dict()) == set(network.state_dict())


def test_loaded_network_answers_as_the_one_that_was_stored():
    stored = tiny_efficientvit_sam()
    filled = fill_efficientvit_sam(
        in_sams_layout(stored), "tiny", TINY_EFFICIENTVIT, TINY_EFFICIENTVIT_PROMPTING
    )
    answers = []
    for network, fold in ((stored, False), (filled, True)):
        segmenter = network.segmenter(preprocessing(TINY_EFFICIENTVIT, 128), fold=fold)
        embedding = segmenter.encode(PHOTO)
        answers.append(segmenter.predict(embedding, points=[[[9.0, 5.0]], [[50.0, 30.0]]]))
    assert answers[0].logits.shape == (2, 3, 32, 32)
    assert (answers[0].logits[0] - answers[0].logits[1]).abs().max() > 1e-3
    torch.testing.assert_close(answers[1].logits, answers[0].logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(answers[1].scores, answers[0].scores, atol=1e-4, rtol=1e-4)


def test_the_decoder_has_the_papers_eps_too():
    with torch.device("meta"):
        network = SamVariant(EfficientVitEncoder(TINY_EFFICIENTVIT), PROMPTING)
    norms = [m for m in network.modules() if isinstance(m, nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-6}


def test_small_networks_see_512_pixels_but_are_prompted_in_1024():
    small = preprocessing(EFFICIENTVIT_SAM["l2"])
    assert small(PHOTO).shape == (1, 3, 512, 512)
    assert small.frame((40, 60)).frame_hw == (1024, 1024)
    assert small.frame((40, 60)).content_hw == (683, 1024)
    assert small(PHOTO)[0, :, 342:].abs().max() == 0


def test_without_a_file_the_message_names_it_and_the_way():
    with pytest.raises(WeightsNotFoundError, match=r"efficientvit_sam_xl1\.pt.*weights="):
        load_efficientvit_sam("xl1")


def test_unknown_variants_are_reported():
    with pytest.raises(UnknownNameError, match="did you mean 'xl1'"):
        load_efficientvit_sam("xl11")


def test_weights_of_another_size_do_not_fit():
    stored = tiny_efficientvit_sam()
    with pytest.raises(CheckpointError, match="mis-shaped"):
        fill_efficientvit_sam(in_sams_layout(stored), "tiny", TINY_EFFICIENTVIT)
