"""What exchangeable parts must offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.types.dense import DenseFeatures
from lexiseg.types.recipe import Recipe
from lexiseg.types.result import Result
from lexiseg.types.rle import Mask
from lexiseg.types.segmenter import Candidates, ImageEmbedding
from lexiseg.types.vocabulary import Names

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

ImageSource: TypeAlias = (
    "str | PathLike[str] | bytes | bytearray | memoryview | NDArray[np.generic] | Image.Image"
)
"""What `lexiseg.io.image.read_image` takes."""

Prompt: TypeAlias = "Tensor | NDArray[np.generic] | Sequence[object]"
"""Points, labels, boxes or masks for a promptable segmenter, with one entry per prompt."""

Task: TypeAlias = Literal["semantic", "instances", "self-named"]
"""What a method answers: a name per pixel, single objects, or segments that it names itself."""

Verb: TypeAlias = Literal["segment", "refer", "label", "video"]
"""How a method may be asked."""

SentenceProtocol: TypeAlias = Literal["per-sentence", "ensemble"]
"""Each sentence has a region of its own, or all of them describe one object."""

CALLS = ("load", "recipe", "configured", "encode")  # of every method, beside its verbs


@runtime_checkable
class EncodedImage(Protocol):
    """What a method knows of an image before it is asked anything."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB as given."""
        ...

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        ...


@runtime_checkable
class Method(Protocol):
    """A segmentation system: the slow half once per image, the fast half per question.

    What it answers and how it may be asked is declared, never guessed. `lexiseg.methods.base` has
    everything of this but what makes a system that system.
    """

    @property
    def name(self) -> str:
        """Its name in `lexiseg.registry.METHODS`."""
        ...

    @property
    def task(self) -> Task:
        """What an answer is: a name for every pixel, single objects, or segments with names."""
        ...

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """Which of the calls below it answers; the others raise UsageError."""
        ...

    @property
    def takes_stuff(self) -> bool:
        """Whether it has an option ``stuff``, names that are amorphous regions."""
        ...

    def recipe(self) -> Recipe:
        """Everything that will decide its answers; no image is needed."""
        ...

    def configured(self, **options: object) -> Method:
        """The same weights under other settings."""
        ...

    def encode(self, image: ImageSource) -> EncodedImage:
        """Read an image and compute what no question changes."""
        ...

    def segment(self, image: ImageSource | EncodedImage, names: Names) -> Result:
        """Find the named things in a scene, or in an image that is encoded first."""
        ...

    def refer(
        self,
        image: ImageSource | EncodedImage,
        sentences: str | Sequence[str],
        protocol: SentenceProtocol = "per-sentence",
    ) -> Result:
        """Find what sentences describe."""
        ...

    def label(self, image: ImageSource | EncodedImage) -> Result:
        """Name the segments of a scene, or of an image that is encoded first."""
        ...

    def video(
        self,
        frames: Iterable[ImageSource],
        names: Names,
        *,
        smoothing: float | None = None,
        refer: bool = False,
    ) -> Iterator[Result]:
        """Answer frame by frame."""
        ...


@runtime_checkable
class BatchMethod(Protocol):
    """A method that can encode several images in one pass."""

    def encode_many(self, images: Sequence[ImageSource]) -> Sequence[EncodedImage]:
        """Scenes of images, in their order."""
        ...


def require_method(name: str, kind: object) -> None:
    """Check that what is registered as a method is one.

    Args:
        name: that it is registered under.
        kind: the class.

    Raises:
        UsageError: it lacks something; the message says what.
    """
    verbs = getattr(kind, "verbs", ())
    declared = [f"{verb}()" for verb in verbs if not callable(getattr(kind, verb, None))]
    calls = [call for call in CALLS if not callable(getattr(kind, call, None))]
    facts = [fact for fact in ("name", "takes_stuff") if not hasattr(kind, fact)]
    unknown = [str(verb) for verb in verbs if verb not in get_args(Verb)]
    if getattr(kind, "task", None) not in get_args(Task):
        facts.append(f"task (one of {', '.join(get_args(Task))})")
    if not verbs or unknown:
        facts.append(f"verbs (some of {', '.join(get_args(Verb))})")
    lacking = [*facts, *(f"{call}()" for call in calls), *declared]
    if lacking:
        raise UsageError(
            f"Method {name!r} cannot be used: its class {getattr(kind, '__name__', kind)} lacks "
            f"{', '.join(lacking)}; derive it from lexiseg.methods.base.BaseMethod, or add them."
        )
    if kind.name != name:  # type: ignore[attr-defined]
        raise UsageError(
            f"Method {name!r} calls itself {kind.name!r}; register it under "  # type: ignore[attr-defined]
            "the name that its recipes will carry."
        )


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
        points: Prompt | None = None,
        labels: Prompt | None = None,
        boxes: Prompt | None = None,
        masks: Prompt | None = None,
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
        points: Prompt | None = None,
        labels: Prompt | None = None,
        boxes: Prompt | None = None,
        masks: Prompt | None = None,
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
