"""What the small OpenWorldSAM is worth on held-out scenes, asked through the method itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.methods.openworldsam import OpenWorldSam
from lexiseg.metrics.confusion import ConfusionMatrix
from lexiseg.metrics.mask_iou import mask_ious
from lexiseg.metrics.panoptic import PanopticQuality
from lexiseg.metrics.presence import matthews
from lexiseg.ops.assignment import assign
from lexiseg.training.mini.openworldsam.recipe import SIDE, THINGS
from lexiseg.types import Mask, Result

MEASURE_SEED = 2024  # neither training nor watching uses these scenes
FIRST_STUFF = 1000  # numbers of true segments from which on they are stuff
IOU = 0.5  # from which on an object counts as found


@dataclass(frozen=True)
class SceneSegment:
    """A segment of the truth, as `metrics.panoptic_matching` wants it."""

    id: int
    class_index: int
    area: float
    crowd: bool = False


@dataclass(frozen=True)
class AnswerSegment:
    """A segment of an answer, likewise."""

    id: int
    class_index: int


@dataclass
class SceneTally:
    """Running counts over scenes.

    Attributes:
        names: all names of the world.
        oracle: confusion where the names of the scene are asked.
        mixed: the same with as many absent names, all taken to be there.
        refused: the same where the object score decides which names are there.
        segments: panoptic counts where the names of the scene are asked.
        objects: found, returned and true objects at `IOU`.
        regions: pixels shared by sentences' regions and their truth, and covered by either.
        there: of each asked name whether it is there.
        object_scores: its highest object score.
        mask_scores: its highest predicted IoU.
    """

    names: tuple[str, ...]
    oracle: ConfusionMatrix = field(init=False)
    mixed: ConfusionMatrix = field(init=False)
    refused: ConfusionMatrix = field(init=False)
    segments: PanopticQuality = field(init=False)
    objects: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    regions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    there: list[bool] = field(default_factory=list)
    object_scores: list[float] = field(default_factory=list)
    mask_scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.names)
        self.oracle, self.mixed, self.refused = (ConfusionMatrix(count) for _ in range(3))
        self.segments = PanopticQuality(count)

    def add_oracle(self, scene: WorldScene, result: Result) -> None:
        """Count an answer to the names of a scene."""
        self.oracle.update(scene.semantic, world_labels(result, self.names))
        truth, true = true_segments(scene, self.names)
        answered = [
            AnswerSegment(segment.id, self.names.index(segment.label))
            for segment in result.panoptic.segments
        ]
        self.segments.update(truth, true, result.panoptic.ids, answered)
        self.objects += count_objects(scene, result)

    def add_mixed(
        self, scene: WorldScene, asked: Sequence[str], plain: Result, learned: Result
    ) -> None:
        """Count answers to names of which half are absent."""
        self.mixed.update(scene.semantic, world_labels(plain, self.names))
        self.refused.update(scene.semantic, world_labels(learned, self.names))
        self.there += [name in scene.names for name in asked]
        self.object_scores += [learned.presence[name].score for name in asked]
        self.mask_scores += [plain.presence[name].score for name in asked]

    def add_sentences(self, sentences: dict[str, NDArray[np.bool_]], result: Result) -> None:
        """Count an answer to sentences about objects of a scene."""
        found = {item.label: item.mask.to_array() for item in result.instances}
        for sentence, truth in sentences.items():
            region = found.get(sentence, np.zeros_like(truth))
            self.regions += [int((region & truth).sum()), int((region | truth).sum())]

    def figures(self) -> dict[str, float]:
        """What was counted, in shares."""
        there = np.array(self.there)
        found, returned, true = self.objects.tolist()
        learned = correlation(there, np.array(self.object_scores) >= 0.5)
        scores = np.array(self.mask_scores)
        levels = np.unique(scores)[:: max(1, len(scores) // 200)]
        figures = {
            "miou": self.oracle.compute(count_background=False),
            "pq": float(self.segments.compute().pq),
            "found": found / max(1, true),
            "f1": 2 * found / max(1, returned + true),
            "ciou": self.regions[0] / max(1, self.regions[1]),
            "mcc_learned": learned,
            "mcc_mask_score": max(correlation(there, scores >= level) for level in levels),
            "mixed_miou_none": self.mixed.compute(count_background=False),
            "mixed_miou_learned": self.refused.compute(count_background=False),
            "cgf1": learned * 2 * found / max(1, returned + true),
        }
        return {name: round(float(value), 4) for name, value in figures.items()}


def measure_openworldsam(
    method: OpenWorldSam, scenes: int = 200, split: str = "test"
) -> dict[str, float]:
    """Measure a method on held-out scenes.

    Args:
        method: with presence "none" and Miniworld's stuff as `stuff`.
        scenes: how many.
        split: of Miniworld.

    Returns:
        `SceneTally.figures` and `scenes`.
    """
    world = Miniworld(split, SIDE, MEASURE_SEED, THINGS)
    tally, refusing = SceneTally(world.names), with_presence(method)
    for number in tqdm(range(scenes), f"{split} scenes"):
        scene = world[number]
        if scene.names:
            _add(tally, method, refusing, scene)
    return {"scenes": float(scenes), **tally.figures()}


def with_presence(method: OpenWorldSam) -> OpenWorldSam:
    """The same networks, where the object score decides which names are there."""
    config = replace(method.config, presence="learned")
    return OpenWorldSam(method.encoder, method.adapter, method.segmenter, config)


def _add(
    tally: SceneTally, method: OpenWorldSam, refusing: OpenWorldSam, scene: WorldScene
) -> None:
    encoded = method.encode(scene.image)
    tally.add_oracle(scene, method.segment(encoded, scene.names))
    asked = (*scene.names, *scene.absent(len(scene.names)))
    tally.add_mixed(scene, asked, method.segment(encoded, asked), refusing.segment(encoded, asked))
    masks = {item.instance_id: item.mask for item in scene.objects}
    first: dict[int, str] = {}
    for expression in scene.expressions:
        first.setdefault(int(expression.object_id), expression.sentence)
    sentences = {sentence: masks[number] for number, sentence in first.items()}
    if sentences:
        tally.add_sentences(sentences, method.refer(encoded, list(sentences)))


def world_labels(result: Result, names: Sequence[str]) -> NDArray[np.uint16]:
    """The semantic map of an answer in the numbers of a world's names."""
    asked = result.semantic.names
    table = np.array([0, *(1 + names.index(name) for name in asked)], np.uint16)
    labels: NDArray[np.uint16] = table[result.semantic.ids]
    return labels


def true_segments(
    scene: WorldScene, names: Sequence[str]
) -> tuple[NDArray[np.int64], list[SceneSegment]]:
    """(H, W) numbers of the segments that are named, 0 elsewhere, and their list."""
    ids = np.zeros(scene.instances.shape, np.int64)
    true = []
    for item in scene.objects:
        if item.visible:
            ids[item.mask] = item.instance_id
            true.append(SceneSegment(item.instance_id, names.index(item.name), item.area))
    for place, name in enumerate(scene.stuff):
        region = (scene.semantic == 1 + names.index(name)) & (scene.instances == 0)
        ids[region] = FIRST_STUFF + place
        true.append(SceneSegment(FIRST_STUFF + place, names.index(name), int(region.sum())))
    return ids, true


def count_objects(scene: WorldScene, result: Result) -> NDArray[np.int64]:
    """Found, returned and true objects, matched one to one within each name."""
    counts = np.zeros(3, np.int64)
    for name in {item.name for item in scene.objects if item.visible}:
        true = [o.mask for o in scene.objects if o.visible and o.name == name]
        returned = [item.mask for item in result.instances if item.label == name]
        masks = [Mask.from_array(mask) for mask in true]
        ious = mask_ious(returned, masks, np.zeros(len(masks), bool))
        rows, columns = assign(-ious)
        counts += [int((ious[rows, columns] >= IOU).sum()), len(returned), len(true)]
    return counts


def correlation(there: NDArray[np.bool_], kept: NDArray[np.bool_]) -> float:
    """Matthews correlation of which names are there and which are kept."""
    counts = [
        (there & kept).sum(), (~there & kept).sum(), (there & ~kept).sum(), (~there & ~kept).sum(),
    ]  # fmt: skip
    return float(matthews(np.array(counts)))
