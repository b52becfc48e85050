"""From a picture to candidates: masks, their class embeddings, and how CLIP sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lexiseg.errors import CheckpointError
from lexiseg.models.clip import Preprocessing, Tokenizer
from lexiseg.models.clip.text_features import TextFeatures
from lexiseg.models.conv_clip import ConvClipConfig, ConvClipNetwork
from lexiseg.models.fc_clip.config import HeadConfig
from lexiseg.models.fc_clip.mask_decoder import MaskDecoder
from lexiseg.models.fc_clip.pixel_decoder import PixelDecoder
from lexiseg.models.fc_clip.preprocess import InputSize, prepare
from lexiseg.models.fc_clip.transfer import ContentTransfer, mixed_cells
from lexiseg.ops.equal_shapes import rows, together
from lexiseg.ops.mask_pooling import resize_masks
from lexiseg.types import Frame

PUBLISHED_SIZE = InputSize()
LARGEST_SCALE = 100.0  # bounds both learned temperatures


@dataclass(frozen=True)
class MaskProposals:
    """Candidates of one picture, before anything is named; all on the network's device, float32.

    Attributes:
        masks: (Q, h, w) logits at a quarter of the frame, positive inside.
        in_vocabulary: (Q, E) class embeddings of the decoder, not normalized.
        out_vocabulary: (Q, E) what CLIP sees in each mask, not normalized.
        covers_cells: (Q,) bool, whether a mask holds a cell of CLIP's last feature map.
        cells: (E, h', w') that feature map, embedded cell by cell, for MAFT+'s transfer; None
            where there is none.
        frame: where the picture lies in what the masks cover.
    """

    masks: Tensor
    in_vocabulary: Tensor
    out_vocabulary: Tensor
    covers_cells: Tensor
    cells: Tensor | None
    frame: Frame

    def __len__(self) -> int:
        return len(self.masks)


class ProposalNetwork(nn.Module):
    """CLIP, a pixel decoder and a mask decoder, and MAFT+'s transfer where there is one.

    Args:
        clip: sizes of CLIP.
        head: sizes of the rest.
        transfer: of MAFT+.
    """

    def __init__(
        self, clip: ConvClipConfig, head: HeadConfig, transfer: ContentTransfer | None = None
    ) -> None:
        super().__init__()
        self.clip = ConvClipNetwork(clip)
        self.pixel_decoder = PixelDecoder(head)
        self.mask_decoder = MaskDecoder(head)
        self.void_embedding = nn.Embedding(1, head.embed_dim)
        self.transfer = transfer
        self.head = head


@dataclass(frozen=True)
class ModelPart:
    """A part of a model that has a precision of its own.

    Attributes:
        network: the part.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights of the whole model.
    """

    network: nn.Module
    name: str
    fingerprint: str

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision it computes in; scalars are float32 in any."""
        return next(p for p in self.network.parameters() if p.ndim).dtype


class ProposalModel:
    """A loaded FC-CLIP or MAFT+: a picture in, candidates out, and features of texts beside.

    Args:
        network: filled; it is put into evaluation mode and frozen.
        tokenizer: list of strings -> (N, context) int64.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.

    Attributes:
        decoder_scale: factor of cosines with the decoder's embeddings.
        clip_scale: factor of cosines with CLIP's.
    """

    def __init__(
        self,
        network: ProposalNetwork,
        tokenizer: Tokenizer,
        name: str = "",
        fingerprint: str = "",
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.name = name
        self.fingerprint = fingerprint
        self.colors = Preprocessing(network.clip.visual.image_size)
        self.decoder_scale = _scale(network.mask_decoder.logit_scale)
        self.clip_scale = _scale(network.clip.logit_scale)
        self._texts = TextFeatures(network.clip.text, tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.void_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision CLIP computes in; the decoders compute in float32."""
        return next(self.network.clip.visual.parameters()).dtype

    @property
    def parts(self) -> dict[str, ModelPart]:
        """CLIP, in the precision that was chosen, and the decoders, in float32."""
        networks: dict[str, nn.Module] = {
            "clip": self.network.clip,
            "decoders": self.network.mask_decoder,
        }
        return {
            part: ModelPart(network, self.name, self.fingerprint)
            for part, network in networks.items()
        }

    @property
    def void(self) -> Tensor:
        """(1, E) float32, what has no name; not normalized."""
        return self.network.void_embedding.weight.float()

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of texts in their order, each distinct string encoded once."""
        return self._texts(texts)

    @torch.no_grad()
    def propose(
        self,
        image: NDArray[np.uint8],
        size: InputSize = PUBLISHED_SIZE,
        *,
        cells: bool = False,
        mixed: bool = False,
    ) -> MaskProposals:
        """Find candidates in a picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            size: how large it is looked at.
            cells: embed the cells of CLIP's last feature map as well, for MAFT+'s transfer.
            mixed: hand them to the visual head as MAFT+'s released code does.
        """
        return self.propose_many([image], size, cells=cells, mixed=mixed)[0]

    @torch.no_grad()
    def propose_many(
        self,
        images: Sequence[NDArray[np.uint8]],
        size: InputSize = PUBLISHED_SIZE,
        *,
        cells: bool = False,
        mixed: bool = False,
    ) -> list[MaskProposals]:
        """The same for several pictures; those of equal size go through in one pass."""
        prepared = [prepare(image, size, self.colors) for image in images]
        seen = together(
            lambda batch: self._seen(batch, cells, mixed), [pixels for pixels, _ in prepared]
        )
        return [
            MaskProposals(*found, frame) for found, (_, frame) in zip(seen, prepared, strict=True)
        ]

    def _seen(
        self, pixels: Tensor, cells: bool, mixed: bool
    ) -> list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]]:
        """All but the frame of the candidates of each picture of (B, 3, h, w)."""
        network, visual = self.network, self.network.clip.visual
        levels = visual.levels(pixels.to(self.device, self.dtype))
        features = network.pixel_decoder(levels)
        decoded = network.mask_decoder(features)
        dense = levels[-1]
        inside = resize_masks(decoded.masks, (dense.shape[2], dense.shape[3])) > 0
        embedded = visual.embed_masks(dense, decoded.masks)
        shown = visual.embed_cells(mixed_cells(dense) if mixed else dense) if cells else None
        no_cells: list[Tensor | None] = [None] * len(pixels)
        return list(
            zip(
                _apart(decoded.masks),
                _apart(decoded.embeddings),
                _apart(embedded.float()),
                _apart(inside.flatten(2).any(dim=-1)),
                no_cells if shown is None else _apart(shown.float()),
                strict=True,
            )
        )

    def require_transfer(self) -> None:
        """Check that the weights are MAFT+'s.

        Raises:
            CheckpointError: they have no content-dependent transfer.
        """
        if self.network.transfer is None:
            raise CheckpointError(
                f"{self.name} has no content-dependent transfer (cdt.cross_atten): it is FC-CLIP's "
                "kind, not MAFT+'s; load it with method fc-clip."
            )

    @torch.no_grad()
    def transfer(self, texts: Tensor, proposals: MaskProposals) -> Tensor:
        """Text features (K, E) moved towards what a picture shows; not of unit length.

        Args:
            texts: (K, E).
            proposals: of the picture, with its cells.

        Raises:
            CheckpointError: the weights are not MAFT+'s.
        """
        self.require_transfer()
        assert self.network.transfer is not None and proposals.cells is not None
        moved: Tensor = self.network.transfer(texts, proposals.cells[None])[0]
        return moved


def _apart(batch: Tensor) -> list[Tensor]:
    return [row[0] for row in rows(batch)]


def _scale(logarithm: Tensor) -> float:
    return min(float(logarithm.float().exp()), LARGEST_SCALE)
