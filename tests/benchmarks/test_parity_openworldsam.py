"""The parity program on the public pack, and on a pack of other sizes made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.parity import check
from benchmarks.parity_openworldsam.answers import rebuild_answers
from benchmarks.parity_openworldsam.measures import rebuild_metrics, rebuild_preprocessing
from benchmarks.parity_openworldsam.networks import build_networks
from benchmarks.parity_openworldsam.pack import Pack
from benchmarks.parity_openworldsam.rules import rebuild_rules
from benchmarks.parity_openworldsam.step import rebuild_step
from lexiseg.models.beit3 import Beit3Config, Beit3Network
from lexiseg.models.openworldsam import Adapter, AdapterConfig
from lexiseg.models.sam import FAMILIES
from lexiseg.models.sam.hq_sam2.config import HqSam2Config
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from tests.models.published_detectors import shake
from tests.models.published_layout import as_published, sam2_keys

SIZES = HqSam2Config(
    8, 1, (1, 1, 2, 1), (4, 2, 4, 2), (3,), 4,
    frame=128, neck_width=32, decoder_heads=4, mlp_width=24, mask_channels=8, score_width=16,
)  # fmt: skip
TEXTS = {"a": [0, 5, 2], "b c": [0, 6, 7, 2], "d e f": [0, 8, 9, 10, 2], "g": [0, 11, 2]}
IMAGES = [
    {"hw": [40, 61], "prompts": ["b c"], "cats": [2]},
    {"hw": [33, 30], "prompts": ["d e f", "a", "g"], "cats": [1, 0, 2]},
    {"hw": [50, 20], "prompts": ["g", "b c"], "cats": [0, 1]},
]
SETTINGS = {
    "num_tie_breakers": 3, "beit_heads": 2, "soft_prompt_heads": 4, "pad_token_id": 1,
    "embed_dim": 32, "sam_image_size": 128, "decoder_heads": 4, "decoder_mlp_dim": 24,
    "decoder_iou_hidden": 16, "hiera_embed_dim": 8, "hiera_num_heads": 1,
    "hiera_stages": [1, 1, 2, 1], "hiera_window_spec": [4, 2, 4, 2],
    "hiera_global_att_blocks": [3], "hiera_window_pos_embed_bkg_spatial_size": [4, 4],
    "neck_fpn_top_down_levels": [2, 3], "iou_threshold_end_to_end": 0.4,
    "classes": ["x", "y", "z"], "things": {"1": 0, "9": 2}, "tokens": TEXTS, "images": IMAGES,
    "post": {"hw": [21, 34]}, "nms_threshold": 0.4, "post_iou_threshold": 0.3,
    "metric_ground_keys": ["mIoU", "precision@0.3", "cIoU"], "metric_sem_keys": ["pACC", "mIoU"],
}  # fmt: skip


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    adapter = Adapter(AdapterConfig(24, 32, tie_breakers=3, layers=2, heads=4, hidden=20))
    beit3 = Beit3Network(Beit3Config(24, 2, 2, 40, 48, 16, vocabulary=12, text_positions=10))
    sam2 = FAMILIES["sam2"].build(SIZES.to_huggingface().to_dict(), device="cpu")
    for seed, network in enumerate((adapter, beit3, sam2)):
        shake(network, seed)
    keys = sam2_keys(5, (1, 2, 4), high_quality=False)
    published = as_published(sam2.state_dict(), keys, sam2_to_huggingface)
    state = dict(adapter.state_dict())
    state |= {f"mm_extractor.beit3.{key}": tensor for key, tensor in beit3.state_dict().items()}
    state |= {f"visual_model.{key}": tensor for key, tensor in published.items()}
    return {key: tensor.clone().contiguous() for key, tensor in state.items()}


def write_pack(folder: Path) -> None:
    """A pack whose expected arrays are our own: it tests the program, not the numbers."""
    state = weights()
    save_file(state, folder / "weights.safetensors")
    names = [*Adapter(AdapterConfig(24, 32, 3, 2, 4, 20)).state_dict()]
    (folder / "config.json").write_text(json.dumps({**SETTINGS, "grad_norm_names": names}))
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {
        "post.mask_logits": rng.normal(size=(7, 1, 21, 34)).astype(np.float32),
        "post.scores": rng.random((7, 1)).astype(np.float32),
        "post.labels": rng.integers(0, 3, 7),
        "post.resized_logits": np.zeros((7, 1, 40, 13)),
        "post.inst_topk2.scores": np.zeros(1),
        "prep.image_u8": rng.integers(0, 256, (70, 45, 3), dtype=np.uint8),
        "prep.sam_96_every_5px": np.zeros(1),
        "prep.beit_64_every_3px": np.zeros(1),
        "metric.ground.gt": rng.integers(0, 2, (7, 21, 34), dtype=np.uint8),
        "metric.ground.order": rng.permutation(7),
        "metric.sem.conf": rng.integers(0, 50, (4, 4)),
    }
    for number, image in enumerate(IMAGES):
        arrays[f"in.img{number}.sam"] = rng.normal(size=(3, 128, 128)).astype(np.float16)
        arrays[f"in.img{number}.beit"] = rng.normal(size=(3, 48, 48)).astype(np.float16)
        for place in range(len(image["prompts"])):
            name = f"in.img{number}.gt_masks.prompt{place}"
            shape = (1 + 2 * place, *image["hw"])
            arrays[name] = rng.integers(0, 2, shape, dtype=np.uint8)
    np.savez(folder / "arrays.npz", **arrays)
    np.savez(folder / "arrays.npz", **{**arrays, **rebuilt(folder)})


def rebuilt(folder: Path) -> dict[str, np.ndarray]:
    pack = Pack(folder)
    networks = build_networks(pack)
    parts = [rebuild_answers(pack, networks), rebuild_step(pack, networks), rebuild_rules(pack)]
    parts += [rebuild_preprocessing(pack), rebuild_metrics(pack)]
    return {name: np.asarray(value) for part in parts for name, value in part}


def test_reference_pack(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(shared / "reference" / "openworldsam"), capsys.readouterr().out


def test_other_sizes_and_what_a_difference_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(tmp_path)
    assert check(tmp_path), capsys.readouterr().out
    arrays = dict(np.load(tmp_path / "arrays.npz"))
    wrong = ("eval.img1.soft_out", "train.grad.positional_tokens", "train.p5.loss_mask_unweighted")
    for name in wrong:
        arrays[name] = arrays[name] + 0.1 * np.abs(arrays[name]).max()
    arrays["eval.img2.beit_out"][0, 0] += 1
    arrays["eval.unheard_of"] = np.zeros(3)
    np.savez(tmp_path / "arrays.npz", **arrays)
    capsys.readouterr()
    assert not check(tmp_path)
    printed = capsys.readouterr().out
    for name in (*wrong, "eval.img2.beit_out", "eval.unheard_of"):
        assert f"FAIL {name}" in printed
    assert "5 out" in printed
