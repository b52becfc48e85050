"""A promptable segmenter put together from an encoder, a prompt encoder and a mask decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lexiseg.errors import UsageError
from lexiseg.models.sam.decoder import DecoderImage, Drawn, MaskDecoder
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.prompts import PromptEncoder, Prompts
from lexiseg.ops.equal_shapes import rows, together
from lexiseg.ops.resizing import resize_from_frame
from lexiseg.ops.token_sums import TokenSums
from lexiseg.types import Candidates, ImageEmbedding

Encoder = Callable[[Tensor], tuple[Tensor, ...]]
# Numbers alive while prompts are decoded; some 0.4 GB on a processor, 1.6 GB on an accelerator.
CPU_NUMBERS, ACCELERATOR_NUMBERS = 100_000_000, 400_000_000
MOST_PROMPTS_AT_ONCE = 256


class Segmenter:
    """Any segmenter of SAM's family behind one interface.

    Args:
        encoder: pixels (B, 3, S, S) -> feature maps, the embeddings (B, C, h, w) last.
        prompts: encodes points, boxes and masks.
        decoder: answers them.
        preprocessing: what the encoder expects of pictures.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.

    Attributes:
        prompts_at_once: prompts decoded together; bounds the memory.
    """

    def __init__(
        self,
        encoder: Encoder,
        prompts: PromptEncoder,
        decoder: MaskDecoder,
        preprocessing: Preprocessing,
        name: str = "custom",
        fingerprint: str = "",
    ) -> None:
        self.encoder = encoder
        self.prompts = prompts
        self.decoder = decoder
        self.preprocessing = preprocessing
        self.name = name
        self.fingerprint = fingerprint
        for network in (prompts.network, decoder.network, encoder):
            if isinstance(network, nn.Module):
                network.eval().requires_grad_(False)
        self.prompts_at_once = self._affordable_prompts()

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.prompts.no_mask.device

    @property
    def dtype(self) -> torch.dtype:
        """The decoder's precision."""
        return self.decoder.output_tokens().dtype

    def _affordable_prompts(self) -> int:
        budget = CPU_NUMBERS if self.device.type == "cpu" else ACCELERATOR_NUMBERS
        height, width = self.prompts.network.image_embedding_size
        numbers = int(self.decoder.numbers_per_position * height * width)
        return min(max(budget // numbers, 1), MOST_PROMPTS_AT_ONCE)

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8]) -> ImageEmbedding:
        """Compute the features of an (H, W, 3) uint8 RGB image.

        Raises:
            UsageError: not such an image.
        """
        return self.encode_many([image])[0]

    @torch.no_grad()
    def encode_many(self, images: Sequence[NDArray[np.uint8]]) -> list[ImageEmbedding]:
        """The same of several images in one pass, in their order."""
        pixels = [self.preprocessing(image).to(self.device, self.dtype) for image in images]
        frames = [self.preprocessing.frame((image.shape[0], image.shape[1])) for image in images]
        seen = together(self._maps, pixels)
        return [ImageEmbedding(*about) for about in zip(frames, seen, strict=True)]

    def _maps(self, pixels: Tensor) -> list[tuple[Tensor, ...]]:
        """Feature maps (1, C, h, w) of each picture of a batch."""
        return list(zip(*map(rows, self.encoder(pixels)), strict=True))

    def predict(
        self,
        embedding: ImageEmbedding,
        *,
        points: object = None,
        labels: object = None,
        boxes: object = None,
        masks: object = None,
        multimask: bool = True,
    ) -> Candidates:
        """Masks of P prompts, all at once; see `predict_chunks` for many prompts.

        Raises:
            UsageError: no prompt is given or shapes do not fit.
        """
        given = {"points": points, "labels": labels, "boxes": boxes, "masks": masks}
        parts = list(self.predict_chunks(embedding, **given, multimask=multimask))
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return self._no_candidates(multimask)
        return join_candidates(parts)

    def predict_chunks(
        self,
        embedding: ImageEmbedding,
        *,
        points: object = None,
        labels: object = None,
        boxes: object = None,
        masks: object = None,
        multimask: bool = True,
    ) -> Iterator[Candidates]:
        """Masks of P prompts in consecutive pieces of `prompts_at_once`.

        Raises:
            UsageError: no prompt is given or shapes do not fit.
        """
        prompts = Prompts.parse(points, labels, boxes, masks)
        return self._answers(embedding, prompts, multimask)

    def predict_tokens(
        self,
        embedding: ImageEmbedding,
        tokens: Tensor | TokenSums,
        *,
        masks: Tensor | None = None,
        fallback: bool = True,
        multimask: bool = False,
    ) -> Iterator[Candidates]:
        """Masks of P prompts that are given as the decoder's own tokens, a piece at a time.

        Gradients reach the tokens, where they are asked for.

        Args:
            embedding: what `encode` returned.
            tokens: (P, T, C) sparse tokens, or sums of such; nothing is added to them, and T may
                be 0.
            masks: (P, h, w) float, logits of an earlier answer.
            fallback: a mask that is not stable may give way to a better one, if the family does so.
            multimask: several masks of each prompt rather than one.

        Returns:
            masks (P, 1 or M, h, w) with scores and object logits, in pieces of `prompts_at_once`.
        """
        image = self._prepare(embedding)
        step = self.prompts_at_once
        for start in range(0, len(tokens), step):
            part = slice(start, start + step)
            given = None if masks is None else Prompts(None, None, None, masks[part].float())
            dense = None if given is None else self.prompts.dense(given)
            dense = None if dense is None else dense.to(self.dtype)
            sparse = tokens[part].to(self.dtype)
            yield _candidates(self.decoder(image, sparse, dense, multimask, fallback))

    def _answers(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask: bool
    ) -> Iterator[Candidates]:
        image = self._prepare(embedding) if len(prompts) else None
        for part in prompts.chunks(self.prompts_at_once):
            if image is not None:
                yield self._answer(image, embedding, part, multimask)

    @torch.no_grad()
    def _prepare(self, embedding: ImageEmbedding) -> DecoderImage:
        no_mask, position = self.prompts.no_mask, self.prompts.position()
        return self.decoder.prepare(embedding.maps, position.to(self.dtype), no_mask.to(self.dtype))

    @torch.no_grad()
    def _answer(
        self, image: DecoderImage, embedding: ImageEmbedding, part: Prompts, multimask: bool
    ) -> Candidates:
        sparse, dense = self.prompts.sparse(part, embedding.frame), self.prompts.dense(part)
        dense = dense if dense is None else dense.to(self.dtype)
        return _candidates(self.decoder(image, sparse.to(self.dtype), dense, multimask))

    def _no_candidates(self, multimask: bool) -> Candidates:
        count = self.decoder.candidates if multimask else 1
        logits = torch.zeros(0, count, *self.prompts.mask_hw, device=self.device, dtype=self.dtype)
        return Candidates(logits, torch.zeros(0, count, device=self.device))

    @torch.no_grad()
    def full_size(self, logits: Tensor, embedding: ImageEmbedding) -> Tensor:
        """Bring logits to the size of the image, as the family's own program does.

        Families that pad scale to the whole frame first, cut the padding off and scale again;
        those that stretch scale once.

        Args:
            logits: (..., h, w) of any floating type.
            embedding: of the image they belong to.

        Returns:
            (..., H, W) float32.
        """
        if logits.ndim < 2:
            raise UsageError(f"Logits must have shape (..., h, w); got {tuple(logits.shape)}.")
        return resize_from_frame(logits, embedding.frame, through=self.preprocessing.keep_aspect)


def join_candidates(parts: Sequence[Candidates]) -> Candidates:
    """Put together what one segmenter answered in pieces.

    Args:
        parts: at least one.
    """
    objects = [part.object_logits for part in parts if part.object_logits is not None]
    return Candidates(
        torch.cat([part.logits for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat(objects) if objects else None,
    )


def _candidates(drawn: Drawn) -> Candidates:
    objects = None if drawn.object_logits is None else drawn.object_logits.float()
    return Candidates(drawn.logits, drawn.scores.float(), objects)
