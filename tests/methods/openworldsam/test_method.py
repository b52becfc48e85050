"""The whole method on tiny networks: its promises, and questions of every odd kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.errors import CheckpointError, UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.openworldsam import OpenWorldSam, OpenWorldSamConfig
from lexiseg.models.openworldsam import Adapter
from lexiseg.types import Vocabulary
from tests.models.tiny_openworldsam import ADAPTER, make_adapter

NAMES = ["dog", "grass", "zebra"]


def test_one_answer_has_three_views(load, image):
    things = load(min_score=0.0, min_share=0.0, nms_iou=1.0)
    result = things.segment(image, NAMES)
    assert result.names == tuple(NAMES) and result.presence.kept == tuple(NAMES)
    assert (result.semantic.ids > 0).all()  # every pixel has one of the asked names
    labels = [segment.label for segment in result.panoptic.segments]
    ground = max(NAMES, key=labels.count)
    assert labels.count(ground) > 1 and all(item.is_thing for item in result.instances)
    again = things.configured(stuff=(ground,)).segment(image, NAMES)
    merged = [segment for segment in again.panoptic.segments if segment.label == ground]
    assert len(merged) == 1 and not merged[0].is_thing
    assert merged[0].area == sum(s.area for s in result.panoptic.segments if s.label == ground)
    regions = again.instances[ground].items
    assert len(regions) == 1 and not regions[0].is_thing and regions[0].mask.area == merged[0].area
    assert np.array_equal(again.semantic.ids, result.semantic.ids)


def test_the_picture_is_seen_once_and_each_text_once(load, image):
    method, seen, read = load(), [], []
    see, pair = method.segmenter.encoder, method.encoder.pair_features
    method.segmenter.encoder = lambda pixels: seen.append(1) or see(pixels)
    method.encoder.pair_features = lambda pixels, texts: read.extend(texts) or pair(pixels, texts)
    scene = method.encode(image)
    first = method.segment(scene, NAMES)
    method.segment(scene, ["zebra", "cat"])
    method.refer(scene, "The Dog")
    again = method.segment(scene, NAMES)
    assert len(seen) == 1 and read == [*NAMES, "cat", "the dog"]
    assert first.instances.items == again.instances.items


def test_each_name_alone_is_each_name_in_company(load, image):
    alone = load(scope="each", min_score=0.0, nms_iou=1.0)
    scene = alone.encode(image)
    together = alone.segment(scene, NAMES)
    for name in NAMES:
        ours, single = together.instances[name], alone.segment(scene, [name]).instances
        assert len(ours) == len(single) == ADAPTER.tie_breakers
        for one, other in zip(ours, single, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-5)
            assert (one.mask.to_array() != other.mask.to_array()).mean() < 1e-3
    joint = load(scope="joint", min_score=0.0, nms_iou=1.0)
    changed = joint.segment(scene, NAMES).instances["dog"]
    company = joint.segment(scene, ["dog"]).instances
    assert [item.score for item in changed] != [item.score for item in company]


def test_layout_and_scope_are_those_that_the_adapter_was_trained_with(load, image, tmp_path):
    make_adapter(tmp_path / "adapter", layout="one_token", scope="each")
    trained = load(adapter=tmp_path / "adapter", min_score=0.0)
    scene = trained.encode(image)
    own = trained.segment(scene, NAMES).instances.items
    chosen = trained.configured(layout="one_token", scope="each").segment(scene, NAMES)
    assert own == chosen.instances.items
    for other in ({"layout": "released"}, {"scope": "joint"}):
        assert own != trained.configured(**other).segment(scene, NAMES).instances.items


@pytest.mark.parametrize("options", [{"two_stage": True}, {"fallback": False}, {"top_k": 2}])
def test_settings_of_the_decoder_and_the_objects_matter(load, image, options):
    plain = load(min_score=0.0, nms_iou=1.0)
    plain.segmenter.decoder.network.dynamic_multimask_stability_thresh = 2.0
    scene = plain.encode(image)
    before = plain.segment(scene, NAMES).instances.items
    assert plain.configured(**options).segment(scene, NAMES).instances.items != before


def test_sentences_have_a_region_each_or_one_for_all(method, image):
    scene = method.encode(image)
    asked = ["the dog on the left", "red car", "The  Dog"]
    each = method.refer(scene, asked)
    assert each.instances.labels == tuple(asked) and each.presence.kept == tuple(asked)
    one = method.refer(scene, asked, "ensemble")
    best = max(each.instances, key=lambda item: item.score)
    assert [item.mask for item in one.instances] == [best.mask]
    strict = method.configured(min_referring=1.0).refer(scene, asked)
    assert len(strict) == 0 and not strict.presence.kept
    assert strict.presence["red car"].reason.endswith("no mask is sure enough")


def test_wordings_of_a_name_are_one_class(load, image):
    method = load(scope="each", min_score=0.0, nms_iou=1.0)
    scene = method.encode(image)
    both = method.segment(scene, {"dog": "animal", "cat": "animal", "car": "car"})
    assert both.names == ("animal", "car")
    assert len(both.instances["animal"]) == 2 * len(both.instances["car"]) == 6


def test_video_answers_frame_by_frame(method, image):
    frames = [image, image[:, ::-1]]
    results = list(method.video(iter(frames), NAMES))
    expected = [method.segment(frame, NAMES).instances.items for frame in frames]
    assert [result.instances.items for result in results] == expected
    told = list(method.video(frames, ["red dog"], refer=True))
    assert [result.instances.labels for result in told] == [("red dog",)] * 2
    with pytest.raises(UsageError, match=r"smoothing was 0\.5"):
        method.video(frames, NAMES, smoothing=0.5)


@pytest.mark.parametrize("shape", [(1, 1), (20, 3000), (3000, 20), (2, 700)])
def test_pictures_of_odd_shapes(method, shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    result = method.segment(image, NAMES)
    assert result.size_hw == shape == result.semantic.ids.shape == result.panoptic.ids.shape
    assert method.refer(image, "the left dog").size_hw == shape


def test_five_hundred_names_in_one_call(load, image):
    method = load(min_score=0.9)
    names = [f"dog {number}" for number in range(500)]
    result = method.segment(image, names)
    assert list(result.presence) == names and (result.semantic.ids > 0).all()


def test_a_name_of_ten_thousand_characters_is_cut_and_said_so(method, image):
    long = "dog " * 2500
    with pytest.warns(UserWarning, match="has 2500 tokens; the first 16 are used"):
        result = method.segment(image, [long.strip(), "cat"])
    assert list(result.presence) == [long.strip(), "cat"]


def test_another_script_and_the_same_name_twice(method, image):
    assert method.refer(image, "左の犬").presence.kept == ("左の犬",)
    with pytest.warns(UserWarning):
        result = method.segment(image, ["собака", "dog", "dog"])
    assert result.names == ("собака", "dog")


def test_coco_endings_are_not_read(load, image):
    method = load(scope="each", min_score=0.0)
    scene = method.encode(image)
    plain, ending = (method.segment(scene, [n]).instances for n in ("grass", "grass-merged"))
    assert [item.mask for item in plain] == [item.mask for item in ending]


def test_vectors_in_a_folder_change_no_answer_and_no_recipe(load, method, image, tmp_path):
    keeping = load(vector_folder=tmp_path)
    assert keeping.recipe() == method.recipe()
    expected = method.segment(image, NAMES).instances.items
    assert keeping.segment(image, NAMES).instances.items == expected
    read = []
    again = load(vector_folder=tmp_path)
    pair = again.encoder.pair_features
    again.encoder.pair_features = lambda pixels, texts: read.extend(texts) or pair(pixels, texts)
    assert again.segment(image, [*NAMES, "cat"]).names and read == ["cat"]


def test_parts_of_other_sizes_are_refused(method, parts):
    narrow = Adapter(ADAPTER.__class__(encoder_width=12, width=16, heads=4))
    with pytest.raises(UsageError, match="vectors of 12 numbers to tokens of 16.* gives 48"):
        OpenWorldSam(method.encoder, narrow, method.segmenter)


def test_put_together_by_hand_it_is_the_same(method, image):
    own = OpenWorldSam(
        method.encoder, method.adapter, method.segmenter, OpenWorldSamConfig(min_score=0.3)
    )
    expected = method.segment(image, NAMES).instances.items
    assert own.segment(image, NAMES).instances.items == expected


def test_all_absent_weights_are_told_before_anything_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("lexiseg.models.beit3.Beit3.load", pytest.fail)
    with pytest.raises(WeightsNotFoundError) as caught:
        lexiseg.load("openworldsam")
    for part in ("Voxel51/openworld-sam", "facebook/sam2-hiera-large", "YxZhang/evf-sam2"):
        assert part in str(caught.value)


def test_wrong_choices_are_one_sentence(load):
    with pytest.raises(UnknownNameError, match="preset"):
        load(preset="nosuch")
    with pytest.raises(UnknownNameError, match="nosuch"):
        load(nosuch=1)
    with pytest.raises(UsageError, match="layout"):
        load(layout="other")
    with pytest.raises(CheckpointError, match=r"SAM 2\.1.*give sam2-large"):
        load(sam2="sam2.1-large")


def test_rivals_are_shown_nowhere(load, image):
    method = load(min_score=0.0)
    scene = method.encode(image)
    asked = method.segment(scene, Vocabulary.parse(["dog"], against="grass, zebra"))
    everything = method.segment(scene, NAMES)
    assert asked.names == ("dog",) and set(asked.instances.labels) <= {"dog"}
    dog = everything.semantic.ids == 1
    assert np.array_equal(asked.semantic.ids > 0, dog)
    assert {segment.label for segment in asked.panoptic.segments} <= {"dog"}


def test_half_precision_keeps_the_adapter_exact(load, image):
    method = load(dtype="bfloat16")
    assert method.adapter.dtype == torch.float32 and method.encoder.dtype == torch.bfloat16
    assert method.segment(image, NAMES).recipe.dtypes == {
        "segmenter": "bfloat16", "encoder": "bfloat16", "adapter": "float32",
    }  # fmt: skip
