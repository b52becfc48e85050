from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import Expression, ReferringSample, Target, VideoSample
from lexiseg.evaluation import evaluate
from lexiseg.evaluation.tasks.referring import clean_sentence, mean_parts
from lexiseg.evaluation.tasks.video import score_clip
from lexiseg.types import Mask

LABELS = np.array([[1, 1, 2, 2], [1, 1, 0, 0]])


def target(label: int, *sentences: str) -> Target:
    return Target(str(label), Mask.from_array(label == LABELS), sentences)


@dataclass(frozen=True)
class Listed:
    samples: tuple[Any, ...]
    task: str
    name: str = "listed"
    split: str = "val"
    classes: None = None
    counts_background: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(sample.id for sample in self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def image() -> np.ndarray:
    return np.stack([LABELS * 10, LABELS * 0, LABELS * 0], axis=-1).astype(np.uint8)


def test_both_protocols_are_scored(color_method: Any) -> None:
    """The dog's second sentence is misread as the cat: alone it fails, together it widens."""
    sample = ReferringSample(
        "a", image(), (target(1, "the dog", 'the "wrong" cat'), target(2, "The Cat"))
    )
    scores = evaluate(color_method(), Listed((sample,), "referring")).summary.scores
    assert scores["sentence_miou"] == pytest.approx((1 + 0 + 1) / 3)
    assert scores["sentence_ciou"] == pytest.approx((4 + 0 + 2) / (4 + 6 + 2))
    assert scores["object_miou"] == pytest.approx((4 / 6 + 1) / 2)
    assert scores["object_ciou"] == pytest.approx((4 + 2) / (6 + 2))


def test_the_method_is_told_the_protocol(color_method: Any) -> None:
    told = []

    class Told(color_method):
        def refer(self, scene: Any, sentences: Any, protocol: str = "per-sentence") -> Any:
            told.append((tuple(sentences), protocol))
            return super().refer(scene, sentences, protocol)

    sample = ReferringSample("a", image(), (target(1, "the dog", "a dog"),))
    evaluate(Told(), Listed((sample,), "referring"))
    assert (("the dog", "a dog"), "ensemble") in told
    assert "per-sentence" in {protocol for _, protocol in told}


def test_intervals_are_over_images(color_method: Any) -> None:
    right, wrong = (target(1, "the dog"), target(2, "the cat")), (target(1, "the cat"),)
    samples = [
        ReferringSample(f"{number}", image(), wrong if number % 2 else right) for number in range(8)
    ]
    summary = evaluate(color_method(), Listed(tuple(samples), "referring")).summary
    for key in ("object_miou", "sentence_miou"):
        low, high = summary.intervals[key]
        assert summary.scores[key] == pytest.approx(2 / 3)
        assert 0 < low < 2 / 3 < high < 1
    alone = ReferringSample("a", image(), (target(1, "the dog"),))
    summary = evaluate(color_method(), Listed((alone,), "referring")).summary
    assert summary.intervals["object_miou"] == (1.0, 1.0)
    assert mean_parts([[1, 2], [3, 4]]) == (1.25, 2) and mean_parts([]) == (0.0, 0)


def test_sentence_that_means_nothing_is_right_if_nothing_is_found(color_method: Any) -> None:
    nothing = Target("0", Mask.from_array(np.zeros((2, 4), bool)), ("the tree",))
    sample = ReferringSample("a", image(), (nothing, target(1, "the dog")))
    scores = evaluate(color_method(), Listed((sample,), "referring")).summary.scores
    assert scores["sentence_miou"] == 1.0


def test_image_without_sentences_counts_for_nothing(color_method: Any) -> None:
    samples = (
        ReferringSample("a", image(), ()),
        ReferringSample("b", image(), (target(1, "the dog"),)),
    )
    outcome = evaluate(color_method(), Listed(samples, "referring"))
    assert outcome.summary.scores["object_miou"] == 1.0
    assert outcome.failures == {}


def test_clip_is_scored_frame_by_frame(color_method: Any) -> None:
    moved = np.roll(LABELS, 1, axis=1)
    clip = VideoSample(
        "clip",
        (image(), image()),
        (LABELS.astype(np.uint16), moved.astype(np.uint16)),
        (Expression("the dog", 1), Expression("the cat", 2, "other")),
    )
    outcome = evaluate(color_method(), Listed((clip,), "video"))
    dog = np.mean([1.0, 2 / 6])
    cat = np.mean([1.0, 1 / 3])
    assert outcome.summary.scores["j"] == pytest.approx((dog + cat) / 2)
    assert 0 < outcome.summary.scores["jf"] <= 1
    assert "| jf |" in outcome.to_markdown()
    record = score_clip(color_method(), clip, Listed((clip,), "video"))
    numbers = {"j", "f", "jf", "j_recall", "f_recall"}
    assert [row.keys() - numbers for row in record["expressions"]] == [{"object", "annotator"}] * 2
    assert [(row["object"], row["annotator"]) for row in record["expressions"]][1] == (2, "other")


@pytest.mark.parametrize(
    ("raw", "clean"), [('A "Dog"/cat', "a dogcat"), ("  two\tblanks ", "two blanks")]
)
def test_sentences_are_cleaned(raw: str, clean: str) -> None:
    assert clean_sentence(raw) == clean
