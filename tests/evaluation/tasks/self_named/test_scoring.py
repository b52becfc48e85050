"""Segments that name themselves, judged on painted pictures by a CLIP that sees only color."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.datasets.miniature_instances import open_miniworld_instances
from lexiseg.datasets.miniature_regions import open_miniworld_regions
from lexiseg.datasets.sample import IGNORE
from lexiseg.errors import UsageError
from lexiseg.evaluation import evaluate
from lexiseg.evaluation.tasks.self_named import scoring as zero_guidance
from lexiseg.evaluation.tasks.self_named.judging import Judging
from lexiseg.evaluation.tasks.self_named.meaning import by_meaning
from lexiseg.evaluation.tasks.self_named.scoring import Numbers, numbers_of, renamed, to_crossing
from lexiseg.methods.zero_guidance import ZeroGuidance, ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.pipeline import Scene
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.metrics import class_overlaps, dataset_miou, image_iou, released_recall, segment_recall
from lexiseg.types import Description

NAMES = ("dog", "cat", "tree")


class ColorClip:
    """Class k is direction k; a label map is all there is to see."""

    device = torch.device("cpu")

    def text_features(self, texts: Any) -> torch.Tensor:
        known = {**dict(zip(NAMES, range(3), strict=True)), "puppy": 0}
        return F.one_hot(torch.tensor([known[text] for text in texts]), 4).float()


@dataclass
class Colors:
    """A segment is what was painted with its number."""

    mistaken: int | None = None  # color that is taken for the next one

    def embed(self, unions: Any) -> torch.Tensor:
        return torch.stack([self._see(union[0]) for union in unions])

    def _see(self, color: int) -> torch.Tensor:
        seen = (color + 1) % 3 if color == self.mistaken else color
        return F.one_hot(torch.tensor(seen), 4).float() + torch.tensor([0, 0, 0, 0.5])


class Namer:
    words = NAMES

    def describe(self, embeddings: torch.Tensor) -> list[Description]:
        return [Description(self.words[int(row.argmax())], 1.0) for row in embeddings]


class Painted(ZeroGuidance):
    """Reads the segments off the picture; merging is off."""

    def __init__(self, mistaken: int | None = None) -> None:
        config = ZeroGuidanceConfig(merge=False, template="{}")
        super().__init__(None, ColorClip(), Namer(), config)
        self.eyes = Colors(mistaken)

    def _encode(self, image: Any, watch: Any) -> Scene:
        colors, labels = np.unique(image[..., 0] // 10, return_inverse=True)
        segments = Segments(labels.reshape(image.shape[:2]).astype(np.int16),
                            tuple(range(len(colors))))  # fmt: skip
        eyes = SimpleNamespace(
            embed=lambda unions: self.eyes.embed([(int(colors[u[0]]) - 1,) for u in unions])
        )
        return Scene(image, segments, eyes.embed([(k,) for k in range(len(colors))]), eyes)

    @property
    def part_settings(self) -> Any:
        return {"mistaken": self.eyes.mistaken}


@pytest.fixture(autouse=True)
def see_true_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """True regions are embedded by the color that is painted there."""

    def build(clip: Any, image: Any, segments: Segments, config: Any) -> Any:
        first = [int(image[segments.labels == k][0, 0]) // 10 for k in range(len(segments))]
        return SimpleNamespace(embed=lambda u: Colors().embed([(first[k[0]] - 1,) for k in u]))

    monkeypatch.setattr(zero_guidance, "build_embedder", build)


@dataclass(frozen=True)
class Shifted:
    """The painted set with classes everywhere: truth 1 to 3, of which a corner is void."""

    base: Any
    name: str = "painted"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: int) -> Any:
        sample = self.base[index]
        truth = sample.truth + 1
        image = np.stack([truth * 10, truth * 0, truth * 0], axis=-1).astype(np.uint8)
        truth[0, 0] = IGNORE
        return replace(sample, truth=truth.astype(np.uint16), image=image)


@pytest.fixture
def world(painted: Any) -> Shifted:
    return Shifted(painted(counts_background=False))


def test_right_names_score_one_and_the_protocol_says_how(world: Shifted, tmp_path: Path) -> None:
    outcome = evaluate(Painted(), world, out=tmp_path)
    scores = outcome.summary.scores
    assert {scores[f"st_{name}"] for name in zero_guidance.NAMES} == {1.0}
    stored = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert "nearest (ST)" in stored["protocol"]["asked"]
    assert stored["protocol"]["images"] == 6
    assert [row["iou"] for row in stored["per_class"]] == [1.0, 1.0, 1.0]
    truths = [world[index].truth for index in range(len(world))]
    for number, row in enumerate(stored["per_class"], start=1):
        assert row["images"] == sum((truth == number).any() for truth in truths)
        assert row["pixels"] == sum((truth == number).sum() for truth in truths)
    record = json.loads((tmp_path / "records.jsonl").read_text().splitlines()[1])
    assert {tuple(pair) for pair in record["told"]} == {(1, "dog"), (2, "cat"), (3, "tree")}


def test_a_run_resumes_and_refuses_other_settings(world: Shifted, tmp_path: Path) -> None:
    assert evaluate(Painted(), world, out=tmp_path, limit=2).protocol.images == 2
    assert evaluate(Painted(), world, out=tmp_path).summary == evaluate(Painted(), world).summary
    with pytest.raises(Exception, match="settings"):
        evaluate(Painted(mistaken=0), world, out=tmp_path)


def test_scores_are_those_of_the_label_maps(world: Shifted) -> None:
    scores = evaluate(Painted(mistaken=0), world).summary.scores
    wrong = np.array([0, 2, 2, 3])
    pictures = [
        class_overlaps(sample.truth, sample.image[..., 0] // 10, wrong.astype(np.int64), void=True)
        for sample in map(world.__getitem__, range(len(world)))
    ]
    assert scores["st_iou"] == pytest.approx(np.mean([image_iou(o) for o in pictures]))
    assert scores["st_miou"] == pytest.approx(dataset_miou(pictures, 3))
    assert scores["st_recall"] == pytest.approx(segment_recall(pictures))
    assert scores["st_recall_released"] == pytest.approx(released_recall(pictures))
    assert scores["st_recall"] < 1


def test_what_resembles_no_class_stays_without_one(world: Shifted) -> None:
    sample = world[0]
    method = Painted()
    record = zero_guidance.score_scene(method, method.encode(sample.image), sample, world)
    cosine = record["st"][0][1]
    assert cosine == pytest.approx(1 / np.sqrt(1.25), abs=1e-5)
    assert renamed(record, "st", cosine - 0.01).tolist() == [1, 2, 3]
    assert renamed(record, "st", cosine + 0.01).tolist() == [0, 0, 0]
    assert numbers_of([record], world, threshold=cosine + 0.01).value("iou") == 0.0


class Dictionary:
    """Knows that a puppy is nearly a dog."""

    name, fingerprint = "dictionary", "0"

    def embed(self, texts: Any) -> torch.Tensor:
        known = {"dog": [1, 0, 0], "puppy": [0.8, 0, 0.6], "cat": [0, 1, 0], "tree": [0, 0, 1]}
        return torch.tensor([known[text] for text in texts], dtype=torch.float32)


def test_labels_are_moved_by_what_they_mean(
    world: Shifted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Namer, "words", ("puppy", "cat", "tree"))
    outcome = evaluate(Painted(), world, sentences=Dictionary())
    scores = outcome.summary.scores
    assert scores["tt_iou"] == scores["text_quality"] == scores["text_quality_released"] == 1.0
    assert outcome.protocol.weights["sentences"] == "dictionary 0"
    monkeypatch.setattr(zero_guidance, "MIN_TEXT", 0.9)
    assert evaluate(Painted(), world, sentences=Dictionary()).summary.scores["tt_iou"] < 1.0


def test_other_classes_of_the_set_can_be_left_out(world: Shifted) -> None:
    sample = world[0]
    sample = replace(sample, truth=np.where(sample.truth == 2, 1, sample.truth))
    method = Painted(mistaken=0)  # dogs are taken for cats, which the truth does not have
    judging = Judging(candidates="present")
    free = zero_guidance.score_scene(method, method.encode(sample.image), sample, world)
    held = zero_guidance.score_scene(method, method.encode(sample.image), sample, world, judging)
    assert [number for number, _ in free["st"]] == [2, 2, 3] and "among" not in free
    assert held["among"] == [1, 3] and {number for number, _ in held["st"]} == {1, 3}
    (meant,) = by_meaning([{**held, "said": ["cat", "cat", "tree"]}], world.classes, Dictionary())
    assert [number for number, _ in meant["tt"]] == [1, 1, 3]


def test_pixels_without_a_class_can_be_left_out(world: Shifted) -> None:
    sample = world[0]
    sample = replace(sample, truth=np.where(sample.truth == 3, 0, sample.truth))
    method = Painted()
    scores = [
        numbers_of(
            [zero_guidance.score_scene(method, method.encode(sample.image), sample, plain, how)],
            plain,
        ).value("iou")
        for plain in [Shifted(replace(world.base, has_void=False))]
        for how in (None, Judging(ignore_unlabelled=True))
    ]
    assert scores[0] < 0.7 and scores[1] == 1.0  # a tree is claimed where nothing is known


def test_sentences_around_class_names(world: Shifted) -> None:
    asked: list[str] = []

    class Clip(ColorClip):
        def text_features(self, texts: Any) -> torch.Tensor:
            asked.extend(texts)
            return torch.ones(len(texts), 4)

    method = Painted()
    method.clip = Clip()
    judging = Judging(templates=("a {}.", "the {}!"))
    assert judging.features(method, world.classes).shape == (3, 4)
    assert asked == ["a dog.", "the dog!", "a cat.", "the cat!", "a tree.", "the tree!"]
    asked.clear()
    Judging(templates="imagenet").features(method, world.classes)
    assert len(asked) == 3 * 80
    with pytest.raises(UsageError, match="templates"):
        Judging(templates=("no place",))


def test_the_judges_choices_are_terms_of_the_measurement(
    world: Shifted, painted: Any, color_method: Any, tmp_path: Path
) -> None:
    judging = Judging(ignore_unlabelled=True)
    outcome = evaluate(Painted(), world, out=tmp_path, limit=1, judging=judging)
    assert "judged with ignore_unlabelled = True" in outcome.protocol.asked
    with pytest.raises(Exception, match="asked"):
        evaluate(Painted(), world, out=tmp_path, limit=1)
    with pytest.raises(UsageError, match="name segments"):
        evaluate(color_method(), painted(), judging=judging)


def test_records_keep_every_pixel(world: Shifted) -> None:
    sample = world[1]
    method = Painted()
    record = json.loads(json.dumps(
        zero_guidance.score_scene(method, method.encode(sample.image), sample, world)
    ))  # fmt: skip
    crossing = to_crossing(record)
    assert crossing.counts.sum() == sample.truth.size
    assert crossing.values.tolist() == [1, 2, 3, IGNORE]


def test_context_has_no_void(world: Shifted) -> None:
    context = Shifted(replace(world.base, has_void=False))
    assert zero_guidance.truth_of(context[0], context)[0, 0] == 0
    assert zero_guidance.truth_of(world[0], world)[0, 0] == IGNORE


def test_pictures_without_a_value_do_not_count() -> None:
    empty = class_overlaps(np.zeros((1, 2), int), np.zeros((1, 2), int), np.array([0]))
    full = class_overlaps(np.ones((1, 2), int), np.zeros((1, 2), int), np.array([1]))
    numbers = Numbers([empty, full], 1)
    assert numbers.value("iou") == numbers.value("recall") == 1.0
    assert np.isnan(Numbers([empty], 1).value("iou"))


def test_objects_are_no_truth_for_names() -> None:
    with pytest.raises(UsageError, match="miniworld-regions"):
        evaluate(Painted(), open_miniworld_instances(scenes=1))


def test_every_pixel_of_miniworld_has_a_class_or_is_too_hidden() -> None:
    world = open_miniworld_regions(scenes=2)
    sample = world[0]
    assert sample.truth.min() > 0
    named = set(np.unique(sample.truth).tolist()) - {IGNORE}
    assert named & {world.classes.number[name] for name in world.classes.stuff}
    assert len(world) == len(world.ids) == 2 and max(named) <= len(world.classes)
