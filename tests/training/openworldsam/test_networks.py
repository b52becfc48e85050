"""Gradients and a step through the frozen decoder, against those of the released program."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lexiseg.models.openworldsam import Adapter, load_adapter
from lexiseg.models.sam import FAMILIES, Preprocessing
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.learner import parameter_groups
from lexiseg.training.openworldsam.networks import answer
from lexiseg.training.openworldsam.objective import match_queries, picture_loss
from lexiseg.types import ImageEmbedding

PREFIX = "visual_model."


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "reference" / "openworldsam"


@pytest.fixture(scope="module")
def config(folder):
    return json.loads((folder / "config.json").read_text())


def sam2_settings(config) -> dict[str, object]:
    """transformers' settings of a SAM 2 with the sizes of a pack."""
    size, width, stages = (
        config["sam_image_size"],
        config["hiera_embed_dim"],
        config["hiera_stages"],
    )
    widths = [width * 2**n for n in range(len(stages))]
    heads = [config["hiera_num_heads"] * 2**n for n in range(len(stages))]
    frame = {"image_size": size, "patch_size": 16, "hidden_size": config["embed_dim"]}
    return {
        "vision_config": {
            "backbone_config": {
                "model_type": "sam2_hiera_det_model", "hidden_size": width,
                "num_attention_heads": heads[0], "image_size": [size, size],
                "blocks_per_stage": stages, "embed_dim_per_stage": widths,
                "num_attention_heads_per_stage": heads,
                "window_size_per_stage": config["hiera_window_spec"],
                "global_attention_blocks": config["hiera_global_att_blocks"],
                "window_positional_embedding_background_size":
                    config["hiera_window_pos_embed_bkg_spatial_size"],
            },
            "backbone_channel_list": widths[::-1],
            "backbone_feature_sizes": [[size // s] * 2 for s in (4, 8, 16)],
            "fpn_hidden_size": config["embed_dim"],
            "fpn_top_down_levels": config["neck_fpn_top_down_levels"],
        },
        "prompt_encoder_config": frame,
        "mask_decoder_config": {
            "hidden_size": config["embed_dim"], "mlp_dim": config["decoder_mlp_dim"],
            "num_attention_heads": config["decoder_heads"],
            "iou_head_hidden_dim": config["decoder_iou_hidden"],
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def segmenter(folder, config) -> Segmenter:
    family = FAMILIES["sam2"]
    network = family.build(sam2_settings(config), device="cpu")
    stored = load_file(folder / "weights.safetensors")
    own = {k.removeprefix(PREFIX): t for k, t in stored.items() if k.startswith(PREFIX)}
    state = family.fitting_state(network, sam2_to_huggingface(own))
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected and all("mask_embed" in key for key in missing), (missing, unexpected)
    return family.assemble(network, Preprocessing(config["sam_image_size"], keep_aspect=False))


def learned(folder, config, segmenter) -> tuple[Adapter, dict[str, float]]:
    """The adapter with the gradient of the whole batch, taken picture by picture, and its loss."""
    arrays = np.load(folder / "arrays.npz")
    adapter, _ = load_adapter(folder / "weights.safetensors")
    adapter.requires_grad_(True)
    prompts = sum(len(image["prompts"]) for image in config["images"])
    total = 0.0
    for number, image in enumerate(config["images"]):
        pixels = torch.from_numpy(arrays[f"in.img{number}.sam"]).float()[None]
        with torch.no_grad():
            maps = segmenter.encoder(pixels)
        frame = segmenter.preprocessing.frame(tuple(image["hw"]))
        vectors = torch.from_numpy(arrays[f"eval.img{number}.beit_cls"])[:, 0]
        answers = answer(adapter, segmenter, ImageEmbedding(frame, maps), vectors, False)
        truth = [
            torch.from_numpy(arrays[f"in.img{number}.gt_masks.prompt{j}"]).float()
            for j in range(len(image["prompts"]))
        ]
        settings = AdapterTraining()
        matches = match_queries(answers, truth, settings)
        loss = picture_loss(answers, truth, matches, settings).mask / prompts
        loss.backward()
        total += loss.item()
    return adapter, {"loss": total}


def test_loss_gradients_and_one_step_are_the_official_ones(folder, config, segmenter) -> None:
    arrays = np.load(folder / "arrays.npz")
    adapter, found = learned(folder, config, segmenter)
    assert found["loss"] == pytest.approx(arrays["train.final.loss_mask"].item(), rel=1e-3)
    paper = AdapterTraining()
    named = dict(adapter.named_parameters())
    norms = torch.stack([named[name].grad.norm() for name in config["grad_norm_names"]])
    official = torch.from_numpy(arrays["train.gradnorm.values"]).float().flatten()
    torch.testing.assert_close(norms, official, rtol=1e-2, atol=1e-6)
    norm = torch.nn.utils.clip_grad_norm_(adapter.parameters(), paper.clip)
    assert norm.item() == pytest.approx(arrays["train.total_grad_norm"].item(), rel=1e-2)
    compared = [name for name in named if f"train.grad.{name}" in arrays.files]
    assert len(compared) > 10
    for name in compared:  # as the pack has them: after clipping
        expected = torch.from_numpy(arrays[f"train.grad.{name}"])
        assert (named[name].grad - expected).norm() < 1e-2 * expected.norm(), name

    optimizer = torch.optim.AdamW(parameter_groups(adapter, paper), lr=paper.rate)
    clear = {name: p.grad.abs() > 1e-7 for name, p in named.items()}  # well above AdamW's epsilon
    optimizer.step()
    stepped = [name for name in named if f"train.after_step.{name}" in arrays.files]
    assert stepped
    for name in stepped:
        expected = torch.from_numpy(arrays[f"train.after_step.{name}"])
        error = (named[name] - expected).abs()[clear[name]]
        assert error.numel() and error.max() < 2e-6, (name, error.max())
