"""Oracle prompts: what is asked, what the protocol says of it, and where it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import IGNORE, InstanceSample, PanopticSample, SemanticSample
from lexiseg.datasets.sample import TrueObject, TrueSegment
from lexiseg.errors import OutputError, UnknownNameError, UsageError
from lexiseg.evaluation import evaluate
from lexiseg.evaluation.asking import asking_present, mixed_prompts, present_classes
from lexiseg.evaluation.protocol import protocols_comparable
from lexiseg.registry import DATASETS
from lexiseg.types import Mask
from tests.datasets.conftest import Layouts
from tests.evaluation.tasks.test_panoptic import Itself, PaintedSegments


def test_present_classes_of_every_kind() -> None:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    truth = np.array([[0, 3], [1, IGNORE]], dtype=np.uint16)
    mask = Mask.from_array(np.ones((2, 2), dtype=bool))
    objects = (TrueObject(4, mask, 4), TrueObject(2, mask, 4, crowd=True), TrueObject(4, mask, 4))
    segments = (TrueSegment(1, 5, 1), TrueSegment(2, 0, 1), TrueSegment(3, 3, 1, crowd=True))
    ids = np.ones((2, 2), dtype=np.uint32)
    assert present_classes(SemanticSample("a", image, truth)) == (0, 2)
    assert present_classes(InstanceSample("a", 1, image, objects)) == (4,)
    assert present_classes(PanopticSample("a", 1, image, ids, segments)) == (0, 5)


def test_a_bound_draws_the_same_names_for_an_image_and_others_for_another() -> None:
    segments = tuple(TrueSegment(k, k, 1) for k in range(1, 40))
    sample = PanopticSample("a", 1, np.zeros((1, 1, 3)), np.ones((1, 1), np.uint32), segments)
    drawn = asking_present(sample, 20).asked
    assert drawn == asking_present(sample, 20).asked == tuple(sorted(set(drawn)))
    assert len(drawn) == 20
    assert drawn != asking_present(replace(sample, id="b"), 20).asked
    assert asking_present(sample, 39).asked == tuple(range(1, 40))


def test_only_present_names_reach_the_method(color_method: Any, painted: Any) -> None:
    method, dataset = color_method(), painted()
    evaluate(method, dataset, prompts="oracle")
    shown = [
        tuple(dataset.classes.names[k - 1] for k in np.unique(s.truth) if k) for s in dataset
    ]  # fmt: skip
    assert method.asked == shown
    evaluate(method, dataset)
    assert method.asked[-1] == dataset.classes.names


def test_an_image_without_a_class_is_not_asked(color_method: Any) -> None:
    class Empty(PaintedSegments):
        def __getitem__(self, index: int) -> PanopticSample:
            return replace(super().__getitem__(index), segments=())

    class Sized(Itself, color_method):
        def encode(self, image: np.ndarray) -> Any:
            class Scene(np.ndarray):
                size_hw = image.shape[:2]

            return super().encode(image).view(Scene)

    method = Sized()
    outcome = evaluate(method, Empty(2), prompts="oracle")
    assert method.asked == []
    assert not outcome.failures


def test_protocols_are_told_apart(color_method: Any, painted: Any, tmp_path: Path) -> None:
    found = {
        prompts: evaluate(color_method(), painted(), out=tmp_path / prompts, prompts=prompts)
        for prompts in ("global", "oracle")
    }
    protocols = {name: outcome.protocol.to_json() for name, outcome in found.items()}
    assert {name: entry["asking"] for name, entry in protocols.items()} == {
        "global": "global",
        "oracle": "oracle",
    }
    assert "prompts=oracle: the classes of each image's truth" in found["oracle"].to_markdown()
    with pytest.warns(UserWarning, match="asking: global / oracle"):
        assert not protocols_comparable(protocols["global"], protocols["oracle"])
    with pytest.raises(OutputError, match="other"):
        evaluate(color_method(), painted(), out=tmp_path / "global", prompts="oracle")


def test_the_bound_stands_in_the_protocol(color_method: Any) -> None:
    outcome = evaluate(color_method(), PaintedSegments(most_asked=18), prompts="oracle")
    assert outcome.protocol.asked == "the classes of each image's truth, at most 18"


def test_sentences_have_no_choice_of_prompts(color_method: Any, tmp_path: Path) -> None:
    layouts = Layouts()
    layouts.refer(tmp_path, [layouts.reference(0, 1, "the car")])
    with pytest.raises(UsageError, match="sentences"):
        evaluate(color_method(), DATASETS["refcoco"](tmp_path), prompts="oracle")


def test_unknown_choice_lists_what_there_is(color_method: Any, painted: Any) -> None:
    with pytest.raises(UnknownNameError, match="oracle"):
        evaluate(color_method(), painted(), prompts="perfect")


def test_tables_with_two_protocols_carry_a_warning() -> None:
    assert mixed_prompts(["global", "global"]) == ""
    assert "prompts=global and prompts=oracle" in mixed_prompts(["oracle", "global", "oracle"])
