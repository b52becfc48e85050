import pytest
import torch

from lexiseg.training.mini.sam2.network import (
    NO_POINT,
    SIDE,
    PromptedSam2,
    build_sam2,
    clicks,
    corners,
    sam2_config,
)


@pytest.fixture(scope="module")
def sam() -> PromptedSam2:
    torch.manual_seed(0)
    return PromptedSam2(build_sam2(sam2_config()).eval())


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def test_the_network_keeps_its_budget(sam: PromptedSam2) -> None:
    assert sum(parameter.numel() for parameter in sam.network.parameters()) <= 5_000_000


def test_maps_are_those_of_transformers(sam: PromptedSam2, pixels: torch.Tensor) -> None:
    theirs = sam.network.get_image_embeddings(pixels)
    for ours, other in zip(sam.maps(pixels), theirs, strict=True):
        torch.testing.assert_close(ours, other)


@torch.no_grad()
def test_answers_are_those_of_transformers(sam: PromptedSam2, pixels: torch.Tensor) -> None:
    points = SIDE * torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(2))
    boxes = torch.tensor([[[3.0, 4, 130, 140]], [[0, 0, 90, 250]]])
    pictures = sam.prepare(sam.maps(pixels))
    for prompt, given in (
        ({"input_points": points[:, :, None]}, clicks(points)),
        ({"input_boxes": boxes}, corners(boxes)),
    ):
        ours = sam.ask(pictures, *given)
        theirs = sam.network(pixels, multimask_output=True, **prompt)
        torch.testing.assert_close(ours.logits[:, :, 1:], theirs.pred_masks, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.scores[:, :, 1:], theirs.iou_scores, atol=1e-4, rtol=1e-4)
        objects = theirs.object_score_logits[..., 0]
        torch.testing.assert_close(ours.objects, objects, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_mask_alone_is_a_prompt(sam: PromptedSam2, pixels: torch.Tensor) -> None:
    pictures = sam.prepare(sam.maps(pixels))
    masks = torch.randn(2, 3, sam.cells, sam.cells, generator=torch.Generator().manual_seed(3))
    found = sam.refine(pictures, masks)
    assert found.logits.shape == (2, 3, 4, sam.cells, sam.cells)
    turned = sam.refine(pictures, masks.flip(1))
    torch.testing.assert_close(turned.logits, found.logits.flip(1), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found.logits[:, 0], found.logits[:, 1])


def test_held_stages_learn_nothing(pixels: torch.Tensor) -> None:
    sam = PromptedSam2(build_sam2(sam2_config()))
    sum(part.square().mean() for part in sam.maps(pixels[:1], held=True)).backward()
    blocks = sam.network.vision_encoder.backbone.blocks
    learned = [any(p.grad is not None for p in block.parameters()) for block in blocks]
    assert learned == [False] * 8 + [True] * 2
    assert sam.network.mask_decoder.conv_s0.weight.grad is not None


def test_padding_is_as_in_sam_2s_own_program() -> None:
    points, kinds = clicks(torch.ones(1, 2, 2))
    assert points.shape == (1, 2, 2, 2) and kinds[0, 0].tolist() == [1, NO_POINT]
    places, kinds = corners(torch.tensor([[[1.0, 2, 3, 4]]]))
    assert places[0, 0, :2].tolist() == [[1, 2], [3, 4]] and kinds[0, 0].tolist() == [2, 3, -1]
