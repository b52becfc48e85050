"""Tiny SigLIPs with random weights in the published folder layout."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
)

from tests.models.published_detectors import WORDS, shake, write_json

SIZES = {
    "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2,
}  # fmt: skip


def word_tokenizer(folder, kind):
    words = ["<pad>", "</s>", "<unk>", ".", *(word for word in WORDS if word != "red"), "red"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    name = "SiglipTokenizer" if kind == "siglip" else "GemmaTokenizer"
    tokens = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": name, **tokens})
    return len(words)


def make_siglip(folder, kind="siglip"):
    vocabulary = word_tokenizer(folder, kind)
    text = {**SIZES, "vocab_size": vocabulary, "max_position_embeddings": 12, "projection_size": 24}
    vision = {**SIZES, "patch_size": 8}
    if kind == "siglip":
        config = SiglipConfig(text_config=text, vision_config={**vision, "image_size": 32})
        network = SiglipModel(config)
    else:
        config = Siglip2Config(text_config=text, vision_config={**vision, "num_patches": 16})
        network = Siglip2Model(config)
    shake(network, scale=0.3).save_pretrained(folder)
    return network
