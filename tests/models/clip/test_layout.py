import pytest
import torch
import transformers

from lexiseg.errors import CheckpointError
from lexiseg.models.clip import ClipNetwork, layout


def test_round_trip_through_hugging_face_keys(network):
    state = network.state_dict()
    back = layout.to_openai(layout.to_huggingface(state))
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_openai_layout_passes_unchanged(network):
    state = network.state_dict()
    assert set(layout.to_openai(state)) == set(state)


def test_extra_entries_of_published_files_are_dropped(network):
    extras = {"input_resolution": torch.tensor(32), "vocab_size": torch.tensor(520)}
    state = network.state_dict()
    assert set(layout.to_openai({**state, **extras})) == set(state)
    theirs = layout.to_huggingface(state)
    theirs["vision_model.embeddings.position_ids"] = torch.arange(17)
    assert set(layout.to_openai(theirs)) == set(state)


def test_incomplete_attention_stays_visible(network):
    theirs = layout.to_huggingface(network.state_dict())
    del theirs["vision_model.encoder.layers.1.self_attn.k_proj.bias"]
    ours = layout.to_openai(theirs)
    assert "visual.transformer.resblocks.1.attn.in_proj_bias" not in ours
    assert "visual.transformer.resblocks.1.self_attn.q_proj.bias" in ours


def test_configs_are_inferred_from_shapes(network):
    vision, text = layout.infer_configs(network.state_dict(), head_dim=16)
    assert vision == network.visual.config
    expected = network.text.config
    assert (text.width, text.layers, text.heads) == (expected.width, 2, 2)
    assert (text.context, text.vocabulary, text.embed_dim) == (24, 520, 20)
    assert text.end_id is None


def test_configs_of_a_convolutional_clip_are_refused():
    with pytest.raises(CheckpointError, match="vision transformer"):
        layout.infer_configs({"visual.layer1.0.conv1.weight": torch.zeros(3, 3, 3, 3)})


def test_configs_round_trip(network):
    vision, text = network.visual.config, network.text.config
    config = layout.configs_to_huggingface(vision, text)
    assert layout.configs_from_huggingface(config) == (vision, text)


def test_missing_settings_are_those_of_vit_b32():
    vision, text = layout.configs_from_huggingface({})
    assert (vision.width, vision.layers, vision.heads, vision.patch_size) == (768, 12, 12, 32)
    assert (vision.embed_dim, vision.hidden, vision.image_size) == (512, 3072, 224)
    assert (text.width, text.layers, text.heads, text.hidden) == (512, 12, 8, 2048)
    assert (text.context, text.vocabulary, text.end_id) == (77, 49408, 49407)


def test_legacy_end_id_means_the_largest_id():
    _, text = layout.configs_from_huggingface({"text_config": {"eos_token_id": 2}})
    assert text.end_id is None


def test_repeated_section_of_old_files_wins():
    config = {"text_config": {"hidden_size": 512}, "text_config_dict": {"hidden_size": 640}}
    assert layout.configs_from_huggingface(config)[1].width == 640


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "siglip"},
        {"vision_config": {"hidden_act": "swish"}},
        {"vision_config": {"hidden_size": "wide"}},
        {"text_config": {"hidden_size": 0}},
        {"text_config": 7},
    ],
)
def test_foreign_configs_are_refused(config):
    with pytest.raises(CheckpointError, match="siglip|swish|wrong kind"):
        layout.configs_from_huggingface(config)


# Width, blocks, heads, patch, side of the image tower; width and heads of the text tower; shared
# width: OpenAI's towers of these names. LAION's have the same sizes, but for H/14.
PUBLISHED = {
    "B/32": (768, 12, 12, 32, 224, 512, 8, 512),
    "B/16": (768, 12, 12, 16, 224, 512, 8, 512),
    "L/14": (1024, 24, 16, 14, 224, 768, 12, 768),
    "L/14@336": (1024, 24, 16, 14, 336, 768, 12, 768),
}


@pytest.mark.parametrize("style", ["huggingface", "openai", "open_clip"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_are_read_off_every_layout(name, style):
    """Without memory for a number: keys and shapes alone."""
    width, blocks, heads, patch, side, words, word_heads, shared = PUBLISHED[name]
    with torch.device("meta"):
        theirs = transformers.CLIPModel(
            transformers.CLIPConfig(
                vision_config={
                    "hidden_size": width, "intermediate_size": 4 * width, "image_size": side,
                    "num_hidden_layers": blocks, "num_attention_heads": heads, "patch_size": patch,
                },
                text_config={
                    "hidden_size": words, "intermediate_size": 4 * words,
                    "num_attention_heads": word_heads,
                },
                projection_dim=shared,
            )
        )  # fmt: skip
    state = dict(theirs.state_dict())
    if style != "huggingface":
        state = layout.to_openai(state)
    if style == "open_clip":
        apart = ("visual.", "logit_scale")
        state = {k if k.startswith(apart) else f"text.{k}": tensor for k, tensor in state.items()}
    read = layout.to_openai(state)
    vision, text = layout.infer_configs(read)
    assert (vision.width, vision.layers, vision.heads) == (width, blocks, heads)
    assert (vision.patch_size, vision.image_size, vision.embed_dim) == (patch, side, shared)
    assert (text.width, text.layers, text.heads, text.context) == (words, 12, word_heads, 77)
    with torch.device("meta"):
        ours = ClipNetwork(vision, text).state_dict()
    assert {k: t.shape for k, t in read.items()} == {k: t.shape for k, t in ours.items()}
