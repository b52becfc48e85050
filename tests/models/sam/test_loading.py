"""Segmenters from folders and files."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Sam3VideoConfig, Sam3VideoModel
from transformers.initialization import no_init_weights

from lexiseg.errors import CheckpointError, MissingExtraError, WeightsNotFoundError
from lexiseg.models.sam import load_segmenter
from lexiseg.models.sam.loading import FAMILIES
from lexiseg.registry import SEGMENTERS

POINTS = [[[10.0, 20.0]], [[30.0, 5.0]]]


@pytest.fixture(params=["sam", "sam_hq", "sam2", "edgetam", "sam3_tracker"])
def kind(request):
    return request.param


@pytest.fixture
def folder(tmp_path, kind, network_of):
    network_of(kind).save_pretrained(tmp_path)
    return tmp_path


def answer(segmenter, picture):
    embedding = segmenter.encode(picture)
    return segmenter.predict(embedding, points=POINTS)


def edit(folder, change):
    file = folder / "model.safetensors"
    state = {key: tensor.clone() for key, tensor in load_file(file).items()}
    change(state)
    save_file(state, file)


def test_a_folder_of_transformers(folder, kind, segmenter_of, picture_of):
    loaded = load_segmenter(folder, "cpu", "float32")
    assert loaded.fingerprint and loaded.name == str(folder)
    image = picture_of(40, 30)
    ours, wanted = answer(loaded, image), answer(segmenter_of(kind), image)
    torch.testing.assert_close(ours.logits, wanted.logits)
    torch.testing.assert_close(ours.scores, wanted.scores)


def test_positions_stay_exact_in_sixteen_bits(folder, picture_of):
    loaded = load_segmenter(folder, "cpu", "bfloat16")
    assert loaded.dtype == torch.bfloat16
    assert loaded.prompts.no_mask.dtype == torch.float32
    found = answer(loaded, picture_of(40, 30))
    exact = answer(load_segmenter(folder, "cpu", "float32"), picture_of(40, 30))
    assert found.scores.dtype == torch.float32 and found.logits.dtype == torch.bfloat16
    error = (found.logits.float() - exact.logits).abs().mean() / exact.logits.abs().mean()
    assert error < 0.1


def test_preprocessor_file_beside_it(folder, kind):
    size = FAMILIES[kind].build(json.loads((folder / "config.json").read_text()))
    size = size.config.prompt_encoder_config.image_size
    settings = {"size": {"height": size, "width": size}, "image_mean": [0.1, 0.2, 0.3]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    assert load_segmenter(folder, "cpu").preprocessing.mean == (0.1, 0.2, 0.3)


def test_missing_and_unknown_tensors_are_named(folder):
    key = "mask_decoder.iou_token.weight"
    edit(folder, lambda state: state.pop(next(stored for stored in state if stored.endswith(key))))
    with pytest.raises(CheckpointError, match=key):
        load_segmenter(folder, "cpu")
    edit(folder, lambda state: state.update({key: torch.zeros(1, 32), "odd": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="odd"):
        load_segmenter(folder, "cpu")


def test_a_video_checkpoint_gives_its_image_part(tmp_path, network_of, segmenter_of, picture_of):
    network_of("sam2").save_pretrained(tmp_path)
    edit(tmp_path, lambda state: state.update({"memory_attention.x": torch.zeros(2)}))
    config = json.loads((tmp_path / "config.json").read_text()) | {"model_type": "sam2_video"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = answer(load_segmenter(tmp_path, "cpu", "float32"), picture_of(40, 30))
    torch.testing.assert_close(
        found.logits, answer(segmenter_of("sam2"), picture_of(40, 30)).logits
    )


def test_the_tracker_inside_a_sam3_checkpoint(tmp_path, network_of, segmenter_of, picture_of):
    network = network_of("sam3_tracker")
    network.config.save_pretrained(tmp_path)
    plain = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    save_file(plain, tmp_path / "model.safetensors")

    def bury(state):
        for key in list(state):
            inner = key.removeprefix("vision_encoder.backbone.")
            if inner != key:
                state["detector_model.vision_encoder.backbone." + inner] = state.pop(key)
            elif key.startswith("vision_encoder.neck."):
                state["tracker_neck." + key.removeprefix("vision_encoder.neck.")] = state.pop(key)
            else:
                state["tracker_model." + key] = state.pop(key)
        state["detector_model.text.weight"] = torch.zeros(3)

    edit(tmp_path, bury)
    inner = json.loads((tmp_path / "config.json").read_text())
    outer = {"model_type": "sam3_video", "tracker_config": inner}
    (tmp_path / "config.json").write_text(json.dumps(outer))
    found = answer(load_segmenter(tmp_path, "cpu", "float32"), picture_of(40, 30))
    wanted = answer(segmenter_of("sam3_tracker"), picture_of(40, 30))
    torch.testing.assert_close(found.logits, wanted.logits)


def test_a_whole_sam3_of_the_published_size_holds_the_tracker():
    outer = Sam3VideoConfig()
    with torch.device("meta"), no_init_weights():
        state = Sam3VideoModel(outer).state_dict()
    family = FAMILIES["sam3_tracker"]
    network = family.build(outer.to_dict())
    wanted = {key: tensor.shape for key, tensor in network.state_dict().items()}
    found = {key: t.shape for key, t in family.fitting_state(network, state).items()}
    assert found == wanted and len(wanted) > 500


def test_edgetam_without_its_encoders_package_names_the_extra(settings_of):
    if importlib.util.find_spec("timm"):
        pytest.skip("timm is installed")
    settings = settings_of("edgetam")
    settings["vision_config"] = {"model_type": "edgetam_vision_model"}
    with pytest.raises(MissingExtraError, match="edgetam"):
        FAMILIES["edgetam"].build(settings)


@pytest.mark.parametrize("settings", [{}, {"model_type": "clip"}])
def test_other_models_are_refused(tmp_path, settings, network_of):
    network_of("sam").save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="expected one of"):
        load_segmenter(tmp_path, "cpu")


def test_a_network_that_cannot_be_built(tmp_path, network_of):
    network_of("sam").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["mask_decoder_config"]["num_attention_heads"] = 7
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="num_attention_heads is 7"):
        load_segmenter(tmp_path, "cpu")


def test_absent_weights_name_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("lexiseg.models.hub._cached_snapshot", lambda hub, revision: None)
    with pytest.raises(WeightsNotFoundError, match="models pull sam-vit-b.*local folder"):
        SEGMENTERS["sam-vit-b"](device="cpu")


def test_every_name_is_a_loader():
    assert {"sam-vit-h", "sam-hq-vit-h", "sam2.1-large"} <= set(SEGMENTERS)
    assert all(callable(SEGMENTERS[name]) for name in SEGMENTERS)


def test_names_take_weights_from_elsewhere(tmp_path, network_of, picture_of):
    network_of("sam").save_pretrained(tmp_path)
    loaded = SEGMENTERS["sam-vit-b"](device="cpu", dtype="float32", weights=tmp_path)
    assert loaded.name == "sam-vit-b" and loaded.preprocessing.size == 64
