"""Oracle (a): true masks, named by an encoder that sees dense features (Section 3, Table 1).

Every true segment is given as a mask without a class. The features of a picture are averaged inside
of it, and the class whose text is nearest wins. As the masks are the true ones, what quality is
lost is lost by the encoder.

Convolutional CLIPs pool their last feature map and then apply their visual head, as FC-CLIP does;
transformers keep every patch's value in the last block (MaskCLIP).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lexiseg.analysis.oracles.case import Case, CaseMap
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.analysis.oracles.classification import with_merged_stuff
from lexiseg.analysis.oracles.inputs.cases import CaseKey, CaseTruth
from lexiseg.errors import UsageError
from lexiseg.io.image import read_image, shown
from lexiseg.models.bundled import bundled_or_given
from lexiseg.models.clip import Clip
from lexiseg.models.conv_clip import ConvClip
from lexiseg.models.conv_clip.saving import MODEL_TYPE
from lexiseg.models.hub import checkpoints
from lexiseg.models.image_text import load_image_text
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.siglip import Siglip
from lexiseg.scorers.maskclip import MaskClip

Wording = Literal["ensemble", "single"]
CONVOLUTIONAL = "convnext:"
STRIDE = 32  # of the last feature map of a convolutional CLIP
_SIZES = ("small", "medium", "large")
TEMPLATES: Mapping[Wording, tuple[str, ...]] = MappingProxyType(
    {
        "single": ("a photo of a {}.",),
        "ensemble": (
            "a photo of a {}.",
            "This is a photo of a {}",
            "There is a {} in the scene",
            "There is the {} in the scene",
            "a photo of a {} in the scene",
            *(f"a photo of a {size} {{}}." for size in _SIZES),
            *(f"This is a photo of a {size} {{}}." for size in _SIZES),
            *(f"There is a {size} {{}} in the scene." for size in _SIZES),
        ),
    }
)
"""The sentence of the paper's text, and FC-CLIP's fourteen."""


@dataclass(frozen=True)
class PictureSize:
    """At which size a picture is looked at.

    Args:
        side: pixels of the longer side, or of the shorter one.
        cap: with it `side` is the shorter side, and the longer one is at most this.
        square: the picture is stretched to ``side x side``, as the table's heads may be read.
    """

    side: int
    cap: int | None = None
    square: bool = False

    def of(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """(height, width) for a picture.

        Example:
            >>> PictureSize(800, 1333).of((480, 640)), PictureSize(512).of((480, 640))
            ((800, 1067), (384, 512))
        """
        if self.square:
            return (self.side, self.side)
        short, long = min(size_hw), max(size_hw)
        scale = self.side / (long if self.cap is None else short)
        if self.cap is not None and long * scale > self.cap:
            scale = self.cap / long
        return (max(1, int(size_hw[0] * scale + 0.5)), max(1, int(size_hw[1] * scale + 0.5)))


SIZES: Mapping[str, PictureSize] = MappingProxyType(
    {
        "512": PictureSize(512),
        "640": PictureSize(640),
        "800x1333": PictureSize(800, 1333),
        "512x512": PictureSize(512, square=True),
        "640x640": PictureSize(640, square=True),
    }
)
"""The columns of Table 1 as its text reads, and the first two as its heads may be read."""


@dataclass(frozen=True)
class Regions:
    """Features of true segments.

    Args:
        features: (G, E) float32, not normalized.
        fell_back: masks that hold no cell of the grid; their cells weigh by the area they cover.
    """

    features: Tensor
    fell_back: int


class RegionEncoder(Protocol):
    """What sees a picture densely and reads texts."""

    def regions(
        self, image: NDArray[np.uint8], masks: NDArray[np.bool_], size: PictureSize
    ) -> Regions:
        """Features of masks (G, H, W) of a picture (H, W, 3)."""
        ...

    def texts(self, texts: Sequence[str]) -> Tensor:
        """(N, E) float32 features of texts, not normalized."""
        ...


@dataclass(frozen=True)
class PatchEncoder:
    """A transformer, CLIP or SigLIP, by its patches' values."""

    clip: Clip | Siglip

    @torch.no_grad()
    def regions(
        self, image: NDArray[np.uint8], masks: NDArray[np.bool_], size: PictureSize
    ) -> Regions:
        """See `RegionEncoder`; patches have unit length before they are averaged."""
        scorer = MaskClip(self.clip)
        pixels, content = _prepared(image, size, scorer.patch_size, self.clip)
        patches = scorer.encode(pixels.to(scorer.device, scorer.dtype)).patches[0].float().cpu()
        grid = (patches.shape[0], patches.shape[1])
        weights, fell_back = grid_weights(masks, content, _hw(pixels), grid)
        return Regions(weights @ patches.flatten(0, 1), fell_back)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See `RegionEncoder`."""
        return self.clip.text_features(texts).float().cpu()


@dataclass(frozen=True)
class ConvEncoder:
    """A convolutional CLIP: features are pooled first, then go through the visual head.

    A mask too small for the grid takes every cell it touches alike.
    """

    clip: ConvClip

    @torch.no_grad()
    def regions(
        self, image: NDArray[np.uint8], masks: NDArray[np.bool_], size: PictureSize
    ) -> Regions:
        """See `RegionEncoder`."""
        pixels, content = _prepared(image, size, STRIDE, self.clip)
        dense = self.clip.visual.levels(pixels.to(self.clip.device, self.clip.dtype))[-1]
        grid = (dense.shape[2], dense.shape[3])
        weights, fell_back = grid_weights(masks, content, _hw(pixels), grid)
        inside = (weights > 0).to(dense).reshape(1, -1, *grid) - 0.5
        seen = self.clip.visual.embed_masks(dense, inside)[0]
        return Regions(seen.float().cpu(), fell_back)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """See `RegionEncoder`."""
        return self.clip.text_features(texts).float().cpu()


def class_texts(
    encoder: RegionEncoder, classes: CaseClasses, wording: Wording = "ensemble"
) -> tuple[Tensor, NDArray[np.int64]]:
    """One unit feature per synonym, averaged over sentences, and the class of each.

    Args:
        encoder: reads them.
        classes: with their synonyms.
        wording: one sentence or fourteen.
    """
    pairs = [(word, place) for place, words in enumerate(classes.synonyms) for word in words]
    templates = TEMPLATES[wording]
    sentences = [template.format(word) for word, _ in pairs for template in templates]
    features = F.normalize(encoder.texts(sentences), dim=-1)
    means = features.view(len(pairs), len(templates), -1).mean(dim=1)
    return F.normalize(means, dim=-1), np.array([place for _, place in pairs], dtype=np.int64)


def with_seen_names(
    case: Case,
    image: NDArray[np.uint8],
    encoder: RegionEncoder,
    texts: tuple[Tensor, NDArray[np.int64]],
    size: PictureSize,
    is_thing: NDArray[np.bool_],
) -> tuple[CaseMap, int]:
    """The true segments of a picture with the names that an encoder gives them.

    Args:
        case: the picture; only its truth counts.
        image: (H, W, 3) uint8 RGB.
        encoder: names them.
        texts: of `class_texts`; a class has the cosine of its best text.
        size: at which the picture is looked at.
        is_thing: (C,) bool; stuff that gets one name is one segment.

    Returns:
        The map, and how many masks were too small for the grid.
    """
    shown = [s for s in case.truth.segments if (case.truth.ids == s.id).any()]
    if not shown:
        return CaseMap(case.truth.ids, ()), 0
    regions = encoder.regions(image, case.truth.masks(shown), size)
    rows, owner = texts
    nearest = (F.normalize(regions.features, dim=-1) @ rows.T).argmax(dim=1)
    named = tuple(
        replace(segment, class_index=int(owner[row]))
        for segment, row in zip(shown, nearest.tolist(), strict=True)
    )
    return with_merged_stuff(CaseMap(case.truth.ids, named), is_thing), regions.fell_back


def grid_weights(
    masks: NDArray[np.bool_],
    content_hw: tuple[int, int],
    padded_hw: tuple[int, int],
    grid_hw: tuple[int, int],
) -> tuple[Tensor, int]:
    """How much each cell of a grid counts for each mask; the weights of a mask sum to 1.

    Masks are scaled to the grid and cut at one half; one that leaves no cell weighs cells by the
    area it covers, where FC-CLIP would take a vector of zeros.

    Args:
        masks: (G, H, W).
        content_hw: size of the picture in the padded input.
        padded_hw: of the input.
        grid_hw: of the cells that cover the input.

    Returns:
        (G, cells) float32, and the number of masks that left none.
    """
    whole = torch.from_numpy(masks)[:, None].float()
    inside = F.interpolate(whole, content_hw, mode="area")
    inside = F.pad(inside, (0, padded_hw[1] - content_hw[1], 0, padded_hw[0] - content_hw[0]))
    covered = F.interpolate(inside, grid_hw, mode="area").flatten(1)
    cells = F.interpolate(inside, grid_hw, mode="bilinear", align_corners=False).flatten(1)
    hard = (cells >= 0.5).float()
    empty = hard.sum(dim=1) == 0
    weights = torch.where(empty[:, None], covered, hard)
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-12), int(empty.sum())


def _prepared(
    image: NDArray[np.uint8], size: PictureSize, cell: int, clip: Clip | Siglip | ConvClip
) -> tuple[Tensor, tuple[int, int]]:
    """Normalized pixels (1, 3, h, w), padded with zeros to whole cells, and the picture's size."""
    height, width = size.of((image.shape[0], image.shape[1]))
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    pixels = clip.preprocessing.normalize(np.asarray(resized))
    return F.pad(pixels, (0, -width % cell, 0, -height % cell)), (height, width)


def _hw(pixels: Tensor) -> tuple[int, int]:
    return (pixels.shape[2], pixels.shape[3])


def load_encoder(source: str, device: str = "auto", dtype: str = "auto") -> RegionEncoder:
    """An encoder by name.

    Args:
        source: known or bundled name, hub id, folder or file of a CLIP or SigLIP; of a
            convolutional CLIP a known or bundled name, a folder that lexiseg wrote, or
            ``convnext:`` before any other folder or file.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.

    Raises:
        WeightsNotFoundError: the weights are not on this machine.
        CheckpointError: they do not fit.
    """
    if source.startswith(CONVOLUTIONAL) or _is_convolutional(source):
        return ConvEncoder(ConvClip.load(source.removeprefix(CONVOLUTIONAL), device, dtype))
    return PatchEncoder(load_image_text(source, device, dtype))


def _is_convolutional(source: str) -> bool:
    """Whether a name is known to stand for a convolutional CLIP, or a folder says so."""
    known, place = checkpoints().get(source), Path(bundled_or_given(source))
    if known is not None or not (place / CONFIG).is_file():
        return known is not None and known.network == "conv-clip"
    return read_config(place).get("model_type") == MODEL_TYPE


@dataclass(frozen=True)
class NamedTruth:
    """An encoder's names for the true masks, as the answers of a study.

    Args:
        truth: its masks.
        classes: with their synonyms.
        encoder: names them.
        size: at which pictures are looked at.
        wording: of the texts.
    """

    truth: CaseTruth
    classes: CaseClasses
    encoder: RegionEncoder
    size: PictureSize
    wording: Wording = "ensemble"

    def __call__(self, key: CaseKey, truth: CaseMap) -> CaseMap:
        """The named segments of a picture.

        Raises:
            UsageError: the picture is not found, or has another size than its truth.
        """
        path = self.truth.picture_of(key)
        if path is None:
            raise UsageError(
                f"The picture of {key.name} is not found; expected it beside the truth, in a "
                "folder images, or where --images says."
            )
        image = read_image(path)
        if image.shape[:2] != truth.size_hw:
            raise UsageError(
                f"{shown(path)} is {image.shape[1]}x{image.shape[0]} pixels, but its truth "
                f"{truth.size_hw[1]}x{truth.size_hw[0]}; expected the same size."
            )
        case = Case(key.name, truth, truth)
        found, fell_back = with_seen_names(
            case, image, self.encoder, self._texts, self.size, self.classes.things
        )
        return replace(found, fell_back=fell_back)

    @cached_property
    def _texts(self) -> tuple[Tensor, NDArray[np.int64]]:
        return class_texts(self.encoder, self.classes, self.wording)
