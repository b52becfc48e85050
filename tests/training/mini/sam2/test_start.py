import numpy as np
import pytest
import torch

from lexiseg.models.bundled import bundled_folder
from lexiseg.training.mini.sam.network import read_sam
from lexiseg.training.mini.sam.pool import SamPool
from lexiseg.training.mini.sam2.network import SIDE, PromptedSam2, build_sam2, sam2_config
from lexiseg.training.mini.sam2.recipe import Sam2Training
from lexiseg.training.mini.sam2.start import Pupil, sam_to_sam2, take_over, whole_optimizer


@pytest.fixture(scope="module")
def teacher():
    return read_sam(bundled_folder("mini-sam"))


def test_blocks_and_decoder_of_the_small_sam_are_taken_over(teacher) -> None:
    network = build_sam2(sam2_config())
    own = take_over(network, teacher)
    parts = {name.removeprefix("mask_decoder.").split(".")[0] for name in own}
    assert parts == {"conv_s0", "conv_s1", "obj_score_token", "pred_obj_score_head"}
    assert set(sam_to_sam2(teacher.state_dict())) <= set(network.state_dict())


@torch.no_grad()
def test_the_blocks_do_what_the_small_sams_do(teacher) -> None:
    network = build_sam2(sam2_config()).eval()
    take_over(network, teacher)
    tokens = torch.randn(1, 32, 32, 192, generator=torch.Generator().manual_seed(0))
    theirs = tokens
    for layer in teacher.eval().vision_encoder.layers:
        theirs = layer(theirs)
    ours = PromptedSam2(network).pass_on(tokens)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_pupil_comes_nearer_to_its_teacher_and_leaves_the_blocks_alone() -> None:
    chance = np.random.default_rng(0)
    images = chance.integers(0, 255, (2, SIDE // 8, SIDE // 8, 3), np.uint8)
    images = images.repeat(8, axis=1).repeat(8, axis=2)
    pool = SamPool(images, np.zeros((2, 3, SIDE, SIDE), np.uint8))
    pupil = Pupil(Sam2Training(batch=2, warmup=1), pool, bundled_folder("mini-sam"))
    block = pupil.model.vision_encoder.backbone.blocks[4].mlp.proj_in.weight.detach().clone()
    losses = [pupil.advance(0) for _ in range(4)]
    assert losses[-1]["behind"] < losses[0]["behind"]
    after = pupil.model.vision_encoder.backbone.blocks[4].mlp.proj_in.weight
    assert torch.equal(block, after)


def test_every_trained_parameter_is_stepped_once() -> None:
    network = build_sam2(sam2_config())
    sam = PromptedSam2(network)
    groups = [g for part in whole_optimizer(network).parts for g in part.param_groups]
    stepped = [id(p) for group in groups for p in group["params"]]
    trained = {id(p) for p in sam.network.parameters() if p.requires_grad}
    assert len(stepped) == len(set(stepped))
    assert trained - set(stepped) == {id(network.no_memory_embedding)}
