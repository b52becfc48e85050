"""Hugging Face's CLIPModel is the oracle here."""

import json

import pytest
import torch
import transformers

from lexiseg.errors import CheckpointError, OutputError, WeightsNotFoundError
from lexiseg.models.clip import PositionTable, Preprocessing, read_pretrained, save_pretrained

CPU = torch.device("cpu")


def make_oracle(activation: str, eos: int):
    torch.manual_seed(3)
    config = transformers.CLIPConfig(
        text_config={
            "hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 2,
            "num_attention_heads": 4, "vocab_size": 90, "max_position_embeddings": 12,
            "eos_token_id": eos, "bos_token_id": 88, "hidden_act": activation,
        },
        vision_config={
            "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
            "num_attention_heads": 3, "image_size": 32, "patch_size": 8, "hidden_act": activation,
        },
        projection_dim=20,
    )  # fmt: skip
    model = transformers.CLIPModel(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def make_ids() -> torch.Tensor:
    ids = torch.randint(1, 88, (4, 12), generator=torch.Generator().manual_seed(0))
    for row, end in zip(ids, (3, 11, 1, 6), strict=True):
        row[end:] = 89
    return ids


def oracle_features(model, pixels, ids):
    vision = model.vision_model(pixels, interpolate_pos_encoding=True).pooler_output
    text = model.text_model(ids).pooler_output
    return model.visual_projection(vision), model.text_projection(text)


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("eos", [2, 89])
def test_reading_equals_transformers(tmp_path, activation, eos):
    oracle = make_oracle(activation, eos)
    oracle.save_pretrained(tmp_path)
    network = read_pretrained(tmp_path).build(CPU, "float32", PositionTable()).eval()
    pixels, ids = torch.randn(2, 3, 32, 32), make_ids()
    images, texts = oracle_features(oracle, pixels, ids)
    torch.testing.assert_close(network.visual(pixels), images)
    torch.testing.assert_close(network.text(ids), texts)
    expected = oracle(pixel_values=pixels, input_ids=ids).logits_per_image
    torch.testing.assert_close(network(pixels, ids), expected)


def test_bicubic_positions_equal_transformers_on_other_sizes(tmp_path):
    oracle = make_oracle("gelu", 89)
    oracle.save_pretrained(tmp_path)
    network = read_pretrained(tmp_path).build(CPU, "float32", PositionTable("bicubic"))
    pixels = torch.randn(1, 3, 40, 72)
    images, _ = oracle_features(oracle, pixels, make_ids())
    torch.testing.assert_close(network.visual(pixels), images)


def test_writing_is_read_by_transformers(tmp_path, network):
    save_pretrained(network, tmp_path)
    oracle, report = transformers.CLIPModel.from_pretrained(
        tmp_path, local_files_only=True, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    pixels, ids = torch.randn(2, 3, 32, 32), torch.full((3, 6), 519)
    ids[:, :2] = torch.tensor([[4, 5], [6, 7], [8, 9]])
    images, texts = oracle_features(oracle.eval(), pixels, ids)
    torch.testing.assert_close(network.visual(pixels), images)
    torch.testing.assert_close(network.text(ids), texts)
    torch.testing.assert_close(network.logit_scale, oracle.logit_scale)


def test_half_precision_storage_keeps_the_temperature(tmp_path, network):
    network.logit_scale.fill_(4.605170249938965)
    save_pretrained(network, tmp_path, dtype=torch.float16)
    pretrained = read_pretrained(tmp_path)
    assert pretrained.state["visual.proj"].dtype == torch.float16
    again = pretrained.build(CPU, "bfloat16", PositionTable())
    assert again.visual.proj.dtype == torch.bfloat16
    assert torch.equal(again.logit_scale, network.logit_scale)


def test_preprocessing_is_kept(tmp_path, network):
    settings = Preprocessing(32, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
    save_pretrained(network, tmp_path, settings)
    assert read_pretrained(tmp_path).preprocessing == settings
    processor = transformers.CLIPImageProcessorPil.from_pretrained(tmp_path)
    assert list(processor.image_mean) == [0.5, 0.4, 0.3]


def test_sharded_checkpoints_are_joined(tmp_path):
    oracle = make_oracle("gelu", 89)
    oracle.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    network = read_pretrained(tmp_path).build(CPU, "float32", PositionTable())
    pixels = torch.randn(1, 3, 32, 32)
    images, _ = oracle_features(oracle, pixels, make_ids())
    torch.testing.assert_close(network.visual(pixels), images)


def test_missing_shard_is_reported(tmp_path):
    make_oracle("gelu", 89).save_pretrained(tmp_path, max_shard_size="30KB")
    next(iter(tmp_path.glob("model-*.safetensors"))).unlink()
    with pytest.raises(CheckpointError, match="1 are missing"):
        read_pretrained(tmp_path)


def test_pickled_weights_are_read_safely(tmp_path, network):
    save_pretrained(network, tmp_path)
    state = read_pretrained(tmp_path).state
    (tmp_path / "model.safetensors").unlink()
    torch.save(dict(state), tmp_path / "pytorch_model.bin")
    again = read_pretrained(tmp_path)
    assert torch.equal(again.state["visual.proj"], state["visual.proj"])


def test_config_that_contradicts_the_weights_is_reported(tmp_path, network):
    save_pretrained(network, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] = 4
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="12 missing"):
        read_pretrained(tmp_path).build(CPU, "float32", PositionTable())


def test_folder_without_weights_is_reported(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="has no weights"):
        read_pretrained(tmp_path)


def test_folder_without_config_is_reported(tmp_path, network):
    save_pretrained(network, tmp_path)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        read_pretrained(tmp_path)


def test_unwritable_target_is_reported(tmp_path, network):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        save_pretrained(network, tmp_path / "taken")
