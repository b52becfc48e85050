"""From pictures to labelled results, with a toy CLIP, a toy DINO and toy words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.methods.zero_guidance import ZeroGuidance, ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.pipeline import encode_scene
from lexiseg.methods.zero_guidance.report import NAMELESS
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.dino import Dino, DinoConfig, DinoNetwork
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Captioner, Description, Method, Result

QUARTERS = np.repeat(np.repeat([[0, 1], [2, 3]], 4, axis=0), 5, axis=1).astype(np.int16)


class Words:
    """Names an embedding by the nearest of a few words."""

    def __init__(self, clip, words=("sea", "sky", "red kite", "old dog")):
        self.clip, self.words, self.asked = clip, words, []

    def describe(self, embeddings):
        self.asked.append(len(embeddings))
        texts = F.normalize(self.clip.text_features(list(self.words)), dim=-1)
        cosines = F.normalize(embeddings, dim=-1) @ texts.T
        return [self._best(row) for row in cosines]

    def _best(self, cosines):
        ranked = [(self.words[k], float(cosines[k])) for k in cosines.argsort(descending=True)]
        return Description(*ranked[0], tuple(ranked[1:3]))


@pytest.fixture(scope="module")
def dino():
    torch.manual_seed(1)
    return Dino(
        DinoNetwork(DinoConfig(24, 2, 2, patch_size=8, native_grid=4, hidden=48)), name="toy"
    )


@pytest.fixture
def build(dino, clip):
    def make(**options):
        settings = {
            "short_side": 32, "stride": 4, "masked_blocks": 2, "segments": 6,
            "max_sibling_cosine": 1.0, "use_crf": False, **options,
        }  # fmt: skip
        return ZeroGuidance(dino, clip, Words(clip), ZeroGuidanceConfig(**settings))

    return make


def quartered(build, picture, ids=(3, 4, 5, 6), **options):
    """A scene of four equal parts with these places in the tree."""
    zero = build(**options)
    cut = Segments(QUARTERS, ids)
    return zero, encode_scene(picture, lambda _: cut, zero.clip, zero.config, Stopwatch())


def test_every_pixel_gets_one_label(build, picture):
    zero = build(merge=False)
    assert isinstance(zero, Method) and isinstance(zero.captioner, Captioner)
    result = zero.label(picture)
    assert isinstance(result, Result) and result.size_hw == picture.shape[:2]
    assert np.array_equal(result.instances.dense_masks().sum(axis=0), np.ones(result.size_hw))
    assert set(result.instances.labels) == set(result.names) == set(result.presence)
    assert list(result.instances.areas) == sorted(result.instances.areas, reverse=True)
    assert len({item.details["node"] for item in result.instances}) == len(result.instances)
    assert {"encode", "candidates", "names", "total"} <= set(result.recipe.timing_ms)
    assert result.recipe.settings["saliency"] == "rows"


def test_a_region_tells_its_words_and_its_place_in_the_tree(build, picture):
    zero, scene = quartered(build, picture, merge=False)
    result = zero.label(scene)
    said = zero.captioner.describe(scene.embeddings)
    assert len(result.instances) == 4
    for item in result.instances:
        label = {3: 0, 4: 1, 5: 2, 6: 3}[item.details["node"]]
        assert item.label == said[label].text
        assert item.alternatives == said[label].alternatives
        assert item.score == pytest.approx(max(said[label].score, 0), abs=1e-6)
        assert item.details["parent"] == (item.details["node"] - 1) // 2
        rows, columns = slice(0, 15) if label < 2 else slice(15, 30), slice(0, 22)
        columns = slice(0, 22) if label % 2 == 0 else slice(22, 44)
        expected = np.zeros((30, 44), bool)
        expected[rows, columns] = True
        assert np.array_equal(item.mask.to_array(), expected)


def test_unions_are_embedded_and_named_afresh(build, picture):
    zero, scene = quartered(build, picture, min_similarity=-1.0)
    result = zero.label(scene)
    (whole,) = result.instances
    assert whole.details == {"node": 0, "leaves": 4} and whole.mask.area == 30 * 44
    assert zero.captioner.asked == [4, 2, 1]
    expected = zero.captioner.describe(scene.embedder.embed([(0, 1, 2, 3)]))[0]
    assert whole.label == expected.text


def test_nothing_merges_above_the_bound(build, picture):
    zero, scene = quartered(build, picture, min_similarity=1.5)
    assert len(zero.label(scene).instances) == 4 and zero.captioner.asked == [4]


def test_rules_of_the_code_test_unions_that_have_their_words(build, picture):
    zero, scene = quartered(build, picture, merge_rule="score-max")
    result = zero.label(scene)
    assert zero.captioner.asked[:2] == [4, 2]  # both unions are named before the test
    leaves = zero.captioner.describe(scene.embeddings)
    unions = zero.captioner.describe(scene.embedder.embed([(0, 1), (2, 3)]))
    expected = set()
    for node, union, pair in ((1, unions[0], leaves[:2]), (2, unions[1], leaves[2:])):
        better = union.score > max(leaf.score for leaf in pair)
        expected |= {node} if better else {2 * node + 1, 2 * node + 2}
    assert {item.details["node"] for item in result.instances} in (expected, {0})


def test_a_second_pass_leaves_one_region_per_name(build, picture):
    zero, scene = quartered(build, picture, min_similarity=1.5, refine=0.999)
    labels = zero.label(scene).instances.labels
    assert len(set(labels)) == len(labels)
    zero.captioner.words = ("sea",)
    (only,) = zero.label(scene).instances
    assert only.details == {"node": 3, "leaves": 4, "parent": 1} and only.mask.area == 30 * 44


@pytest.mark.parametrize(("lone", "regions"), [("rise", 1), ("block", 4)])
def test_a_sibling_without_pixels(build, picture, lone, regions):
    zero, scene = quartered(build, picture, ids=(1, 5, 13, 29), min_similarity=-1.0, lone=lone)
    assert len(zero.label(scene).instances) == regions


def test_a_scene_is_labelled_the_same_twice_and_stays_as_it_was(build, picture):
    before = picture.copy()
    zero = build()
    scene = zero.encode(picture)
    first, second = zero.label(scene), zero.label(scene)
    assert first.instances == second.instances and first.to_json()["instances"]
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 400), (400, 3), (40, 40)])
@pytest.mark.parametrize("embedding", ["masked", "crop"])
def test_odd_pictures(build, size_hw, embedding):
    """One colour, one pixel, panoramas: whatever comes of the tree, every pixel is covered."""
    image = np.full((*size_hw, 3), 77, np.uint8)
    result = build(embedding=embedding, max_tokens=400).label(image)
    assert result.size_hw == size_hw
    assert sum(result.instances.areas) == size_hw[0] * size_hw[1]


def test_a_tree_of_one_leaf(build, picture):
    result = build(segments=1).label(picture)
    (only,) = result.instances
    assert only.details == {"node": 0, "leaves": 1} and only.mask.area == 30 * 44


def test_a_captioner_without_words(build, picture, monkeypatch):
    zero, scene = quartered(build, picture)
    monkeypatch.setattr(zero.captioner, "describe", lambda e: [Description(" ", -0.1)] * len(e))
    result = zero.label(scene)
    assert set(result.names) == {NAMELESS} and set(result.instances.scores) == {0.0}


def test_other_settings_on_the_same_weights(build):
    zero = build()
    other = zero.configured(merge=False)
    assert other.dino is zero.dino and other.captioner is zero.captioner
    assert not other.config.merge and zero.config.merge
