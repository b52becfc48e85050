"""SAM's own files: every tensor finds its place."""

from __future__ import annotations

import pytest
import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.sam import load_segmenter
from lexiseg.models.sam.families import FAMILIES
from lexiseg.models.sam.sam_keys import (
    infer_settings,
    prompting_to_huggingface,
    sam_to_huggingface,
)

THREE_LAYERS = {"proj_in": "layers.0", "layers.0": "layers.1", "proj_out": "layers.2"}
BLOCK = {"layer_norm1": "norm1", "layer_norm2": "norm2"}
HQ = {
    "hq_token": "hf_token", "compress_vit_conv1": "compress_vit_feat.0",
    "compress_vit_norm": "compress_vit_feat.1", "compress_vit_conv2": "compress_vit_feat.3",
    "encoder_conv1": "embedding_encoder.0", "encoder_norm": "embedding_encoder.1",
    "encoder_conv2": "embedding_encoder.3", "mask_conv1": "embedding_maskfeature.0",
    "mask_norm": "embedding_maskfeature.1", "mask_conv2": "embedding_maskfeature.3",
}  # fmt: skip
MASK_EMBED = {"conv1": "0", "layer_norm1": "1", "conv2": "3", "layer_norm2": "4", "conv3": "6"}
NECK = {"conv1": "0", "layer_norm1": "1", "conv2": "2", "layer_norm2": "3"}
UPSCALE = {"upscale_conv1": "0", "upscale_layer_norm": "1", "upscale_conv2": "3"}


def original_name(key):
    """SAM's name of a tensor, by parts: the way back, written independently."""
    part, _, rest = key.partition(".")
    words = rest.split(".")
    if part == "shared_image_embedding":
        return None
    if part == "vision_encoder":
        if words[0] == "neck":
            return ".".join(["image_encoder.neck", NECK[words[1]], *words[2:]])
        if words[0] == "patch_embed":
            return f"image_encoder.patch_embed.proj.{words[2]}"
        if words[0] == "layers":
            return ".".join(
                ["image_encoder.blocks", words[1], BLOCK.get(words[2], words[2]), *words[3:]]
            )
        return f"image_encoder.{rest}"
    if part == "prompt_encoder":
        if words[0] == "shared_embedding":
            return "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
        if words[0] == "point_embed":
            return f"prompt_encoder.point_embeddings.{words[1]}.weight"
        if words[0] == "mask_embed":
            return f"prompt_encoder.mask_downscaling.{MASK_EMBED[words[1]]}.{words[2]}"
        return key
    if words[0] in UPSCALE:
        return f"mask_decoder.output_upscaling.{UPSCALE[words[0]]}.{words[1]}"
    if words[0] in HQ:
        return f"mask_decoder.{HQ[words[0]]}.{words[1]}"
    if words[0] in ("iou_prediction_head", "output_hypernetworks_mlps", "hq_mask_mlp"):
        head = {"hq_mask_mlp": "hf_mlp"}.get(words[0], words[0])
        middle, inner = (words[1:2], words[2:-1]) if head.startswith("out") else ([], words[1:-1])
        return ".".join(["mask_decoder", head, *middle, THREE_LAYERS[".".join(inner)], words[-1]])
    return "mask_decoder." + rest.replace("layer_norm_final", "norm_final").replace(
        ".layer_norm", ".norm"
    )


@pytest.fixture(params=["sam", "sam_hq"])
def kind(request):
    return request.param


@pytest.fixture
def original(kind, network_of):
    state = network_of(kind).state_dict()
    named = {original_name(key): tensor.clone() for key, tensor in state.items()}
    named.pop(None)
    return named


def test_every_tensor_finds_its_place(original, kind, network_of):
    state = network_of(kind).state_dict()
    renamed = sam_to_huggingface(original)
    assert set(renamed) == set(state)
    assert all(torch.equal(renamed[key], state[key]) for key in state)


def test_prompting_leaves_the_image_encoder_out(original, kind, network_of):
    renamed = prompting_to_huggingface(original)
    wanted = {
        key for key in network_of(kind).state_dict()
        if key.startswith(("prompt_encoder.", "mask_decoder."))
    }  # fmt: skip
    assert set(renamed) == wanted


def test_a_file_predicts_as_the_network_does(
    tmp_path, original, kind, network_of, picture_of, settings_of
):
    file = tmp_path / "sam_vit_tiny.pth"
    torch.save(original, file)
    settings = infer_settings(original)
    # The heads of the decoder cannot be seen in a file, so the twin has SAM's eight too.
    twin = settings_of(kind)
    twin["mask_decoder_config"] |= {"num_attention_heads": 8, "layer_norm_eps": 1e-5}
    for part in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        assert settings[part].items() <= (twin[part] | {"num_multimask_outputs": 3}).items()
    network = FAMILIES[kind].build(twin, device="cpu")
    network.load_state_dict(network_of(kind).state_dict())
    loaded = load_segmenter(file, "cpu", "float32")
    wanted = FAMILIES[kind].assemble(network, loaded.preprocessing)
    image = picture_of(40, 30)
    answers = [s.predict(s.encode(image), points=[[[9.0, 9.0]]]) for s in (loaded, wanted)]
    torch.testing.assert_close(answers[0].logits, answers[1].logits)


def test_files_that_are_no_sam(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="layout of SAM"):
        load_segmenter(tmp_path / "other.pth", "cpu")
    with pytest.raises(CheckpointError, match="not in SAM's layout"):
        infer_settings({})


@pytest.mark.parametrize(
    ("width", "blocks", "heads", "spanning"),
    [
        (768, 12, 12, [2, 5, 8, 11]),
        (1024, 24, 16, [5, 11, 17, 23]),
        (1280, 32, 16, [7, 15, 23, 31]),
    ],
    ids=["base", "large", "huge"],
)
@pytest.mark.parametrize("kind", ["sam", "sam_hq"])
def test_files_of_the_published_sizes_say_their_sizes(kind, width, blocks, heads, spanning):
    """Without memory for a number: keys and shapes alone."""
    stated = {
        "hidden_size": width, "num_hidden_layers": blocks, "num_attention_heads": heads,
        "mlp_dim": 4 * width, "global_attn_indexes": spanning,
    }  # fmt: skip
    published = {"vision_config": stated, "mask_decoder_config": {"vit_dim": width}}
    theirs = FAMILIES[kind].build(published, device="meta").state_dict()
    original = {original_name(key): tensor for key, tensor in theirs.items()}
    original.pop(None)
    settings = infer_settings(original)
    found = settings["vision_config"]
    assert {key: found[key] for key in stated} == stated
    ours = FAMILIES[kind].build(settings, device="meta").state_dict()
    renamed = sam_to_huggingface(original)
    assert {k: t.shape for k, t in renamed.items()} == {k: t.shape for k, t in ours.items()}
