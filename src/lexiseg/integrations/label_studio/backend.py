"""Answers to Label Studio: its tasks and prompts in, its regions out."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
import torch

from lexiseg.errors import LexisegError, UsageError
from lexiseg.integrations.label_studio.interface import LabelingInterface
from lexiseg.integrations.label_studio.pictures import TaskPictures
from lexiseg.integrations.label_studio.prompts import (
    DrawnPrompt,
    Entry,
    drawn_prompts,
    typed_text,
)
from lexiseg.io.image import read_image
from lexiseg.io.label_studio_writer import PRESENCE, mean_score, region_entry, verdict_entries
from lexiseg.types import (
    EncodedImage,
    ImageEmbedding,
    Instance,
    Mask,
    Method,
    PromptableSegmenter,
    Result,
    Vocabulary,
)

ValueT = TypeVar("ValueT")
_KEPT = 4  # pictures: prompts follow each other on one


@dataclass
class Recent(Generic[ValueT]):
    """The last few values, by key."""

    make: Callable[[bytes], ValueT]
    _kept: OrderedDict[str, ValueT] = field(default_factory=OrderedDict)

    def of(self, content: bytes) -> ValueT:
        """What `make` gives for a content, kept from an earlier call if it is recent."""
        key = hashlib.sha256(content).hexdigest()
        value = self._kept.pop(key) if key in self._kept else self.make(content)
        self._kept[key] = value
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return value


class LabelStudioBackend:
    """A method, and a promptable segmenter for what people draw, behind Label Studio's requests.

    One request is answered at a time. The last pictures stay encoded, so that a prompt on one of
    them costs the fast half only.

    Args:
        method: asked for labels and typed names.
        load_segmenter: gives what answers points and boxes, once one is drawn.
        pictures: where pictures come from.
    """

    def __init__(
        self,
        method: Method,
        load_segmenter: Callable[[], PromptableSegmenter],
        pictures: TaskPictures,
    ) -> None:
        self.pictures = pictures
        self._method, self._load = method, load_segmenter
        self._segmenter: PromptableSegmenter | None = None
        self._scenes = Recent[EncodedImage](lambda content: method.encode(content))
        self._embeddings = Recent[ImageEmbedding](self._embed)
        self._lock = Lock()
        recipe = method.recipe()
        digest = hashlib.sha256(json.dumps(recipe.to_json(), sort_keys=True).encode()).hexdigest()
        self.version = f"lexiseg {recipe.method}/{recipe.preset} {digest[:8]}"

    def predict(
        self, tasks: Sequence[Entry], label_config: str, context: Entry | None = None
    ) -> list[dict[str, object]]:
        """One prediction per task.

        A task whose picture cannot be had gets an ``error`` in place of a ``result``, which the
        program logs without storing a prediction.

        Args:
            tasks: as the program sends them.
            label_config: the XML of the project's labelling interface.
            context: what was drawn or typed; None asks for all labels of the interface.

        Raises:
            UsageError: the interface has nothing to draw with, or the context is malformed.
        """
        interface = LabelingInterface.parse(label_config)
        with self._lock:
            return [self._prediction(task, interface, context or {}) for task in tasks]

    def _prediction(
        self, task: Entry, interface: LabelingInterface, context: Entry
    ) -> dict[str, object]:
        try:
            return self._answer(_content(task, interface, self.pictures), interface, context)
        except LexisegError as error:
            if context.get("result"):  # somebody waits for the answer
                raise
            return {"error": str(error), "model_version": self.version}

    def _answer(
        self, content: bytes, interface: LabelingInterface, context: Entry
    ) -> dict[str, object]:
        told = ""
        asked: Vocabulary | None = interface.vocabulary
        if text := typed_text(context):
            asked, told = interface.asked_by(text)
        elif prompts := drawn_prompts(context, read_image(content).shape[:2]):
            items = [self._cut_out(content, prompt, interface) for prompt in prompts]
            return self._entry([item for item in items if item.mask.area], interface, {})
        if asked is None:
            return self._entry([], interface, {"note": told})
        result = self._method.segment(self._scenes.of(content), asked)
        return self._entry(result.instances.items, interface, _meta(result, told))

    def _entry(
        self, items: Sequence[Instance], interface: LabelingInterface, meta: Mapping[str, object]
    ) -> dict[str, object]:
        drawn = [item for item in items if item.mask.area]
        return {
            "result": [
                region_entry(item, interface.control, uuid.uuid4().hex[:10]) for item in drawn
            ],
            "score": mean_score(drawn),
            "model_version": self.version,
            "meta": dict(meta),
        }

    def _embed(self, content: bytes) -> ImageEmbedding:
        if self._segmenter is None:
            self._segmenter = self._load()
        return self._segmenter.encode(read_image(content))

    def _cut_out(
        self, content: bytes, prompt: DrawnPrompt, interface: LabelingInterface
    ) -> Instance:
        """The object of one prompt: the candidate that the segmenter itself is surest of."""
        embedding = self._embeddings.of(content)
        assert self._segmenter is not None  # it has just embedded the picture
        candidates = self._segmenter.predict(
            embedding,
            points=[prompt.points] if prompt.points else None,
            labels=[[int(inside) for inside in prompt.inside]] if prompt.points else None,
            boxes=[prompt.box] if prompt.box else None,
            multimask=prompt.box is None and len(prompt.points) == 1,
        )
        best = int(candidates.scores[0].argmax())
        logits = self._segmenter.full_size(candidates.logits[:, best], embedding)[0]
        score = float(np.clip(float(candidates.scores[0, best]), 0, 1))
        pixels = (logits > 0).to(torch.bool).cpu().numpy()
        return Instance(interface.label_of(prompt.label), score, Mask.from_array(pixels))


def _content(task: Entry, interface: LabelingInterface, pictures: TaskPictures) -> bytes:
    data = task.get("data")
    named = data.get(interface.picture) if isinstance(data, dict) else None
    if not isinstance(named, str) or not named:
        raise UsageError(
            f"Task {task.get('id', '?')} has no picture under {interface.picture!r}; its data and "
            "the labelling interface must use the same name."
        )
    return pictures.read(named)


def _meta(result: Result, told: str) -> dict[str, object]:
    note = {"note": told} if told else {}
    return {PRESENCE: verdict_entries(result.presence.values()), **note}
