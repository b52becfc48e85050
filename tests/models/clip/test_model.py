import pytest
import torch
from torch.nn.functional import normalize

from lexiseg.models.clip import ClipNetwork, PositionTable
from lexiseg.models.clip.layout import infer_configs
from lexiseg.models.weights import load_strictly
from lexiseg.ops.attention import AttentionMean


def test_state_dict_keys_are_those_of_openai(network):
    tops = {key.split(".")[0] for key in network.state_dict()}
    assert tops == {
        "visual", "token_embedding", "positional_embedding", "transformer", "ln_final",
        "text_projection", "logit_scale",
    }  # fmt: skip
    keys = set(network.state_dict())
    assert "visual.transformer.resblocks.2.attn.in_proj_weight" in keys
    assert "transformer.resblocks.1.mlp.c_proj.bias" in keys


def test_state_dict_round_trip_inside_another_module(network):
    outer = torch.nn.ModuleDict({"clip": network})
    state = {key: torch.randn_like(tensor) for key, tensor in outer.state_dict().items()}
    outer.load_state_dict(state)
    assert all(torch.equal(state[key], tensor) for key, tensor in outer.state_dict().items())


def test_forward_is_scaled_cosine(network):
    pixels, ids = torch.randn(2, 3, 32, 32), torch.full((3, 5), 519)
    ids[:, 0] = torch.tensor([1, 2, 3])
    logits = network(pixels, ids)
    images, texts = network.visual(pixels), network.text(ids)
    cosine = torch.cosine_similarity(images[:, None], texts[None], dim=-1)
    torch.testing.assert_close(logits, network.logit_scale.exp() * cosine)


def load_tower(pack, name: str, position: PositionTable) -> ClipNetwork:
    state = pack.state(name)
    network = ClipNetwork(*infer_configs(state), position)
    load_strictly(network, state, name, torch.float32)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", ["gen", "cls"])
def test_plain_clip_equals_openai(car_pack, name):
    network = load_tower(car_pack, name, PositionTable())
    arrays = {
        k.split(".")[1]: a for k, a in car_pack.arrays.items() if k.startswith("openai_" + name)
    }
    image_features = network.visual(arrays["image_in"])
    torch.testing.assert_close(image_features, arrays["image_features"], atol=1e-4, rtol=0)
    ids = arrays["tokens"].long()
    torch.testing.assert_close(network.text(ids), arrays["text_features"], atol=1e-4, rtol=0)
    logits = network(arrays["image_in"], ids)
    torch.testing.assert_close(logits, arrays["logits_per_image"], atol=1e-4, rtol=0)


def test_cam_tower_equals_the_released_one(car_pack):
    arrays = car_pack.arrays
    network = load_tower(car_pack, "gen", PositionTable(round_fp16=True))
    tower = network.visual
    last = len(tower.blocks) - 1
    record = [AttentionMean() for _ in tower.blocks]
    prefix = tower.run(
        tower.embed(arrays["cam.image"]), stop=last, attention=dict(enumerate(record))
    )
    torch.testing.assert_close(prefix[0], arrays["cam.penultimate"], atol=1e-4, rtol=0)
    outcome = tower.run(prefix, start=last, attention={last: record[last]})
    embedding = tower.project(outcome)[:, 1:].mean(1)
    torch.testing.assert_close(embedding, arrays["cam.image_embed"], atol=1e-4, rtol=0)
    torch.testing.assert_close(record[last].mean[0], arrays["cam.attn_last"], atol=1e-5, rtol=0)
    cls_rows = torch.stack([r.mean[0, 0] for r in record[:last]])
    expected = arrays["cam.attn_layers_mean_per_row_cls"]
    torch.testing.assert_close(cls_rows, expected, atol=1e-5, rtol=0)


def test_penultimate_class_features_equal_the_released_ones(car_pack):
    network = load_tower(car_pack, "cls", PositionTable(round_fp16=True))
    tower = network.visual
    early = tower.run(tower.embed(car_pack.arrays["cls.image"]), stop=-1)
    features = normalize(tower.project(early[:, 0]), dim=-1)
    torch.testing.assert_close(features, car_pack.arrays["cls.image_embed"], atol=1e-5, rtol=0)
