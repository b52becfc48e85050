"""Key layouts of CLIP checkpoints: OpenAI's, which the networks use, and Hugging Face's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.clip.text import TextConfig
from lexiseg.models.clip.transformer import ACTIVATIONS
from lexiseg.models.clip.vision import VisionConfig

# Hugging Face name -> OpenAI name, matched at the start of a key.
STEMS = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding": "visual.conv1",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
    "vision_model.encoder.layers": "visual.transformer.resblocks",
    "visual_projection.weight": "visual.proj",
    "text_model.embeddings.token_embedding": "token_embedding",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
    "text_model.encoder.layers": "transformer.resblocks",
    "text_projection.weight": "text_projection",
    "logit_scale": "logit_scale",
}
PARTS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
PROJECTIONS = ("visual.proj", "text_projection")  # stored transposed by Hugging Face
# Buffers and sizes that some files carry beside the weights.
IGNORED = re.compile(r".*\.position_ids|input_resolution|context_length|vocab_size")
LEGACY_END_ID = 2  # in Hugging Face configs it stands for "largest id of the row"


def is_huggingface(state: Mapping[str, Tensor]) -> bool:
    """Whether the keys follow Hugging Face's CLIPModel."""
    return any(key.startswith(("vision_model.", "text_model.")) for key in state)


def to_openai(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring a state dict of either layout to OpenAI's; unknown keys pass unchanged.

    Query, key and value projections are packed in this order; a block that lacks one keeps the
    others under their old names, so that a strict load can report them.
    """
    kept = {key: tensor for key, tensor in state.items() if not IGNORED.fullmatch(key)}
    if "text.token_embedding.weight" in kept:  # open_clip's, where the text tower is a part
        kept = {key.removeprefix("text."): tensor for key, tensor in kept.items()}
    if not is_huggingface(kept):
        return kept
    renamed = {_openai_key(key): tensor for key, tensor in kept.items()}
    for name in PROJECTIONS:
        if name in renamed:
            renamed[name] = renamed[name].T.contiguous()
    return _pack(renamed)


def _openai_key(key: str) -> str:
    stem = next((s for s in STEMS if key == s or key.startswith(s + ".")), None)
    if stem is None:
        return key
    rest = key.removeprefix(stem)
    for theirs, ours in PARTS.items():
        rest = rest.replace(f".{theirs}.", f".{ours}.")
    return STEMS[stem] + rest


def _pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for key in [key for key in state if ".self_attn.q_proj." in key]:
        thirds = [key.replace(".q_proj.", f".{letter}_proj.") for letter in "qkv"]
        if all(third in state for third in thirds):
            packed = torch.cat([state.pop(third) for third in thirds])
            block, kind = key.split(".self_attn.q_proj.")
            state[f"{block}.attn.in_proj_{kind}"] = packed
    return state


def to_huggingface(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring an OpenAI-layout state dict to the keys of Hugging Face's CLIPModel."""
    stems = {ours: theirs for theirs, ours in STEMS.items()}
    result: dict[str, Tensor] = {}
    for key, tensor in state.items():
        stem = next(s for s in stems if key == s or key.startswith(s + "."))
        rest = key.removeprefix(stem)
        for theirs, ours in PARTS.items():
            rest = rest.replace(f".{ours}.", f".{theirs}.")
        name = stems[stem] + rest
        if ".attn.in_proj_" in name:
            block, kind = name.split(".attn.in_proj_")
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                result[f"{block}.self_attn.{letter}_proj.{kind}"] = third.contiguous()
        else:
            result[name] = (tensor.T if key in PROJECTIONS else tensor).contiguous()
    return result


def infer_configs(
    state: Mapping[str, Tensor], head_dim: int = 64, activation: str = "quick_gelu"
) -> tuple[VisionConfig, TextConfig]:
    """Read all sizes off an OpenAI-layout state dict, as OpenAI's own loader does.

    Args:
        state: tensors by key.
        head_dim: width of one attention head, which no shape tells.
        activation: "quick_gelu" (OpenAI) or "gelu" (most later trainings).

    Raises:
        CheckpointError: the tensors are not those of a CLIP with a vision transformer.
    """
    try:
        width, _, patch, _ = state["visual.conv1.weight"].shape
        native = round((len(state["visual.positional_embedding"]) - 1) ** 0.5)
        vision = VisionConfig(
            width=width,
            layers=_depth(state, "visual.transformer."),
            heads=max(1, width // head_dim),
            patch_size=patch,
            image_size=native * patch,
            embed_dim=state["visual.proj"].shape[1],
            mlp_ratio=_mlp_ratio(state, "visual.transformer."),
            activation=activation,
        )
        text = infer_text_config(state, head_dim, activation)
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"The weights are not those of a CLIP with a vision transformer in OpenAI's layout "
            f"(missing or mis-shaped: {error})."
        ) from error
    return vision, text


def infer_text_config(
    state: Mapping[str, Tensor], head_dim: int = 64, activation: str = "quick_gelu"
) -> TextConfig:
    """The sizes of the text tower alone; see `infer_configs`.

    Raises:
        KeyError, ValueError, IndexError: the tensors are not those of a CLIP's text tower.
    """
    context, width = state["positional_embedding"].shape
    return TextConfig(
        width=width,
        layers=_depth(state, "transformer."),
        heads=max(1, width // head_dim),
        context=context,
        vocabulary=len(state["token_embedding.weight"]),
        embed_dim=state["text_projection"].shape[1],
        mlp_ratio=_mlp_ratio(state, "transformer."),
        activation=activation,
    )


def _depth(state: Mapping[str, Tensor], tower: str) -> int:
    pattern = re.compile(re.escape(tower) + r"resblocks\.(\d+)\.ln_1\.weight")
    return sum(bool(pattern.fullmatch(key)) for key in state)


def _mlp_ratio(state: Mapping[str, Tensor], tower: str) -> float:
    hidden, width = state[f"{tower}resblocks.0.mlp.c_fc.weight"].shape
    return hidden / width


def configs_from_huggingface(
    config: Mapping[str, object], origin: str = "config.json"
) -> tuple[VisionConfig, TextConfig]:
    """Read a CLIPModel's config.json; what it leaves out has the published ViT-B/32 values.

    Args:
        config: its content.
        origin: what to call the file in messages.

    Raises:
        CheckpointError: another kind of model, or a setting this network does not have.
    """
    if config.get("model_type", "clip") != "clip":
        raise CheckpointError(f"{origin}: model_type is {config['model_type']!r}; expected 'clip'.")
    try:
        return _configs(config)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise CheckpointError(f"{origin} has an entry of the wrong kind ({error}).") from error
    except LookupError as error:
        raise CheckpointError(
            f"{origin}: hidden_act is {error}; expected one of {', '.join(ACTIVATIONS)}."
        ) from error


def _configs(config: Mapping[str, Any]) -> tuple[VisionConfig, TextConfig]:
    embed_dim = config.get("projection_dim", 512)
    see, read = _section(config, "vision_config"), _section(config, "text_config")
    vision_width, text_width = see.get("hidden_size", 768), read.get("hidden_size", 512)
    vision = VisionConfig(
        width=vision_width,
        layers=see.get("num_hidden_layers", 12),
        heads=see.get("num_attention_heads", 12),
        patch_size=see.get("patch_size", 32),
        image_size=see.get("image_size", 224),
        embed_dim=embed_dim,
        mlp_ratio=see.get("intermediate_size", 3072) / vision_width,
        activation=_activation(see),
        eps=see.get("layer_norm_eps", 1e-5),
    )
    end_id = read.get("eos_token_id", 49407)
    text = TextConfig(
        width=text_width,
        layers=read.get("num_hidden_layers", 12),
        heads=read.get("num_attention_heads", 8),
        context=read.get("max_position_embeddings", 77),
        vocabulary=read.get("vocab_size", 49408),
        embed_dim=embed_dim,
        mlp_ratio=read.get("intermediate_size", 2048) / text_width,
        activation=_activation(read),
        eps=read.get("layer_norm_eps", 1e-5),
        end_id=None if end_id == LEGACY_END_ID else end_id,
    )
    return vision, text


def _section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Old files repeat a section under `<name>_dict`, which then wins."""
    return {**(config.get(name) or {}), **(config.get(f"{name}_dict") or {})}


def _activation(section: Mapping[str, object]) -> str:
    name = str(section.get("hidden_act", "quick_gelu"))
    if name not in ACTIVATIONS:
        raise LookupError(repr(name))
    return name


def configs_to_huggingface(vision: VisionConfig, text: TextConfig) -> dict[str, object]:
    """The content of config.json for Hugging Face's CLIPModel."""
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": vision.embed_dim,
        "vision_config": {
            "model_type": "clip_vision_model",
            "patch_size": vision.patch_size,
            "image_size": vision.image_size,
            **_common_settings(vision),
        },
        "text_config": {
            "model_type": "clip_text_model",
            "max_position_embeddings": text.context,
            "vocab_size": text.vocabulary,
            "eos_token_id": LEGACY_END_ID if text.end_id is None else text.end_id,
            **_common_settings(text),
        },
    }


def _common_settings(config: VisionConfig | TextConfig) -> dict[str, object]:
    return {
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "projection_dim": config.embed_dim,
        "hidden_act": config.activation,
        "layer_norm_eps": config.eps,
    }
