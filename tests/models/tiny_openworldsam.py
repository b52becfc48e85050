"""The networks of OpenWorldSAM, tiny, with random weights, in folders as they are published."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from lexiseg.models.beit3 import Beit3Config, Beit3Network
from lexiseg.models.openworldsam import Adapter, AdapterConfig, save_adapter
from lexiseg.models.sam import FAMILIES
from tests.models.published_detectors import shake, write_json

WORDS = ("dog", "grass", "zebra", "cat", "tree", "car", "sky", "red", "the", "left", "on", "of")
WIDTH, SIDE = 32, 64
BEIT3 = Beit3Config(48, 2, 4, 64, 48, 16, vocabulary=40, text_positions=20)
ADAPTER = AdapterConfig(encoder_width=48, width=WIDTH, tie_breakers=3, layers=2, heads=4, hidden=40)
SAM2 = {
    "model_type": "sam2",
    "vision_config": {
        "model_type": "sam2_vision_model",
        "backbone_config": {
            "model_type": "sam2_hiera_det_model", "hidden_size": 16, "num_attention_heads": 1,
            "image_size": [SIDE, SIDE], "blocks_per_stage": [1, 2, 2, 1],
            "embed_dim_per_stage": [16, 32, 64, 128],
            "num_attention_heads_per_stage": [1, 2, 4, 8],
            "window_size_per_stage": [4, 2, 4, 2], "global_attention_blocks": [4],
            "window_positional_embedding_background_size": [4, 4],
        },
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": WIDTH,
    },
    "prompt_encoder_config": {
        "hidden_size": WIDTH, "mask_input_channels": 8, "image_size": SIDE, "patch_size": 16,
    },
    "mask_decoder_config": {
        "hidden_size": WIDTH, "mlp_dim": 40, "num_attention_heads": 4, "iou_head_hidden_dim": 24,
    },
}  # fmt: skip


def make_sam2(folder: Path, seed: int = 0) -> None:
    """Of the first release."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    network = shake(FAMILIES["sam2"].build(SAM2, device="cpu"), seed)
    state = {key: tensor.contiguous().clone() for key, tensor in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    write_json(folder / "config.json", SAM2)


def make_beit3(folder: Path, seed: int = 1) -> None:
    """With a tokenizer of a few words."""
    folder.mkdir(parents=True)
    save_file(shake(Beit3Network(BEIT3), seed).state_dict(), folder / "model.safetensors")
    write_json(folder / "config.json", {"heads": BEIT3.heads})
    words = ("<s>", "<pad>", "</s>", "<unk>", *WORDS)
    model = WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def make_adapter(folder: Path, seed: int = 2, **changes: object) -> Adapter:
    """As `save_adapter` writes it."""
    config = AdapterConfig(**{**vars(ADAPTER), **changes})  # type: ignore[arg-type]
    adapter = Adapter(config)
    shake(adapter, seed)
    save_adapter(adapter, folder)
    return adapter


def make_openworldsam(folder: Path) -> dict[str, Path]:
    """All three, as options of `load`."""
    parts = {name: folder / name for name in ("sam2", "beit3", "adapter")}
    make_sam2(parts["sam2"])
    make_beit3(parts["beit3"])
    make_adapter(parts["adapter"])
    return parts
