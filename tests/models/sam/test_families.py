"""Each family against transformers' own pipeline with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil
from transformers.models.sam.processing_sam import SamProcessor

HW = (50, 37)
POINTS = np.random.default_rng(1).uniform((0, 0), (37, 50), (4, 2, 2))
LABELS = np.array([[1, 1], [1, 0], [0, 1], [1, 1]])
BOXES = np.array([[3, 4, 20, 30], [0, 0, 37, 50], [5, 5, 6, 6], [10, 1, 30, 49]], dtype=float)


def assert_near(ours, wanted):
    assert wanted.std() > 1e-3
    torch.testing.assert_close(
        ours, wanted, atol=1e-5 * max(1.0, float(wanted.abs().max())), rtol=1e-4
    )


@pytest.mark.parametrize("multimask", [True, False])
@pytest.mark.parametrize("kind", ["points", "boxes", "both"])
def test_sam_is_transformers_pipeline(network_of, segmenter_of, picture_of, kind, multimask):
    network, image = network_of("sam"), picture_of(*HW)
    processor = SamProcessor(
        SamImageProcessorPil(
            size={"longest_edge": 64}, pad_size={"height": 64, "width": 64},
            mask_size={"longest_edge": 32}, mask_pad_size={"height": 32, "width": 32},
        )
    )  # fmt: skip
    given, asked = {}, {}
    if kind != "boxes":
        given |= {"input_points": [POINTS.tolist()], "input_labels": [LABELS.tolist()]}
        asked |= {"points": POINTS, "labels": LABELS}
    if kind != "points":
        given["input_boxes"] = [BOXES.tolist()]
        asked["boxes"] = BOXES
    inputs = processor(images=image, return_tensors="pt", **given)
    inputs = {key: t.float() if t.is_floating_point() else t for key, t in inputs.items()}
    sizes = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
    with torch.no_grad():
        wanted = network(**inputs, multimask_output=multimask)
    segmenter = segmenter_of("sam")
    embedding = segmenter.encode(image)
    answer = segmenter.predict(embedding, **asked, multimask=multimask)
    assert_near(answer.logits, wanted.pred_masks[0])
    torch.testing.assert_close(answer.scores, wanted.iou_scores[0], atol=1e-5, rtol=1e-4)
    large = processor.post_process_masks(wanted.pred_masks, *sizes, binarize=False)[0]
    assert_near(segmenter.full_size(answer.logits, embedding), large)


def test_sam_mask_prompts(network_of, segmenter_of, picture_of):
    network, segmenter = network_of("sam"), segmenter_of("sam")
    embedding = segmenter.encode(picture_of(*HW))
    masks = segmenter.predict(embedding, points=POINTS).logits[:, 0]
    answer = segmenter.predict(embedding, points=POINTS, masks=masks)
    scale = torch.tensor(embedding.frame.scale_xy)
    for number in range(len(POINTS)):
        with torch.no_grad():
            wanted = network(
                image_embeddings=embedding.maps[-1],
                input_points=(torch.tensor(POINTS[number]).float() * scale)[None, None],
                input_labels=torch.ones(1, 1, 2, dtype=torch.long),
                input_masks=masks[number][None, None],
            )
        assert_near(answer.logits[number], wanted.pred_masks[0, 0])


@pytest.mark.parametrize("multimask", [True, False])
@pytest.mark.parametrize("kind", ["points", "boxes", "both"])
@pytest.mark.parametrize("family", ["sam2", "edgetam", "sam3_tracker"])
def test_sam2_and_its_kin_are_transformers_models(
    network_of, segmenter_of, picture_of, family, kind, multimask
):
    network, segmenter = network_of(family), segmenter_of(family)
    image = picture_of(*HW)
    size = segmenter.preprocessing.size
    scale = torch.tensor([size / HW[1], size / HW[0]])
    given, asked = {}, {}
    if kind != "boxes":
        given |= {
            "input_points": (torch.tensor(POINTS).float() * scale)[None],
            "input_labels": torch.tensor(LABELS)[None],
        }
        asked |= {"points": POINTS, "labels": LABELS}
    if kind != "points":
        given["input_boxes"] = (torch.tensor(BOXES).float() * scale.repeat(2))[None]
        asked["boxes"] = BOXES
    pixels = segmenter.preprocessing(image)
    with torch.no_grad():
        wanted = network(pixel_values=pixels, **given, multimask_output=multimask)
    embedding = segmenter.encode(image)
    answer = segmenter.predict(embedding, **asked, multimask=multimask)
    assert_near(answer.logits, wanted.pred_masks[0])
    torch.testing.assert_close(answer.scores, wanted.iou_scores[0], atol=1e-5, rtol=1e-4)
    objects = wanted.object_score_logits[0]
    torch.testing.assert_close(answer.object_logits, objects, atol=1e-5, rtol=1e-4)
    large = torch.nn.functional.interpolate(
        wanted.pred_masks[0], HW, mode="bilinear", align_corners=False
    )
    assert_near(segmenter.full_size(answer.logits, embedding), large)


def plain_hq(net, embedding, early, sparse, no_mask, position, upscale_untouched=False):
    """HQ-SAM's decoder for one prompt, step by step."""
    detail = net.encoder_conv2(net.activation(net.encoder_norm(net.encoder_conv1(embedding))))
    first = net.activation(net.compress_vit_norm(net.compress_vit_conv1(early.movedim(-1, 1))))
    detail = detail + net.compress_vit_conv2(first)
    learned = [net.iou_token.weight, net.mask_tokens.weight, net.hq_token.weight]
    tokens = torch.cat([*learned, sparse])[None, None]
    image = embedding + no_mask[None, :, None, None]
    tokens, seen = net.transformer(tokens, image, position, attention_similarity=None)
    maps = image.mT if upscale_untouched else seen[0].mT.reshape(embedding.shape)
    half = net.activation(net.upscale_layer_norm(net.upscale_conv1(maps)))
    fine = net.activation(net.upscale_conv2(half))
    refined = net.mask_conv2(net.activation(net.mask_norm(net.mask_conv1(fine)))) + detail
    masks = [
        torch.einsum("c,chw->hw", net.output_hypernetworks_mlps[n](tokens[0, 0, 1 + n]), fine[0])
        for n in range(4)
    ]
    correction = torch.einsum("c,chw->hw", net.hq_mask_mlp(tokens[0, 0, 5]), refined[0])
    scores = net.iou_prediction_head(tokens[0, 0, 0])
    order = scores[1:].argsort(descending=True).tolist()
    return (
        torch.stack([masks[1 + n] + correction for n in order]),
        scores[1:][order],
        masks[0] + correction,
    )


def test_sam_hq_is_the_published_computation(network_of, segmenter_of, picture_of):
    network, segmenter = network_of("sam_hq"), segmenter_of("sam_hq")
    image = picture_of(*HW)
    embedding = segmenter.encode(image)
    answer = segmenter.predict(embedding, points=POINTS, labels=LABELS)
    single = segmenter.predict(embedding, points=POINTS, labels=LABELS, multimask=False)
    scaled = (torch.tensor(POINTS).float() * torch.tensor(embedding.frame.scale_xy))[None]
    with torch.no_grad():
        pixels = segmenter.preprocessing(image)
        seen = network.vision_encoder(pixels)
        sparse, _ = network.prompt_encoder(scaled, torch.tensor(LABELS)[None], None, None)
        theirs = network(
            pixel_values=pixels, input_points=scaled, input_labels=torch.tensor(LABELS)[None]
        )
        common = (
            network.prompt_encoder.no_mask_embed.weight[0],
            network.get_image_wide_positional_embeddings(),
        )
        for number in range(len(POINTS)):
            given = (seen.last_hidden_state, seen.intermediate_embeddings[0], sparse[0, number])
            masks, scores, one = plain_hq(network.mask_decoder, *given, *common)
            assert_near(answer.logits[number], masks)
            assert_near(single.logits[number, 0], one)
            torch.testing.assert_close(answer.scores[number], scores)
            # The one line in which transformers leaves the published program.
            untouched, _, _ = plain_hq(network.mask_decoder, *given, *common, True)
            assert_near(theirs.pred_masks[0, number], untouched)
    torch.testing.assert_close(answer.scores, theirs.iou_scores[0])
