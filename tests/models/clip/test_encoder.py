import huggingface_hub
import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lexiseg.errors import CheckpointError, UsageError, WeightsNotFoundError
from lexiseg.models.clip import BpeTokenizer, Clip, Preprocessing, save_pretrained


@pytest.fixture
def clip(network, tokenizer_folder) -> Clip:
    return Clip(network, BpeTokenizer(tokenizer_folder, 24), Preprocessing(32), "tiny", "f" * 64)


@pytest.fixture
def folder(tmp_path, clip):
    return clip.save_pretrained(tmp_path / "clip")


def test_saved_folder_loads_with_the_same_features(folder, clip):
    again = Clip.load(folder, "cpu", "float32")
    texts = ["cat", "a dog", "🦊"]
    torch.testing.assert_close(again.text_features(texts), clip.text_features(texts))
    pixels = torch.randn(2, 3, 40, 24)
    torch.testing.assert_close(again.image_features(pixels), clip.image_features(pixels))
    assert again.logit_scale == pytest.approx(clip.logit_scale)
    assert again.preprocessing == clip.preprocessing
    assert len(again.fingerprint) == 64 and again.name == str(folder)


def test_text_features_keep_order_and_encode_distinct_strings_once(clip):
    seen = []
    original = clip.tokenizer
    clip.tokenizer = lambda texts: seen.extend(texts) or original(texts)
    texts = ["cat", "a very long name of many words", "dog", "cat"]
    features = clip.text_features(texts)
    clip.text_features(["dog", "fox"])
    assert sorted(seen) == sorted([*texts[:3], "fox"])
    alone = torch.cat([clip.network.text(original([text])) for text in texts])
    torch.testing.assert_close(features, alone)


def test_text_features_of_many_strings_equal_single_ones(clip):
    texts = [f"thing number {i} {'x' * (i % 7)}" for i in range(300)]
    features = clip.text_features(texts)
    for i in (0, 7, 150, 299):
        alone = clip.network.text(clip.tokenizer([texts[i]]))[0]
        torch.testing.assert_close(features[i], alone, atol=1e-5, rtol=1e-5)


def test_text_features_follow_changed_weights(clip):
    before = clip.text_features(["cat"])
    clip.network.text.text_projection.mul_(2)
    torch.testing.assert_close(clip.text_features(["cat"]), 2 * before)


def test_text_features_of_no_strings(clip):
    assert clip.text_features([]).shape == (0, 20)


def test_text_features_of_a_bare_string_explain(clip):
    with pytest.raises(UsageError, match="list of texts"):
        clip.text_features("cat")


def test_image_features_do_not_depend_on_the_batch(clip):
    pixels = torch.randn(35, 3, 32, 32)
    features = clip.image_features(pixels)
    assert features.shape == (35, 20)
    torch.testing.assert_close(features[33:34], clip.visual(pixels[33:34]), atol=1e-5, rtol=1e-4)


def test_features_are_float32_in_any_precision(folder, clip):
    rounded = Clip.load(folder, "cpu", "bfloat16")
    assert rounded.dtype == torch.bfloat16
    exact, near = clip.text_features(["cat", "dog"]), rounded.text_features(["cat", "dog"])
    assert near.dtype == torch.float32
    assert torch.cosine_similarity(exact, near).min() > 0.999
    assert rounded.image_features(torch.randn(1, 3, 32, 32)).dtype == torch.float32
    assert rounded.logit_scale == pytest.approx(clip.logit_scale, rel=1e-6)


def test_absent_published_weights_name_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsNotFoundError, match=r"models pull clip-vit-b16.*local folder"):
        Clip.load("openai/clip-vit-base-patch16")


def test_weights_are_frozen(folder):
    clip = Clip.load(folder, "cpu")
    assert not clip.network.training
    assert not any(p.requires_grad for p in clip.network.parameters())


def test_state_dict_of_either_layout_gives_the_same(clip):
    from lexiseg.models.clip.layout import to_huggingface

    state = clip.network.state_dict()
    tokenizer = clip.tokenizer
    ours = Clip.from_state_dict(state, tokenizer, "cpu", "float32", head_dim=16)
    theirs = Clip.from_state_dict(to_huggingface(state), tokenizer, "cpu", "float32", head_dim=16)
    pixels = torch.randn(1, 3, 32, 32)
    for other in (ours, theirs):
        torch.testing.assert_close(other.image_features(pixels), clip.image_features(pixels))
        torch.testing.assert_close(other.text_features(["cat"]), clip.text_features(["cat"]))


def test_openai_file_with_tokenizer_beside_it_loads(tmp_path, clip):
    clip.tokenizer.save(tmp_path)
    state = {**clip.network.state_dict(), "input_resolution": torch.tensor(32)}
    torch.save(state, tmp_path / "model.pt")
    again = Clip.load(tmp_path / "model.pt", "cpu", "float32")
    assert again.visual.config.heads == 1  # 64 wide heads are assumed
    assert again.text_features(["cat"]).shape == (1, 20)


def test_file_without_tokenizer_is_reported(tmp_path, clip):
    torch.save(clip.network.state_dict(), tmp_path / "model.pt")
    with pytest.raises(WeightsNotFoundError, match="tokenizer"):
        Clip.load(tmp_path / "model.pt", "cpu")


def test_file_that_is_no_clip_is_reported(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="vision transformer"):
        Clip.load(tmp_path / "model.pt", "cpu")


def test_saving_a_plain_network_needs_no_tokenizer(tmp_path, network):
    save_pretrained(network, tmp_path)
    tokens = torch.full((1, 24), 519)
    clip = Clip.load(tmp_path, "cpu", "float32", tokenizer=lambda texts: tokens)
    torch.testing.assert_close(clip.text_features(["x"]), network.text(tokens))


def test_cam_texts_equal_the_released_ones(car_pack, toy_tokenizer):
    clip = Clip.from_state_dict(car_pack.state("gen"), toy_tokenizer, "cpu", "float32")
    names = car_pack.meta["queries"] + [
        f"a clean origami {name}." for name in car_pack.meta["background"]
    ]
    features = normalize(clip.text_features(names), dim=-1)
    torch.testing.assert_close(features, car_pack.arrays["cam.text_embed"], atol=1e-5, rtol=0)


def test_classifier_texts_equal_the_released_ones(car_pack, toy_tokenizer):
    clip = Clip.from_state_dict(car_pack.state("cls"), toy_tokenizer, "cpu", "float32")
    prompts = [
        t.format(q) for t in car_pack.meta["templates"] for q in car_pack.meta["queries"][:3]
    ]
    features = normalize(clip.text_features(prompts), dim=-1).view(15, 3, -1)
    torch.testing.assert_close(features, car_pack.arrays["cls.text_embed"], atol=1e-5, rtol=0)


def test_squares_go_straight_into_image_features(clip):
    images = [np.full((40 + i, 60, 3), 30 * i, np.uint8) for i in range(3)]
    assert clip.image_features(clip.preprocessing.squares(images)).shape == (3, 20)
