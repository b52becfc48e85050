"""What all methods share: how they are asked, what they remember of an image, and their recipe.

A method derives from `BaseMethod`, declares what it is and fills in `_encode` and a hook for each
of its verbs; everything around them is here.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, final, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.config import flatten, override, to_dict
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.io.image import path_of, read_image
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import (
    EncodedImage,
    ImageSource,
    Instance,
    Instances,
    Names,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    SentenceProtocol,
    Task,
    Verb,
    Vocabulary,
    describe_weights,
    package_versions,
    precision_of,
    reported,
)
from lexiseg.types.recipe import BY_HAND

ImageArray = NDArray[np.uint8]
CPU = torch.device("cpu")
HALVES = ("encode", "segment", "label")  # whose times add up to the total


@dataclass(frozen=True)
class Provenance:
    """How `load` came to the parts of a method.

    Attributes:
        preset: its name.
        parts: options of `load` that choose parts and their weights, as they were resolved.
        chosen: names of the options that somebody gave, whatever their values.
    """

    preset: str = BY_HAND
    parts: Mapping[str, str | None] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()


ASSEMBLED = Provenance()


@dataclass(frozen=True, eq=False)
class BaseScene:
    """An encoded image; ask it about anything, from any number of threads.

    Attributes:
        image: (H, W, 3) uint8 RGB as given; masks come back at this size.
        path: where it came from.
        timing_ms: milliseconds that the encoding took, by stage.
        encoder: name of the method that encoded it.
        encoded_with: what of its recipe the encoding depends on.
    """

    image: ImageArray
    path: Path | None = field(default=None, kw_only=True)
    timing_ms: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    encoder: str = field(default="", kw_only=True)
    encoded_with: Mapping[str, object] = field(default_factory=dict, kw_only=True)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class Answer:
    """What a method says of an image.

    Attributes:
        instances: regions, in the order they are shown.
        presence: a verdict for each name, in the order asked; of names found, if none were asked.
        semantic: one region per name, of a method with a rule of its own for every pixel's class;
            None where the instances are painted.
        panoptic: the same for the division into segments.
    """

    instances: Sequence[Instance]
    presence: Sequence[Presence]
    semantic: Sequence[Instance] | None = None
    panoptic: Sequence[Instance] | None = None


SceneT = TypeVar("SceneT", bound=BaseScene)
ConfigT = TypeVar("ConfigT")
Finder = Callable[[SceneT, Stopwatch], Answer]


class BaseMethod(ABC, Generic[SceneT, ConfigT]):
    """A segmentation system.

    Args:
        config: settings, a frozen dataclass.
        provenance: how its parts were loaded; by default they were put together by hand.

    Attributes:
        name: in `lexiseg.registry.METHODS`.
        task: what an answer is.
        verbs: how it may be asked; a hook for each is filled in.
        takes_stuff: whether `config` has ``stuff``, names that are amorphous regions.
        preset_per_dataset: whether presets are called after the data sets that it was published on.
        scene_type: what `encode` returns.
        encoding: entries of the recipe that a scene depends on, or the beginnings of their
            dotted names, such as ``settings.max_side`` and ``weights.proposal``.
    """

    name: ClassVar[str]
    task: ClassVar[Task] = "semantic"
    verbs: ClassVar[tuple[Verb, ...]] = ("segment",)
    takes_stuff: ClassVar[bool] = False
    preset_per_dataset: ClassVar[bool] = True
    encoding: ClassVar[tuple[str, ...]] = ("settings", "weights", "dtypes")
    scene_type: type[SceneT]

    def __init__(self, config: ConfigT, provenance: Provenance = ASSEMBLED) -> None:
        self.config = config
        self.provenance = provenance

    @property
    @abstractmethod
    def networks(self) -> Mapping[str, object]:
        """Part -> what holds its weights; the method runs where the first one lies."""

    @abstractmethod
    def _encode(self, image: ImageArray, watch: Stopwatch) -> SceneT:
        """All that no question changes."""

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> Sequence[SceneT]:
        """The same for several images; a method whose encoders take several at once says how."""
        return [self._encode(image, watch) for image in images]

    def _segment(self, scene: SceneT, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        raise NotImplementedError

    def _refer(
        self,
        scene: SceneT,
        sentences: tuple[str, ...],
        protocol: SentenceProtocol,
        watch: Stopwatch,
    ) -> Answer:
        raise NotImplementedError

    def _label(self, scene: SceneT, watch: Stopwatch) -> Answer:
        raise NotImplementedError

    def _video(
        self,
        frames: Iterable[ImageSource],
        names: Vocabulary,
        smoothing: float | None,
        refer: bool,
    ) -> Iterator[Result]:
        raise NotImplementedError

    @property
    def preset(self) -> str:
        """Where the settings started from."""
        return self.provenance.preset

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        place: torch.device = getattr(self._first, "device", CPU)
        return place

    @property
    def dtype(self) -> str:
        """Precision of the part that follows the choice made when it was loaded."""
        return precision_of(self._first)

    @property
    def _first(self) -> object:
        return next(iter(self.networks.values()))

    @property
    def part_settings(self) -> Mapping[str, object]:
        """Options of the parts, under the names that `load` takes."""
        return {}

    @property
    def measured(self) -> Mapping[str, object]:
        """Settings to measure it with, where they differ from those for looking at pictures.

        `lexiseg.evaluation.evaluate` takes them; options that somebody chose are not among them.
        """
        return {}

    @final
    @property
    def settings(self) -> dict[str, object]:
        """Which parts, their options and the method's own, as plain data."""
        return {**self.provenance.parts, **self.part_settings, **to_dict(self.config)}

    @final
    def recipe(self) -> Recipe:
        """Everything that will decide the answers; no image is needed."""
        networks = self.networks
        return Recipe(
            method=self.name,
            preset=self.preset,
            settings=self.settings,
            weights={part: describe_weights(network) for part, network in networks.items()},
            dtypes={part: precision_of(network) for part, network in networks.items()},
            versions=package_versions(),
            device=self.device.type,
            dtype=self.dtype,
        )

    @final
    def configured(self, **options: object) -> Self:
        """The same weights under other settings.

        Args:
            options: fields of the config, nested ones dotted.

        Raises:
            UnknownNameError: no such option.
            UsageError: a value of the wrong type or out of its range.
        """
        other = copy.copy(self)
        other.config = override(self.config, options)
        chosen = self.provenance.chosen | options.keys()
        other.provenance = replace(self.provenance, chosen=chosen)
        return other

    @final
    def encode(self, image: ImageSource) -> SceneT:
        """Compute what no question changes.

        Args:
            image: path, bytes of a file, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        pixels = read_image(image)
        watch = Stopwatch(self.device)
        with watch("encode"):
            scene = self._encode(pixels, watch)
        return self._signed(scene, path_of(image), watch.timing_ms)

    @final
    def encode_many(self, images: Sequence[ImageSource]) -> list[SceneT]:
        """The same for several images, in one pass where the method can and their sizes fit.

        Scenes equal those of `encode` within rounding; each has its share of the time.

        Args:
            images: as `encode` takes them; they and their scenes are in memory together.

        Raises:
            ImageError: an image cannot be read.

        Example:
            >>> scenes = method.encode_many(["one.jpg", "two.jpg"])     # doctest: +SKIP
            >>> [method.segment(scene, "dog") for scene in scenes]      # doctest: +SKIP
        """
        pixels = [read_image(image) for image in images]
        watch = Stopwatch(self.device)
        with watch("encode"):
            scenes = self._encode_many(pixels, watch)
        share = {stage: spent / len(images) for stage, spent in watch.timing_ms.items()}
        return [
            self._signed(scene, path_of(image), share)
            for scene, image in zip(scenes, images, strict=True)
        ]

    def _signed(self, scene: SceneT, path: Path | None, timing_ms: Mapping[str, float]) -> SceneT:
        return replace(
            scene,
            path=path,
            timing_ms=timing_ms,
            encoder=self.name,
            encoded_with=self._encoded_with(),
        )

    @final
    def segment(self, image: ImageSource | EncodedImage, names: Names) -> Result:
        """Find named things.

        Whether a name is kept depends on the other names asked: asked alone, an absent name has
        nobody to lose to. `Vocabulary.parse` takes names that compete without being reported.

        Args:
            image: a scene, or what `encode` takes.
            names: a comma list, a list, a mapping from alias to name, or a `Vocabulary`.

        Raises:
            ImageError: the image cannot be read.
            UsageError: no names, a blank one, or the scene of another method.
        """
        self._require("segment")
        vocabulary = Vocabulary.parse(names)

        def find(scene: SceneT, watch: Stopwatch) -> Answer:
            return _of_asked(self._segment(scene, vocabulary.competing, watch), vocabulary)

        return self._answer(image, find)

    @final
    def refer(
        self,
        image: ImageSource | EncodedImage,
        sentences: str | Sequence[str],
        protocol: SentenceProtocol = "per-sentence",
    ) -> Result:
        """Find what sentences describe.

        Args:
            image: a scene, or what `encode` takes.
            sentences: one or several.
            protocol: "per-sentence": a region for each; "ensemble": all describe one object.

        Raises:
            ImageError: the image cannot be read.
            UsageError: no sentences, a blank one, or the scene of another method.
        """
        self._require("refer")
        if protocol not in get_args(SentenceProtocol):
            raise UnknownNameError("protocol", protocol, get_args(SentenceProtocol))
        asked = Vocabulary.parse([sentences] if isinstance(sentences, str) else sentences).names
        return self._answer(image, lambda scene, watch: self._refer(scene, asked, protocol, watch))

    @final
    def label(self, image: ImageSource | EncodedImage) -> Result:
        """Name the segments of an image, without being asked for anything.

        Args:
            image: a scene, or what `encode` takes.

        Raises:
            ImageError: the image cannot be read.
            UsageError: the scene of another method.
        """
        self._require("label")
        return self._answer(image, self._label, "label")

    @final
    def video(
        self,
        frames: Iterable[ImageSource],
        names: Names,
        *,
        smoothing: float | None = None,
        refer: bool = False,
    ) -> Iterator[Result]:
        """Answer frame by frame, reading the next frame only when its answer is wanted.

        Args:
            frames: images as `encode` takes them.
            names: names, or sentences if `refer` is set.
            smoothing: weight of the past, 0..1; None takes the config's.
            refer: treat `names` as sentences, each with a region of its own.
        """
        self._require("video")
        vocabulary = Vocabulary.parse(names)
        if refer and vocabulary != Vocabulary(vocabulary.names, vocabulary.wordings):
            raise UsageError("Sentences do not compete; give them without rivals and cut-offs.")
        results = self._video(frames, vocabulary.competing, smoothing, refer)
        return results if refer else (_frame_of_asked(result, vocabulary) for result in results)

    def _answer(
        self,
        image: ImageSource | EncodedImage,
        find: Finder[SceneT],
        half: str = "segment",
    ) -> Result:
        scene = self._own_scene(image) if isinstance(image, BaseScene) else self.encode(image)  # type: ignore[arg-type]
        watch = Stopwatch(self.device)
        with watch(half):
            answer = find(scene, watch)
        spent = {**scene.timing_ms, **watch.timing_ms}
        total = sum(spent.get(part, 0.0) for part in HALVES)
        return Result(
            size_hw=scene.size_hw,
            names=tuple(entry.name for entry in answer.presence),
            instances=Instances(tuple(answer.instances), scene.size_hw),
            presence=PresenceTrace(answer.presence),
            recipe=replace(self.recipe(), timing_ms={**spent, "total": total}),
            path=scene.path,
            image=scene.image,
            semantic_regions=_view(answer.semantic, scene.size_hw),
            panoptic_regions=_view(answer.panoptic, scene.size_hw),
        )

    def _own_scene(self, scene: BaseScene) -> SceneT:
        """A scene, if this method can answer from it.

        Raises:
            UsageError: another method, or other settings or weights, encoded it.
        """
        if not isinstance(scene, self.scene_type):
            raise UsageError(
                f"The scene was encoded by method {scene.encoder!r}, which {self.name!r} cannot "
                "answer from; give it the image."
            )
        wanted = self._encoded_with()
        other = [name for name in wanted if scene.encoded_with.get(name) != wanted[name]]
        if scene.encoded_with and other:
            had, needed = scene.encoded_with.get(other[0]), wanted[other[0]]
            raise UsageError(
                f"The scene was encoded with {other[0]} = {had!r:.80}, but method {self.name!r} "
                f"has {needed!r:.80} now; encode the image again."
            )
        return scene

    def _encoded_with(self) -> dict[str, object]:
        facts = flatten(self.recipe().to_json())
        starts = tuple(f"{entry}." for entry in self.encoding)
        return {name: facts[name] for name in facts if f"{name}.".startswith(starts)}

    def _require(self, verb: Verb) -> None:
        if verb not in self.verbs:
            raise UsageError(
                f"Method {self.name!r} cannot {verb}; it can {' and '.join(self.verbs)}."
            )


def _view(regions: Sequence[Instance] | None, size_hw: tuple[int, int]) -> Instances | None:
    return None if regions is None else Instances(tuple(regions), size_hw)


def _of_asked(answer: Answer, vocabulary: Vocabulary) -> Answer:
    """An answer to all names that compete, as an answer to those asked."""
    others = [item for view in (answer.semantic, answer.panoptic) for item in view or ()]
    regions, verdicts = reported(answer.instances, answer.presence, vocabulary, others)
    shown = {entry.name for entry in verdicts if entry.kept}
    silent = {entry.name for entry in answer.presence if entry.kept} - shown
    hidden = silent.union(vocabulary.against, vocabulary.excluded)
    limits = dict(zip(vocabulary.names, vocabulary.limits, strict=True))
    views = (
        None
        if view is None
        else [i for i in view if i.label not in hidden and i.score >= limits.get(i.label, 0)]
        for view in (answer.semantic, answer.panoptic)
    )
    return Answer(regions, verdicts, *views)


def _items(view: Instances | None) -> Sequence[Instance] | None:
    return None if view is None else view.items


def _frame_of_asked(result: Result, vocabulary: Vocabulary) -> Result:
    """The same for an answer about a frame."""
    views = (_items(result.semantic_regions), _items(result.panoptic_regions))
    whole = Answer(result.instances.items, tuple(result.presence.values()), *views)
    answer, size_hw = _of_asked(whole, vocabulary), result.size_hw
    return replace(
        result,
        names=vocabulary.names,
        instances=Instances(tuple(answer.instances), size_hw),
        presence=PresenceTrace(answer.presence),
        semantic_regions=_view(answer.semantic, size_hw),
        panoptic_regions=_view(answer.panoptic, size_hw),
    )
