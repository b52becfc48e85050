from __future__ import annotations

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.errors import CheckpointError, UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.mask_proposals import FcClip, MaftPlus
from lexiseg.methods.mask_proposals.class_texts import read_names
from lexiseg.methods.mask_proposals.trained_names import trained_names
from lexiseg.types import Vocabulary
from tests.methods.mask_proposals.conftest import NAMES, SMALL


@pytest.fixture(params=["fc_clip", "maft_plus"])
def method(request: pytest.FixtureRequest):
    return request.getfixturevalue(request.param)


def probabilities(method, image, names=NAMES):
    scene = method.encode(image)
    texts = read_names(Vocabulary.parse(list(names)), method.model, method.config.templates)
    return method.log_probabilities(scene.proposals, texts).exp(), scene, texts


def test_probabilities_of_a_candidate_add_up(method, image) -> None:
    shares, scene, _ = probabilities(method, image)
    assert shares.shape == (len(scene.proposals), len(NAMES) + 1)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares)))


def test_fc_clip_multiplies_decoder_and_clip_by_whether_a_name_was_trained(fc_clip, image) -> None:
    names = ("dog", "quokka")  # of which COCO has the first
    shares, scene, texts = probabilities(fc_clip, image, names)
    unit = torch.nn.functional.normalize
    model, proposals = fc_clip.model, scene.proposals
    own = model.decoder_scale * unit(proposals.in_vocabulary, dim=-1) @ texts.rows.T
    clip = model.clip_scale * unit(proposals.out_vocabulary, dim=-1) @ texts.rows.T
    p, q = own[:, :2].softmax(-1), clip[:, :2].softmax(-1)
    mixed = torch.stack([p[:, 0] ** 0.6 * q[:, 0] ** 0.4, p[:, 1] ** 0.2 * q[:, 1] ** 0.8], dim=1)
    void = own.softmax(-1)[:, 2:]
    expected = torch.cat([mixed / mixed.sum(dim=1, keepdim=True) * (1 - void), void], dim=1)
    torch.testing.assert_close(shares, expected, atol=1e-5, rtol=1e-4)


def test_maft_plus_lets_clip_decide_with_texts_that_saw_the_picture(maft_plus, image) -> None:
    shares, scene, texts = probabilities(maft_plus, image)
    model, proposals = maft_plus.model, scene.proposals
    moved = model.network.transfer(texts.rows, proposals.cells[None])[0]
    assert not torch.allclose(moved, texts.rows, atol=1e-3)
    unit = torch.nn.functional.normalize(proposals.out_vocabulary, dim=-1)
    logits = model.clip_scale * unit @ moved.T
    best = torch.stack([logits[:, :3].T[n] for n in range(3)] + [logits[:, 3:5].amax(dim=1)], dim=1)
    own = model.decoder_scale * torch.nn.functional.normalize(proposals.in_vocabulary, dim=-1)
    inside = own @ texts.rows.T
    inside = torch.stack(
        [*inside[:, :3].T, inside[:, 3:5].amax(dim=1), inside[:, 5]], dim=1
    ).softmax(-1)
    expected = best.softmax(-1) * (1 - inside[:, -1:])
    torch.testing.assert_close(shares[:, :-1], expected, atol=1e-5, rtol=1e-4)


def test_the_answer_has_three_views_of_one_question(method, image) -> None:
    result = method.segment(image, list(NAMES))
    assert tuple(result.presence) == result.names == NAMES
    assert set(result.instances.labels) <= set(result.presence.kept)
    ids = result.panoptic.ids
    assert {segment.label for segment in result.panoptic.segments} == set(result.presence.kept)
    assert sum(segment.area for segment in result.panoptic.segments) == (ids > 0).sum()
    shown = {result.names[number - 1] for number in np.unique(result.semantic.ids) if number}
    assert shown <= set(result.presence.kept)
    for entry in result.presence.values():
        assert entry.kept == (entry.step is None) and 0 <= entry.score <= 1


def test_measured_settings_are_the_papers_views(method, image) -> None:
    assert dict(method.measured) == {"regions": "ranked", "semantic": "every-pixel"}
    assert "semantic" not in method.configured(semantic="found").measured
    result = method.configured(**method.measured).segment(image, list(NAMES))
    assert (result.semantic.ids > 0).all()
    assert len(result.instances) > len(result.panoptic.segments)


def test_stuff_is_one_segment_whatever_its_case_or_wording(fc_clip, image) -> None:
    result = fc_clip.configured(stuff=("ZEBRA",)).segment(image, ["dog", "zebra"])
    assert all(not item.is_thing for item in result.instances["zebra"])
    aliases = {"striped horse": "zebra", "dog": "dog"}
    again = fc_clip.configured(stuff=("striped horse",)).segment(image, aliases)
    assert all(not item.is_thing for item in again.instances["zebra"])
    assert "sky" in fc_clip.config.stuff


def test_scenes_serve_settings_that_come_after_them(fc_clip, maft_plus, image) -> None:
    scene = fc_clip.encode(image)
    assert fc_clip.configured(min_score=0.99).segment(scene, "dog").presence["dog"].step == 2
    with pytest.raises(UsageError, match=r"settings\.short_side"):
        fc_clip.configured(short_side=48).segment(scene, "dog")
    with pytest.raises(UsageError, match="mixed_cells"):
        maft_plus.configured(mixed_cells=False).segment(maft_plus.encode(image), "dog")


def test_variants_of_maft_differ_in_how_the_picture_is_handed_over(
    maft_plus, maft_plus_folder, image
) -> None:
    paper = MaftPlus.load(weights=maft_plus_folder, variant="paper", **SMALL)
    assert maft_plus.config.mixed_cells and not paper.config.mixed_cells
    cells = [m.encode(image).proposals.cells for m in (maft_plus, paper)]
    assert not torch.allclose(*cells)


def test_the_valid_mask_rule_of_resnets_reaches_the_ensemble(fc_clip, image) -> None:
    scene = fc_clip.encode(image)
    proposals = scene.proposals
    texts = read_names(Vocabulary.parse(list(NAMES)), fc_clip.model, fc_clip.config.templates)
    ruled = fc_clip.configured(valid_masks=True)
    empty = type(proposals)(**{**vars(proposals), "covers_cells": proposals.covers_cells & False})
    alone = fc_clip.configured(alpha=0.0, beta=0.0)
    torch.testing.assert_close(
        ruled.log_probabilities(empty, texts), alone.log_probabilities(proposals, texts)
    )


@pytest.mark.parametrize(
    ("name", "preset", "words"),
    [
        (
            "fc-clip",
            "paper",
            r"fcclip_cocopan.pth from https://drive.*about 1.5 GB.*weights=",
        ),
        ("fc-clip", "rn50", "FC-CLIP on RN50 do not come with lexiseg"),
        ("maft-plus", "paper", r"maftp_l_pano.pth.*about 2.9 GB.*weights="),
        ("maft-plus", "semantic-base", "maftp_b.pth"),
    ],
)
def test_files_that_are_fetched_by_hand_say_from_where(name, preset, words) -> None:
    with pytest.raises(WeightsNotFoundError, match=words):
        lexiseg.load(name, preset=preset)


def test_presets_for_streets_look_closer(fc_clip_folder) -> None:
    options = {"device": "cpu", "dtype": "float32", "weights": fc_clip_folder}
    cityscapes = FcClip.load("cityscapes", **options)
    assert (cityscapes.config.short_side, cityscapes.config.long_side) == (1024, 2560)
    assert FcClip.load("rn50", **options).config.valid_masks
    with pytest.raises(UnknownNameError, match="preset"):
        FcClip.load("papre", **options)


def test_fc_clip_is_not_taken_for_maft_plus(fc_clip_folder) -> None:
    with pytest.raises(CheckpointError, match="load it with method fc-clip"):
        MaftPlus.load(weights=fc_clip_folder, **SMALL)


def test_odd_options_are_refused(fc_clip) -> None:
    for options in ({"alpha": 2.0}, {"short_side": 1}, {"templates": ("no room",)}, {"top": 0}):
        with pytest.raises(UsageError):
            fc_clip.configured(**options)
    assert trained_names(fc_clip.config.trained_on).things


def test_recipe_names_both_precisions(fc_clip) -> None:
    recipe = fc_clip.recipe()
    assert recipe.dtypes == {"clip": "float32", "decoders": "float32"}
    assert set(recipe.weights) == {"clip", "decoders"}
