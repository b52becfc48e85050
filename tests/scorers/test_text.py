from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.scorers.text import IMAGENET_TEMPLATES, SCENE_TEMPLATES, embed_names


def test_template_lists_are_complete_and_have_one_gap_each() -> None:
    assert len(set(IMAGENET_TEMPLATES)) == 80 and len(set(SCENE_TEMPLATES)) == 85
    assert all(template.count("{}") == 1 for template in SCENE_TEMPLATES)


def test_a_name_is_the_unit_mean_of_its_unit_sentences(clip) -> None:
    templates = ["a {}", "the large {}", "{}"]
    ours = embed_names(clip, ["dog", ""], templates)
    for row, name in zip(ours, ["dog", ""], strict=True):
        sentences = F.normalize(clip.text_features([t.format(name) for t in templates]), dim=-1)
        torch.testing.assert_close(row, F.normalize(sentences.mean(0), dim=0))


def test_no_names(clip) -> None:
    assert embed_names(clip, []).shape == (0, 20)
