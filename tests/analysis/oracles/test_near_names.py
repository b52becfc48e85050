"""Nearly equal names, by an encoder that spells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.near_names import near_names

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Speller:
    """Texts are as near as their letters; the last word counts."""

    def texts(self, texts):
        words = [text.rstrip(" .").split()[-1] for text in texts]
        return torch.tensor([[float(word.count(letter)) for letter in LETTERS] for word in words])

    def regions(self, image, masks, size):
        raise AssertionError("no picture is looked at")


def test_pairs_are_ranked_by_their_nearest_synonyms() -> None:
    classes = CaseClasses.of_names(["couch, sofa", "sofas", "dog", "god"])
    confused = [("dog", "god", 2), ("god", "dog", 3), ("sofas", "dog", 7)]
    found = near_names(Speller(), classes, confused, wording="single")
    assert [(p.first, p.second) for p in found[:2]] == [("dog", "god"), ("couch, sofa", "sofas")]
    assert found[0].cosine == pytest.approx(1.0) and found[0].confused == 5
    assert [p.cosine for p in found] == sorted((p.cosine for p in found), reverse=True)
    assert len(found) == 6


def test_cosines_agree_with_a_walk_over_all_pairs_of_synonyms() -> None:
    names = ["couch, sofa", "sofas, seat", "dog", "god, idol", "cow"]
    classes = CaseClasses.of_names(names)
    for pair in near_names(Speller(), classes, [], wording="single"):
        lists = [classes.synonyms[classes.names.index(n)] for n in (pair.first, pair.second)]
        rows = [
            F.normalize(Speller().texts([f"a photo of {w} ." for w in words]), dim=-1)
            for words in lists
        ]
        slow = max(float(a @ b) for a in rows[0] for b in rows[1])
        assert pair.cosine == pytest.approx(slow, abs=1e-4)


def test_only_the_nearest_are_told() -> None:
    classes = CaseClasses.of_names([f"name{letter}" for letter in LETTERS])
    assert len(near_names(Speller(), classes, [], wording="single", most=7)) == 7
    assert np.isfinite([p.cosine for p in near_names(Speller(), classes, [])]).all()
