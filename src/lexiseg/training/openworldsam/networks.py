"""The frozen networks around an adapter, and what they make of pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.openworldsam import Adapter
from lexiseg.models.sam.segmenter import Segmenter, join_candidates
from lexiseg.types import Candidates, ImageEmbedding


class Pairing(Protocol):
    """Gives one vector for a picture and a text: BEiT-3, or a slot's other encoder."""

    name: str
    fingerprint: str

    @property
    def width(self) -> int:
        """Length of the vectors."""

    def prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """What it needs of an (H, W, 3) uint8 RGB picture."""

    def pair_features(self, pixels: Tensor | None, texts: Sequence[str]) -> Tensor:
        """(N, D) float32, one vector for the picture with each of N texts."""


@dataclass(frozen=True)
class FrozenNetworks:
    """SAM 2 and an encoder of pictures with texts; neither learns.

    Attributes:
        segmenter: of SAM 2's kind.
        pairs: gives a vector for a picture and a text.
    """

    segmenter: Segmenter
    pairs: Pairing

    def __post_init__(self) -> None:
        """Refuse segmenters that pad pictures, as the truth is laid on the whole frame.

        Raises:
            UsageError: not of SAM 2's kind.
        """
        if self.segmenter.preprocessing.keep_aspect:
            raise UsageError(
                f"Segmenter {self.segmenter.name!r} pads pictures to squares; an adapter is "
                "trained on SAM 2, which stretches them."
            )

    @property
    def width(self) -> int:
        """Of the mask decoder's tokens."""
        return self.segmenter.prompts.no_mask.shape[0]

    @property
    def device(self) -> torch.device:
        """Where SAM 2 runs."""
        return self.segmenter.device

    def fingerprints(self) -> dict[str, str]:
        """Name and sha256 of both."""
        sam, pairs = self.segmenter, self.pairs
        return {
            "sam2": f"{sam.name} {sam.fingerprint}",
            "encoder": f"{pairs.name} {pairs.fingerprint}",
        }

    def embed(self, image: NDArray[np.uint8]) -> ImageEmbedding:
        """SAM 2's features of an (H, W, 3) uint8 RGB picture."""
        return self.segmenter.encode(image)

    @torch.no_grad()
    def vectors(self, image: NDArray[np.uint8], texts: Sequence[str]) -> Tensor:
        """(N, D) float32 for a picture and N texts."""
        vectors = self.pairs.pair_features(self.pairs.prepare(image), texts)
        return vectors.clone()  # of inference mode, with which nothing can learn


@dataclass(frozen=True)
class QueryAnswers:
    """What SAM 2 draws for the K queries of each of P texts.

    Attributes:
        logits: (P, K, h, w) float32 masks over the whole picture.
        scores: (P, K) float32 predicted IoU.
        object_logits: (P, K) float32, of there being an object; None from decoders that do not say.
    """

    logits: Tensor
    scores: Tensor
    object_logits: Tensor | None


def answer(
    adapter: Adapter,
    segmenter: Segmenter,
    embedding: ImageEmbedding,
    vectors: Tensor,
    fallback: bool,
) -> QueryAnswers:
    """Ask P texts of a picture; gradients reach the adapter through the frozen decoder.

    Args:
        adapter: on the segmenter's device.
        segmenter: of SAM 2's kind.
        embedding: of the picture.
        vectors: (P, D) one for each text.
        fallback: an unstable mask gives way to a better one: as at inference, not in training.
    """
    picture = embedding.maps[-1].flatten(2).transpose(1, 2).float()
    scope = adapter.config.scope
    queries = adapter(vectors.to(picture.device), picture, scope)
    tokens = queries.tokens(adapter.config.layout, scope)
    drawn = join_candidates(list(segmenter.predict_tokens(embedding, tokens, fallback=fallback)))
    return _by_text(drawn, len(vectors))


def _by_text(drawn: Candidates, texts: int) -> QueryAnswers:
    objects = drawn.object_logits
    return QueryAnswers(
        torch.unflatten(drawn.logits[:, 0].float(), 0, (texts, -1)),
        torch.unflatten(drawn.scores[:, 0], 0, (texts, -1)),
        None if objects is None else torch.unflatten(objects[:, 0], 0, (texts, -1)),
    )
