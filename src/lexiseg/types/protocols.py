"""What exchangeable parts must offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lexiseg.types.dense import DenseFeatures
from lexiseg.types.result import Result
from lexiseg.types.rle import Mask
from lexiseg.types.segmenter import Candidates, ImageEmbedding
from lexiseg.types.vocabulary import Names

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@runtime_checkable
class Method(Protocol):
    """A segmentation system: the slow half once per image, the fast half per vocabulary."""

    def encode(self, image: Any) -> Any:
        """Read an image (path, (H, W, 3) uint8 array or Pillow image) and compute its scene."""
        ...

    def segment(self, scene: Any, names: Names) -> Result:
        """Find the named things in a scene, or in an image that is encoded first."""
        ...


@runtime_checkable
class Labeler(Protocol):
    """A segmentation system that needs no names: it says itself what it sees."""

    def encode(self, image: Any) -> Any:
        """Read an image (path, (H, W, 3) uint8 array or Pillow image) and compute its scene."""
        ...

    def label(self, scene: Any) -> Result:
        """Name the segments of a scene, or of an image that is encoded first."""
        ...


@runtime_checkable
class MaskProposer(Protocol):
    """Anything that cuts an image into class-agnostic masks without being told where."""

    def propose_masks(self, image: NDArray[np.uint8]) -> list[Mask]:
        """Every mask the model finds in an (H, W, 3) uint8 RGB image, at image size."""
        ...


@runtime_checkable
class PromptableSegmenter(Protocol):
    """A class-agnostic mask model that answers points, boxes and masks, such as SAM."""

    def encode(self, image: NDArray[np.uint8]) -> ImageEmbedding:
        """Compute once per (H, W, 3) uint8 RGB image what no prompt changes."""
        ...

    def predict(
        self,
        embedding: ImageEmbedding,
        *,
        points: Any = None,
        labels: Any = None,
        boxes: Any = None,
        masks: Any = None,
        multimask: bool = True,
    ) -> Candidates:
        """Masks of P prompts; each given argument holds one entry per prompt.

        Args:
            embedding: what `encode` returned.
            points: (P, k, 2) float, x and y in image pixels.
            labels: (P, k) int, 1 inside the object and 0 outside; None for all inside.
            boxes: (P, 4) float, left, top, right, bottom in image pixels.
            masks: (P, h, w) float, logits of an earlier answer.
            multimask: three candidates for each prompt rather than one.
        """
        ...

    def predict_chunks(
        self,
        embedding: ImageEmbedding,
        *,
        points: Any = None,
        labels: Any = None,
        boxes: Any = None,
        masks: Any = None,
        multimask: bool = True,
    ) -> Iterator[Candidates]:
        """The same as `predict` in consecutive pieces of bounded size, for many prompts."""
        ...

    def full_size(self, logits: Tensor, embedding: ImageEmbedding) -> Tensor:
        """Bring logits (..., h, w) to the size of the image by the family's own rule."""
        ...


@runtime_checkable
class DenseScorer(Protocol):
    """Turns texts into score maps; the slow half knows no text."""

    @property
    def input_size(self) -> int:
        """Native side of the square input in pixels."""
        ...

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        ...

    @property
    def device(self) -> torch.device:
        """Where pixels and texts are expected."""
        ...

    def normalize(self, images: Tensor) -> Tensor:
        """Pixels as the network wants them, of images (B, 3, H, W) float in [0, 1]."""
        ...

    def encode(self, pixels: Tensor) -> DenseFeatures:
        """Features of normalized pixels (B, 3, H, W); H and W need not be equal."""
        ...

    def score(self, features: DenseFeatures, texts: Tensor) -> Tensor:
        """Scores (B, rows, columns, C) of unit text features (C, E)."""
        ...

    def embed_texts(self, names: Sequence[str]) -> Tensor:
        """Unit text features (C, E), one per name, through the method's own templates."""
        ...


@runtime_checkable
class SelfSupervisedEncoder(Protocol):
    """Describes every patch of a picture and knows no words, such as DINO."""

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        ...

    def describe_patches(
        self,
        image: NDArray[np.uint8],
        stride: int | None = None,
        facet: Literal["query", "key", "value"] = "key",
    ) -> Tensor:
        """Features (rows, columns, D) float32 of an (H, W, 3) uint8 RGB picture.

        Args:
            image: at least one patch high and wide.
            stride: pixels from patch to patch, a divisor of the patch size, which is the default.
            facet: what of the last attention describes a patch.
        """
        ...
