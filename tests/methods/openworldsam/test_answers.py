"""All answers of a picture: pieces at its size, and pieces put together."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.methods.openworldsam import answers as module
from lexiseg.methods.openworldsam.answers import join


def test_pieces_at_full_size_are_the_whole_enlarged_at_once(answers_of, monkeypatch):
    answers = answers_of(0)
    whole = F.interpolate(answers.logits[None], answers.size_hw, mode="bilinear")[0]
    monkeypatch.setattr(module, "PIXELS_AT_ONCE", 3 * 23 * 31)
    parts = list(answers.full_size())
    assert [part.stop - part.start for part, _ in parts] == [3, 3, 3, 3]
    torch.testing.assert_close(torch.cat([logits for _, logits in parts]), whole)
    assert torch.equal(answers.binary(), whole > 0)


def test_choosing_and_joining_undo_each_other(answers_of):
    answers = answers_of(1, objects=True)
    some, rest = answers[torch.arange(5)], answers[torch.arange(5, 12)]
    again = join([some, rest])
    for field in ("logits", "scores", "prompts", "object_logits"):
        assert torch.equal(getattr(again, field), getattr(answers, field))
    assert len(answers[answers.scores > 2]) == 0
    assert join([answers_of(2)]).object_logits is None
