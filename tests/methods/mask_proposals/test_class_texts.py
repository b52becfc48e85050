from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.methods.mask_proposals import TEMPLATES
from lexiseg.methods.mask_proposals.class_texts import read_names, split_wordings
from lexiseg.types import Vocabulary


def test_the_published_templates() -> None:
    assert len(TEMPLATES) == 14 == len(set(TEMPLATES))
    assert [template.format("dog") for template in TEMPLATES[:6]] == [
        "a photo of a dog.",
        "This is a photo of a dog",
        "There is a dog in the scene",
        "There is the dog in the scene",
        "a photo of a dog in the scene",
        "a photo of a small dog.",
    ]
    assert TEMPLATES[-1].format("dog") == "There is a large dog in the scene."


def test_names_are_cut_at_commas_and_keep_their_aliases() -> None:
    assert split_wordings(["wall, brick wall,stone wall"]) == ("wall", "brick wall", "stone wall")
    assert split_wordings(["couch", "settee"]) == ("couch", "settee")
    assert split_wordings([","]) == (",",)


def test_rows_are_averages_over_templates_with_void_last(fc_clip) -> None:
    vocabulary = Vocabulary(("sofa", "dog"), (("sofa, couch",), ("dog",)))
    texts = read_names(vocabulary, fc_clip.model, TEMPLATES)
    assert texts.counts == (2, 1, 1) and texts.wordings == (("sofa", "couch"), ("dog",))
    for row, wording in zip(texts.rows, ("sofa", "couch", "dog"), strict=False):
        each = fc_clip.model.text_features([template.format(wording) for template in TEMPLATES])
        mean = F.normalize(each, dim=-1).mean(dim=0)
        torch.testing.assert_close(row, mean / mean.norm())
    torch.testing.assert_close(texts.rows[-1:], F.normalize(fc_clip.model.void, dim=-1))


def test_a_name_is_known_by_any_of_its_wordings_letter_by_letter(fc_clip) -> None:
    vocabulary = Vocabulary.parse({"Dog": "Dog", "couch": "sofa", "lamp": "lamp"})
    texts = read_names(vocabulary, fc_clip.model, ("{}",))
    assert texts.known(frozenset(["dog", "couch"])).tolist() == [False, True, False]
