from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.hub import PublishedFile
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.variant import (
    PromptingConfig,
    SamVariant,
    fill_variant,
)
from lexiseg.registry import SEGMENTERS
from tests.models.published_layout import (
    TINY_VIT,
    TINY_VIT_PROMPTING,
    mask_decoder,
    prompt_encoder,
    tiny_efficientvit_sam,
    tiny_mobile_sam,
)

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SINGLE_FILES = ["mobile-sam", "hq-sam2.1-large", "efficientvit-sam-l0", "efficientvit-sam-l1",
                "efficientvit-sam-l2", "efficientvit-sam-xl0", "efficientvit-sam-xl1"]  # fmt: skip


@pytest.mark.parametrize("name", SINGLE_FILES)
def test_registered_names_say_which_file_they_need(name):
    with pytest.raises(WeightsNotFoundError, match=rf"{name} do not come.*download \S+\.pt from"):
        SEGMENTERS[name](device="cpu", dtype="float32", weights=None)


def test_a_given_file_is_found(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    file = PublishedFile("name", "x.safetensors", "somewhere")
    assert file.find(tmp_path / "x.safetensors") == tmp_path / "x.safetensors"
    with pytest.raises(WeightsNotFoundError):
        file.find(tmp_path / "absent.pt")


def test_sams_prompting_half_has_sams_tensors():
    with torch.device("meta"):
        network = SamVariant(TinyVit(TINY_VIT), PromptingConfig())
    encoder = {key for key in network.state_dict() if key.startswith("image_encoder.")}
    prompting = set(network.state_dict()) - encoder
    assert len(prompting) == len(prompt_encoder() + mask_decoder()) == 137


def test_what_does_not_belong_is_reported():
    state = {**tiny_mobile_sam().state_dict(), "teacher.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"1 unexpected \(teacher\.weight\)"):
        fill_variant(lambda: TinyVit(TINY_VIT), TINY_VIT_PROMPTING, state, "x.pt")


@pytest.mark.parametrize("build", [tiny_mobile_sam, tiny_efficientvit_sam])
def test_sixteen_bits_are_close_and_prompts_stay_exact(build):
    exact, short = build(), build()
    answers = []
    for network, dtype in ((exact, torch.float32), (short, torch.bfloat16)):
        segmenter = network.segmenter(Preprocessing(64), dtype=dtype)
        answers.append(segmenter.predict(segmenter.encode(PHOTO), points=[[[9.0, 5.0]]]))
    assert short.prompt_encoder.no_mask_embed.weight.dtype == torch.float32
    assert short.mask_decoder.iou_token.weight.dtype == torch.bfloat16
    assert {p.dtype for p in short.image_encoder.parameters()} == {torch.bfloat16}
    one, other = (answer.logits.float() for answer in answers)
    assert (one - other).abs().mean() < 0.1 * one.abs().mean()
