"""Networks of transformers, of random weights and tiny sizes, as candidates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from torch.nn.functional import interpolate

from lexiseg.analysis.oracles.inference import Inference, Thresholds
from lexiseg.analysis.oracles.inputs.networks import candidates_of, candidates_of_scene
from lexiseg.errors import UsageError
from lexiseg.methods.mask_proposals import FcClip
from lexiseg.types import Vocabulary
from tests.models.published_fc_clip import make_fc_clip


def output(queries: int = 5, classes: int = 3) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(0)
    return SimpleNamespace(
        class_queries_logits=torch.randn(2, queries, classes + 1, generator=generator),
        masks_queries_logits=torch.randn(2, queries, 8, 12, generator=generator),
    )


def test_queries_are_candidates_with_void_last() -> None:
    raw = output()
    found = candidates_of(raw, 1)
    torch.testing.assert_close(found.probabilities, raw.class_queries_logits[1].softmax(dim=1))
    assert torch.equal(found.masks, raw.masks_queries_logits[1])


def test_padding_is_cut_off_before_masks_cover_the_picture() -> None:
    raw = output()
    found = candidates_of(raw, input_hw=(32, 48), content_hw=(20, 48))
    whole = interpolate(raw.masks_queries_logits[:1], (32, 48), mode="bilinear")[0]
    torch.testing.assert_close(found.masks, whole[:, :20])


def test_columns_bring_classes_into_the_order_of_the_truth() -> None:
    raw = output()
    found = candidates_of(raw, columns=[2, 0])
    probabilities = raw.class_queries_logits[0].softmax(dim=1)
    torch.testing.assert_close(found.classes, probabilities[:, [2, 0]])
    torch.testing.assert_close(found.void, probabilities[:, -1])
    with pytest.raises(UsageError, match="Column 3"):
        candidates_of(raw, columns=[3])


def test_one_size_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="belong together"):
        candidates_of(output(), input_hw=(4, 4))


def swin() -> transformers.SwinConfig:
    return transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip


def mask2former() -> torch.nn.Module:
    config = transformers.Mask2FormerConfig(
        backbone_config=swin(), hidden_dim=32, feature_size=32, mask_feature_size=32,
        num_queries=6, decoder_layers=2, encoder_layers=1, num_attention_heads=2,
        dim_feedforward=16, encoder_feedforward_dim=16, num_labels=4,
    )  # fmt: skip
    return transformers.Mask2FormerForUniversalSegmentation(config)


def maskformer() -> torch.nn.Module:
    detr = transformers.DetrConfig(
        d_model=32, num_queries=6, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        use_pretrained_backbone=False,
    )  # fmt: skip
    config = transformers.MaskFormerConfig(
        backbone_config=swin(), decoder_config=detr, fpn_feature_size=32, mask_feature_size=32,
        num_labels=4,
    )  # fmt: skip
    return transformers.MaskFormerForInstanceSegmentation(config)


def eomt() -> torch.nn.Module:
    config = transformers.EomtConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16,
        num_queries=6, num_blocks=1, num_labels=4, num_register_tokens=1, intermediate_size=32,
        num_upscale_blocks=1,
    )  # fmt: skip
    return transformers.EomtForUniversalSegmentation(config)


def oneformer() -> torch.nn.Module:
    config = transformers.OneFormerConfig(
        backbone_config=swin(), hidden_dim=32, conv_dim=32, mask_dim=32, num_queries=6,
        decoder_layers=3, encoder_layers=1, num_attention_heads=2, dim_feedforward=16,
        encoder_feedforward_dim=16, num_labels=4, task_seq_len=5, text_encoder_width=16,
        query_dec_layers=1, is_training=False,
    )  # fmt: skip
    return transformers.OneFormerForUniversalSegmentation(config)


@pytest.mark.parametrize("make", [mask2former, maskformer, eomt, oneformer])
def test_networks_of_transformers_are_understood(make) -> None:
    torch.manual_seed(0)
    model = make().eval()
    task = {"task_inputs": torch.randint(0, 99, (1, 5))} if make is oneformer else {}
    with torch.no_grad():
        raw = model(pixel_values=torch.randn(1, 3, 64, 64), **task)
    found = candidates_of(raw)
    assert len(found) == 6 and found.classes.shape[1] == 4
    torch.testing.assert_close(found.probabilities.sum(dim=1), torch.ones(6))


def test_fc_clip_decides_alike_among_its_candidates(tmp_path) -> None:
    make_fc_clip(tmp_path)
    method = FcClip.load(
        weights=tmp_path, short_side=64, long_side=96, device="cpu", dtype="float32"
    )
    image = np.random.default_rng(0).integers(0, 256, (54, 70, 3), dtype=np.uint8)
    scene, vocabulary = method.encode(image), Vocabulary.parse(["dog", "grass", "zebra"])
    found = candidates_of_scene(method, scene, vocabulary)
    own = Thresholds(method.config.min_score, method.config.min_overlap)
    is_thing = np.array([name not in method.config.stuff for name in vocabulary.names])
    shown = Inference(is_thing, own, own)(found, (54, 70))
    expected = method.segment(scene, vocabulary).panoptic
    areas = sorted((s.label, s.area) for s in expected.segments)
    ours = [
        (vocabulary.names[s.class_index], int((shown.ids == s.id).sum())) for s in shown.segments
    ]
    assert sorted(ours) == areas and areas
