from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.models.sam2.modeling_sam2 import Sam2MaskDecoder

from lexiseg.models.sam.hq_sam2.loading import hq_sam2_segmenter
from lexiseg.types import ImageEmbedding
from tests.models.published_layout import TINY_HQ_SAM2, tiny_hq_sam2

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
POINTS = torch.tensor([[[9.0, 5.0]], [[50.0, 30.0]], [[30.0, 38.0]]])


def answer_slowly(network: Any, embedding: ImageEmbedding, point: Tensor) -> tuple[Tensor, Tensor]:
    """One prompt, step by step: all four of SAM 2's masks with the correction, and the scores."""
    net = network.mask_decoder
    scaled = point * torch.tensor(embedding.frame.scale_xy)
    sparse, dense = network.prompt_encoder(
        scaled[None, None], torch.ones(1, 1, 1, dtype=torch.long), None, None
    )
    learned = [net.obj_score_token, net.iou_token, net.mask_tokens, net.hq_token]
    tokens = torch.cat([*(table.weight for table in learned), sparse[0, 0]])
    fine_map, half_map, coarse = embedding.maps
    found, image = net.transformer(
        tokens[None, None], coarse + dense, network.get_image_wide_positional_embeddings(), None
    )
    image = image.transpose(2, 3).reshape(coarse.shape)
    half = net.activation(net.upscale_layer_norm(net.upscale_conv1(image) + half_map))
    fine = net.activation(net.upscale_conv2(half) + fine_map)

    hidden = F.conv2d(fine, net.mask_conv1.weight, net.mask_conv1.bias, padding=1)
    centered = hidden - hidden.mean(1, keepdim=True)
    hidden = centered / (centered.square().mean(1, keepdim=True) + 1e-6).sqrt()
    hidden = hidden * net.mask_norm.weight[:, None, None] + net.mask_norm.bias[:, None, None]
    refined = F.conv2d(F.gelu(hidden), net.mask_conv2.weight, net.mask_conv2.bias, padding=1)
    correction = torch.einsum("c,chw->hw", net.hq_mask_mlp(found[0, 0, 6]), refined[0])

    masks = []
    for number in range(4):
        vector = net.output_hypernetworks_mlps[number](found[0, 0, 2 + number])
        masks.append(torch.einsum("c,chw->hw", vector, fine[0]))
    return torch.stack(masks) + correction, net.iou_prediction_head(found[0, 0, 1])


@torch.no_grad()
def test_candidates_equal_the_written_out_decoder():
    network = tiny_hq_sam2()
    segmenter = hq_sam2_segmenter(network, TINY_HQ_SAM2)
    embedding = segmenter.encode(PHOTO)
    answer = segmenter.predict(embedding, points=POINTS)
    assert answer.logits.shape == (3, 3, 16, 16)
    for prompt in range(3):
        logits, scores = answer_slowly(network, embedding, POINTS[prompt])
        torch.testing.assert_close(answer.logits[prompt], logits[1:], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(answer.scores[prompt], scores[1:], atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_single_mask_is_settled_before_the_correction(threshold):
    """A stable mask stays, an unstable one gives way to the best candidate."""
    network = tiny_hq_sam2()
    net = network.mask_decoder
    net.dynamic_multimask_stability_thresh = threshold
    net.dynamic_multimask_stability_delta = 0.5
    segmenter = hq_sam2_segmenter(network, TINY_HQ_SAM2)
    embedding = segmenter.encode(PHOTO)
    answer = segmenter.predict(embedding, points=POINTS, multimask=False)
    for prompt in range(3):
        logits, scores = answer_slowly(network, embedding, POINTS[prompt])
        chosen = 0 if threshold == 0 else 1 + int(scores[1:].argmax())
        torch.testing.assert_close(answer.logits[prompt, 0], logits[chosen], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(answer.scores[prompt, 0], scores[chosen])


@torch.no_grad()
def test_without_a_correction_the_masks_are_sam2s():
    """With its vector at zero, the correcting token still takes part in the attention."""
    network = tiny_hq_sam2()
    net = network.mask_decoder
    net.hq_mask_mlp.proj_out.weight.zero_()
    net.hq_mask_mlp.proj_out.bias.zero_()
    segmenter = hq_sam2_segmenter(network, TINY_HQ_SAM2)
    embedding = segmenter.encode(PHOTO)
    scaled = POINTS * torch.tensor(embedding.frame.scale_xy)
    sparse, dense = network.prompt_encoder(
        scaled[None], torch.ones(1, 3, 1, dtype=torch.long), None, None
    )
    # SAM 2's decoder reads no token behind the prompt's, so the extra one may stand there.
    extra = net.hq_token.weight.expand(1, 3, 1, -1)
    masks, scores, _, _ = Sam2MaskDecoder.forward(
        net,
        embedding.maps[-1],
        network.get_image_wide_positional_embeddings(),
        torch.cat([sparse, extra], dim=2),
        dense,
        True,
        list(embedding.maps[:2]),
    )
    answer = segmenter.predict(embedding, points=POINTS)
    torch.testing.assert_close(answer.logits, masks[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(answer.scores, scores[0], atol=1e-5, rtol=1e-4)
