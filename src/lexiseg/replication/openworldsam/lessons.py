"""Adapters that Tables 4 and 5 compare, trained for the replication and kept in its folder.

They learn by the same code as anybody's (`lexiseg.training.openworldsam`), each for the same few
steps from the same pictures, so that they can be compared with each other and with nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lexiseg.datasets.miniature import SIDE
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.io.output_file import write_bytes
from lexiseg.methods.openworldsam import OpenWorldSam
from lexiseg.methods.openworldsam.vectors import PairEncoder
from lexiseg.models.beit3 import Beit3
from lexiseg.models.bundled import bundled_or_given
from lexiseg.models.clip import Clip
from lexiseg.models.openworldsam import Adapter, load_adapter, save_adapter
from lexiseg.models.openworldsam.pair_encoders import LateFusion, TextAlone
from lexiseg.models.sam import Segmenter
from lexiseg.training.engine.session import Budget, begin, train
from lexiseg.training.openworldsam.config import AdapterTraining, Schedule
from lexiseg.training.openworldsam.examples import Examples, JoinedExamples
from lexiseg.training.openworldsam.features import FeatureCaching, Features, PictureFile
from lexiseg.training.openworldsam.learner import AdapterLearner, taught
from lexiseg.training.openworldsam.networks import FrozenNetworks
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from lexiseg.training.openworldsam.run import AdapterRun

Encoder = Literal["beit3", "beit3-text", "clip-text", "clip-late"]
CLIP = "mini-clip-classifier"
PICTURES = 160  # of the train split, which all adapters learn from
STEPS = 60
TRAINING = AdapterTraining(
    seed=0,
    batch=4,
    rate=1e-3,  # some ten steps instead of some hundred thousand
    warmup=5,
    drops=(0.8,),
    clip=0.1,
    prompts=4,
    dice_weight=1.0,
    layout="one_token",
    scope="each",
    precision="float32",
    checkpoint_every=10_000,
)
"""As the bundled adapter's, but for present names only and for a fraction of its length."""
THAWED = "encoder.safetensors"


@dataclass(frozen=True)
class Lesson:
    """What differs between the adapters that are compared.

    Args:
        key: name of its folder.
        encoder: what gives the vector of a picture and a text.
        layers: of the soft-prompt stack; None as in the bundled adapter.
        tie_breakers: queries of a prompt; None as in the bundled adapter. A single one breaks no
            tie, it is an offset of the projector.
        thawed: BEiT-3 is trained as well.
    """

    key: str
    encoder: Encoder = "beit3"
    layers: int | None = None
    tie_breakers: int | None = None
    thawed: bool = False


@dataclass(frozen=True)
class School:
    """Where lessons are given.

    Args:
        folder: for pictures, the frozen networks' work, and a folder for each adapter.
        base: a method whose SAM 2, BEiT-3 and sizes they share.
        steps: of each lesson.
        pictures: to learn from.
        quiet: no progress bars.
    """

    folder: Path
    base: OpenWorldSam
    steps: int = STEPS
    pictures: int = PICTURES
    quiet: bool = False

    def teach(self, lessons: Sequence[Lesson]) -> None:
        """Train every adapter that does not lie in the folder yet."""
        for lesson in dict.fromkeys(lessons):
            if not self._weights(lesson).is_file():
                self._teach(lesson)

    def taught(self, lesson: Lesson, *, blind: bool = False, **options: object) -> OpenWorldSam:
        """The method with a trained adapter.

        Args:
            lesson: which one.
            blind: its encoder is not shown the picture.
            options: fields of the method's settings.
        """
        encoder: PairEncoder = self._encoder(lesson)
        if blind:
            encoder = TextAlone(self._beit3)
        elif lesson.thawed:
            encoder = _thawed_copy(self._beit3, self._place(lesson) / THAWED)
        adapter, _ = load_adapter(self._place(lesson), self.base.device)
        provenance = replace(self.base.provenance, preset=f"mini, {lesson.key} in {self.steps}")
        method = OpenWorldSam(
            encoder, adapter, self.base.segmenter, self.base.config, provenance=provenance
        )
        return method.configured(**options)

    def _teach(self, lesson: Lesson) -> None:
        networks = FrozenNetworks(self._segmenter, self._encoder(lesson))
        adapter = self._adapter(lesson, networks.pairs.width)
        caching = FeatureCaching(self.folder / "features", maps="disk")
        place = self._place(lesson)
        if lesson.thawed:
            learner = ThawedLearner(
                TRAINING, adapter, Features(networks, caching), self._examples, encoder=self._beit3
            )
            begin(learner, place, resume=True)
            train(learner, Budget(steps=self.steps), place, quiet=self.quiet)
            learner.keep(place)
            return
        AdapterRun(
            place,
            networks,
            adapter,
            self._examples,
            TRAINING,
            Schedule(steps=self.steps),
            caching=caching,
            resume=True,
            quiet=self.quiet,
        ).run()

    def _adapter(self, lesson: Lesson, encoder_width: int) -> Adapter:
        sizes = taught(self.base.adapter.config, TRAINING)
        sizes = replace(sizes, encoder_width=encoder_width, dropout=0.0)
        if lesson.layers is not None:
            sizes = replace(sizes, layers=lesson.layers)
        if lesson.tie_breakers is not None:
            sizes = replace(sizes, tie_breakers=lesson.tie_breakers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(TRAINING.seed)
            return Adapter(sizes)

    def _encoder(self, lesson: Lesson) -> Beit3 | TextAlone | LateFusion:
        if lesson.encoder == "beit3":
            return self._beit3
        if lesson.encoder == "beit3-text":
            return TextAlone(self._beit3)
        return TextAlone(self._clip) if lesson.encoder == "clip-text" else LateFusion(self._clip)

    @property
    def _beit3(self) -> Beit3:
        assert isinstance(self.base.encoder, Beit3)
        return self.base.encoder

    @property
    def _segmenter(self) -> Segmenter:
        return self.base.segmenter

    @cached_property
    def _clip(self) -> Clip:
        return Clip.load(bundled_or_given(CLIP), self.base.device, "float32")

    @cached_property
    def _examples(self) -> Examples:
        """Names of the scenes, and sentences about their things."""
        data = self.folder / "pictures"
        write_miniworld(data, self.pictures, Miniworld("train", SIDE, 0, (1, 6), neighbors=0.2))
        named, _ = open_examples(DataChoice(data, "panoptic", "train"))
        choice = DataChoice(data / "miniworld", "referring", "train", data / "JPEGImages")
        return JoinedExamples((named, open_examples(choice)[0]))

    def _place(self, lesson: Lesson) -> Path:
        return self.folder / f"{lesson.key}-{self.steps}"

    def _weights(self, lesson: Lesson) -> Path:
        return self._place(lesson) / (THAWED if lesson.thawed else "README.md")


class ThawedLearner(AdapterLearner):
    """An adapter whose BEiT-3 learns along, as in rows E4 and E6 of Table 5.

    Args:
        encoder: a copy of whose network is trained.
        others: see `AdapterLearner`.
    """

    def __init__(self, *others: object, encoder: Beit3) -> None:
        super().__init__(*others)  # type: ignore[arg-type]
        self.encoder = _copy(encoder)
        self.encoder.network.requires_grad_(True).float()
        self.optimizer.add_param_group(
            {"params": list(self.encoder.network.parameters()), "weight_decay": 0.05}
        )
        self.features = _Reading(self.features, self.encoder)

    def keep(self, folder: Path) -> None:
        """Write adapter and encoder."""
        save_adapter(self.adapter, folder)
        state = {key: value.contiguous() for key, value in self._network.state_dict().items()}
        write_bytes(folder / THAWED, save(state), overwrite=True)

    @property
    def _network(self) -> nn.Module:
        return self.encoder.network

    def parts(self) -> dict[str, object]:  # type: ignore[override]
        """See `AdapterLearner.parts`; the encoder as well."""
        return {**super().parts(), "encoder": self._network}

    def _apply(self, rate: float) -> float:
        """The encoder's gradient is clipped by the same norm as the adapter's."""
        nn.utils.clip_grad_norm_(self._network.parameters(), self.config.clip)
        return super()._apply(rate)


class _Reading(Features):
    """Features whose vectors are read anew each time, so that gradients reach the encoder."""

    def __init__(self, kept: Features, encoder: Beit3) -> None:
        super().__init__(kept.networks, kept.caching)
        self._encoder = encoder

    def vectors(self, picture: PictureFile, texts: Sequence[str]) -> Tensor:
        """(N, D) float32 for N texts, with gradients."""
        encoder = self._encoder
        assert encoder.tokenizer is not None
        tokens, padding = encoder.tokenizer(list(texts))
        pixels = encoder.prepare(picture.pixels())
        vectors: Tensor = encoder.network(
            pixels, tokens.to(encoder.device), padding.to(encoder.device)
        )
        return vectors[:, 0].float()


def _copy(encoder: Beit3) -> Beit3:
    """A BEiT-3 of its own."""
    return Beit3(deepcopy(encoder.network), encoder.tokenizer, encoder.name, encoder.fingerprint)


def _thawed_copy(encoder: Beit3, weights: Path) -> Beit3:
    copied = _copy(encoder)
    copied.network.float().load_state_dict(load_file(weights))
    copied.fingerprint = f"{encoder.fingerprint}, trained"
    return copied
