"""Grounding DINO (Liu et al. 2023): one text of many phrases, boxes tied to its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from lexiseg.errors import WeightsNotFoundError
from lexiseg.models.clip import Preprocessing
from lexiseg.models.detectors.boxes import Detections, corners
from lexiseg.models.huggingface import Architecture, Published, PublishedModel
from lexiseg.models.tokenizer_files import read_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# ImageNet's statistics and the size the authors test at, where the preprocessor file is silent.
SHORT_SIDE, LONG_SIDE = 800, 1333
STATISTICS = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
SEPARATORS = ".?"  # end a phrase inside the text
# Maps with their masks, and the positions of each.
Levels = tuple[list[tuple[Tensor, Tensor]], list[Tensor]]


@dataclass(frozen=True)
class BackboneFeatures:
    """What the network knows of an image before any word.

    Attributes:
        pixels: (1, 3, h, w) normalized.
        levels: the backbone's maps and their positions.
        image_hw: pixels of the image itself.
    """

    pixels: Tensor
    levels: Levels
    image_hw: tuple[int, int]


class _Recalling(nn.Module):
    """The backbone, which can be given its answer: words only come in behind it."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.position_embedding = backbone.position_embedding
        self._recalled: Levels | None = None

    def forward(self, pixels: Tensor, mask: Tensor) -> Levels:
        """The recalled answer, or else the backbone's."""
        if self._recalled is None:
            answer: Levels = self.backbone(pixels, mask)
            return answer
        maps, positions = self._recalled
        return list(maps), list(positions)  # the network appends to them

    @contextmanager
    def recall(self, levels: Levels) -> Iterator[None]:
        """Answer with these levels inside the block."""
        self._recalled = levels
        try:
            yield
        finally:
            self._recalled = None


class GroundingDino(PublishedModel):
    """Boxes for any number of phrases.

    Words and image are mixed from the encoder on, so every text costs a pass of encoder and
    decoder; the backbone runs once per image. More phrases than a text has room for are asked in
    several texts. It computes in float32: 16 bits would move boxes by several pixels.

    Args:
        published: the filled network and its folder.
    """

    architectures = (
        Architecture(
            "Grounding DINO", "grounding-dino", "grounding_dino", "GroundingDinoForObjectDetection"
        ),
    )

    def __init__(self, published: Published) -> None:
        super().__init__(published)
        self.backbone = _Recalling(self.network.model.backbone)
        self.network.model.backbone = self.backbone
        settings = published.side_file("preprocessor_config.json")
        size = settings.get("size") or {}
        self.short_side = int(size.get("shortest_edge", SHORT_SIDE))
        self.long_side = int(size.get("longest_edge", LONG_SIDE))
        self.statistics = Preprocessing.from_huggingface({**STATISTICS, **settings}, 0)
        self._tokenizer = _read_tokenizer(published.folder)

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8]) -> BackboneFeatures:
        """Run the backbone on an (H, W, 3) uint8 RGB image."""
        height, width = fit_sides(image.shape[:2], self.short_side, self.long_side)
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        pixels = self.statistics.normalize(np.asarray(resized)).to(self.device)
        mask = torch.ones(1, height, width, dtype=torch.long, device=self.device)
        maps, positions = self.backbone(pixels, mask)
        return BackboneFeatures(pixels, (maps, positions), (image.shape[0], image.shape[1]))

    @torch.no_grad()
    def detect(
        self,
        seen: BackboneFeatures,
        phrases: Sequence[str],
        min_score: float = 0.25,
        min_word_score: float = 0.25,
    ) -> Detections:
        """Boxes of phrases.

        A box has the score of the word it answers most, and the phrase of which a word comes next
        to it.

        Args:
            seen: what `encode` returned.
            phrases: T texts.
            min_score: boxes must score above it (the authors' box threshold).
            min_word_score: so must the best word of the box's phrase (their text threshold).
        """
        words = [self._words(phrase) for phrase in phrases]
        room = int(self.network.config.max_text_len) - 2
        groups = pack_phrases([len(ids) + 1 for ids in words], room)
        parts = [
            self._ask(seen, [words[n] for n in group], min_score, min_word_score)
            for group in groups
        ]
        return Detections.concatenate(parts)

    def _words(self, phrase: str) -> list[int]:
        """Token ids of a phrase, cut to what one text can hold."""
        plain = phrase.lower().translate(str.maketrans(SEPARATORS, " " * len(SEPARATORS)))
        ids: list[int] = self._tokenizer(plain, add_special_tokens=False)["input_ids"]
        return ids[: int(self.network.config.max_text_len) - 3]

    def _ask(
        self,
        seen: BackboneFeatures,
        phrases: Sequence[Sequence[int]],
        min_score: float,
        min_word_score: float,
    ) -> Detections:
        ids, owner = self._text(phrases)
        with self.backbone.recall(seen.levels):
            found = self.network(pixel_values=seen.pixels, input_ids=ids)
        shares = found.logits[0].sigmoid().cpu()[:, : len(owner)]
        by_phrase = shares.new_zeros(len(shares), len(phrases))
        inside = owner >= 0
        by_phrase.scatter_reduce_(
            1, owner[inside].expand(len(shares), -1), shares[:, inside], "amax"
        )
        score, (word_score, phrase) = shares.amax(dim=1), by_phrase.max(dim=1)
        kept = (score > min_score) & (word_score > min_word_score)
        height, width = seen.image_hw
        boxes = corners(found.pred_boxes[0].cpu()) * torch.tensor([width, height, width, height])
        return Detections(boxes[kept], score[kept], phrase[kept], by_phrase.amax(dim=0))

    def _text(self, phrases: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids (1, L) of "[CLS] one . two . [SEP]" and (L,) the phrase of each token, else -1."""
        tokenizer = self._tokenizer
        stop = tokenizer.convert_tokens_to_ids(".")
        ids, owner = [tokenizer.cls_token_id], [-1]
        for number, words in enumerate(phrases):
            ids += [*words, stop]
            owner += [number] * len(words) + [-1]
        ids.append(tokenizer.sep_token_id)
        owner.append(-1)
        return torch.tensor([ids], device=self.device), torch.tensor(owner)


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    # Without files transformers would make a tokenizer that knows no word.
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        raise WeightsNotFoundError(
            f"Folder {folder} has no tokenizer: expected tokenizer.json or vocab.txt."
        )
    return read_tokenizer("BertTokenizer", folder)


def pack_phrases(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Put phrases into as few consecutive texts as their order allows.

    Args:
        lengths: tokens of each phrase, its stop included, none above `room`.
        room: tokens of a text.

    Returns:
        Positions of the phrases of each text.

    Example:
        >>> pack_phrases([3, 4, 2, 5], 8)
        [[0, 1], [2, 3]]
    """
    groups: list[list[int]] = []
    used = room
    for position, length in enumerate(lengths):
        if used + length > room:
            groups.append([])
            used = 0
        groups[-1].append(position)
        used += length
    return groups


def fit_sides(image_hw: Sequence[int], short_side: int, long_side: int) -> tuple[int, int]:
    """Height and width at a given shorter side, unless the longer one would exceed its bound.

    Sides are cut to whole pixels as in DETR's transform, where the bound is met first.

    Example:
        >>> fit_sides((480, 640), 800, 1333), fit_sides((100, 400), 800, 1333)
        ((800, 1066), (333, 1333))
    """
    short, long = min(image_hw), max(image_hw)
    exact, side = float(short_side), short_side
    if long / short * short_side > long_side:
        exact = long_side * short / long
        side = round(exact)
    if short == side:
        return image_hw[0], image_hw[1]
    side, other = max(side, 1), max(int(exact * long / short), 1)
    return (side, other) if image_hw[0] <= image_hw[1] else (other, side)
