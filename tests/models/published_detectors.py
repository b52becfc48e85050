"""Tiny text-driven networks of transformers with random weights, in the published folder layout."""

from __future__ import annotations

import json

import numpy as np
import torch
from transformers import (
    BertTokenizer,
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    SwinConfig,
)

WORDS = ("dog", "red", "apple", "zebra", "tree", "grass", "background", "a", "photo", "of")
FIXED = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def shake(network, seed=0, scale=0.3):
    """Weights under which answers differ from patch to patch and word to word."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.ndim > 1:
                parameter.copy_(noise * 1.2 / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(scale * noise)
    return network.eval()


def write_json(path, content):
    path.write_text(json.dumps(content))


def bert_tokenizer(folder):
    names = [FIXED.get(number, f"[unused{number}]") for number in range(1040)]
    names[200 : 200 + len(WORDS)] = WORDS
    letters = "bcdefghijklmnopqrstuvwxyz"
    names[300 : 300 + 2 * len(letters)] = [*letters, *(f"##{c}" for c in letters)]
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)


def clip_tokenizer(folder):
    """Bytes and their word-end twins, no merges; ids stay below 99 for ASCII letters."""
    letters = [chr(c) for c in range(33, 127)]
    vocabulary = {c: n for n, c in enumerate([*letters, *(f"{c}</w>" for c in letters)])}
    vocabulary |= {"<|startoftext|>": len(vocabulary), "<|endoftext|>": len(vocabulary) + 1}
    CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    return len(vocabulary)


def make_grounding_dino(folder):
    swin = SwinConfig(
        image_size=64, patch_size=4, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4],
        window_size=4, out_indices=[2, 3, 4],
    )  # fmt: skip
    text = {
        "model_type": "bert", "vocab_size": 1040, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64,
    }  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=swin, text_config=text, d_model=32, num_queries=12, max_text_len=24,
        encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=48, decoder_layers=2,
        decoder_attention_heads=2, decoder_ffn_dim=48, num_feature_levels=4,
    )  # fmt: skip
    network = shake(GroundingDinoForObjectDetection(config), seed=2, scale=0.1)
    network.tie_weights()
    network.save_pretrained(folder)
    bert_tokenizer(folder)
    size = {"shortest_edge": 96, "longest_edge": 160}
    write_json(folder / "preprocessor_config.json", {"size": size})
    return network


def make_owlv2(folder):
    vocabulary = clip_tokenizer(folder)
    text = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 16,
        "eos_token_id": vocabulary - 1, "bos_token_id": vocabulary - 2, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 48, "patch_size": 8,
    }  # fmt: skip
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)
    network = shake(Owlv2ForObjectDetection(config))
    network.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", {"size": {"height": 48, "width": 48}})
    return network


def make_clipseg(folder):
    vocabulary = clip_tokenizer(folder)
    text = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 20,
        "eos_token_id": vocabulary - 1, "bos_token_id": vocabulary - 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    config = CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=24, extract_layers=[0, 1, 3],
        reduce_dim=16, decoder_num_attention_heads=2, decoder_intermediate_size=24,
    )  # fmt: skip
    network = shake(CLIPSegForImageSegmentation(config), scale=0.5)
    network.save_pretrained(folder)
    statistics = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    size = {"height": 64, "width": 64}
    write_json(folder / "preprocessor_config.json", {"size": size, **statistics})
    return network
