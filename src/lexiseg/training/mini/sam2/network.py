"""The small SAM 2: sizes, a new network, and its answers to prompts in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers.models.sam2 import Sam2Config, Sam2Model
from transformers.models.sam2.modeling_sam2 import Sam2PositionalEmbedding

from lexiseg.models.sam.decoder import DecoderImage, Informed, MaskDecoder, Sam2Decoder, rows
from lexiseg.models.sam.modules import Sam2DecoderNetwork
from lexiseg.models.sam.prompts import PromptEncoder

SIDE = 256  # pixels of the input
STRIDES = (4, 8, 16)  # of the three maps
# Most blocks stand at stride 8: those of the second stage but the first are as the small SAM's.
WIDTHS = (64, 192, 160, 128)  # of Hiera's stages
BLOCKS = (1, 7, 1, 1)
HEADS = (2, 3, 4, 4)
WINDOWS = (8, 16, 8, 8)
# Numbers of the blocks that see the whole picture; the first block of a stage, which pools, cannot.
WHOLE = (5,)
POSITIONS = 16  # rows and columns of the position table
CHANNELS = 128  # of the embedding and the decoder
ATTENTION = "eager"  # fused attention is slower backwards on processors
# What a point may be: one inside, one outside, a corner of a box, or no point at all.
INSIDE, OUTSIDE, FIRST_CORNER, LAST_CORNER, NO_POINT = 1, 0, 2, 3, -1


class PromptAnswers(NamedTuple):
    """What the network says to P prompts on each of B pictures.

    Attributes:
        logits: (B, P, 4, s, s) float32, the single mask first.
        scores: (B, P, 4) expected IoU in 0..1.
        objects: (B, P) logits of there being an object.
    """

    logits: Tensor
    scores: Tensor
    objects: Tensor


def sam2_config() -> Sam2Config:
    """Sizes of the network."""
    frame = {"image_size": SIDE, "patch_size": STRIDES[-1]}
    hiera = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": WIDTHS[0],
        "num_attention_heads": HEADS[0],
        "image_size": [SIDE, SIDE],
        "window_positional_embedding_background_size": [POSITIONS] * 2,
        "blocks_per_stage": list(BLOCKS),
        "embed_dim_per_stage": list(WIDTHS),
        "num_attention_heads_per_stage": list(HEADS),
        "window_size_per_stage": list(WINDOWS),
        "global_attention_blocks": list(WHOLE),
    }
    vision = {
        "backbone_config": hiera,
        "backbone_channel_list": list(WIDTHS[::-1]),
        "backbone_feature_sizes": [[SIDE // stride] * 2 for stride in STRIDES],
        "fpn_hidden_size": CHANNELS,
        "num_feature_levels": len(STRIDES),
    }
    decoder = {
        "hidden_size": CHANNELS,
        "mlp_dim": 4 * CHANNELS,
        "num_attention_heads": 4,
        "iou_head_hidden_dim": CHANNELS,
    }
    return Sam2Config(
        vision_config=vision,
        prompt_encoder_config={**frame, "hidden_size": CHANNELS},
        mask_decoder_config=decoder,
    )


def build_sam2(config: Sam2Config) -> Sam2Model:
    """A new network.

    Learned tokens and the frequencies of positions begin with standard deviation one, as in SAM's
    own program. The frequencies are exact in half precision, in which weights are shipped.
    """
    kind: Any = Sam2Model  # whose maker is not typed
    network: Sam2Model = kind._from_config(config, attn_implementation=ATTENTION)
    for part in network.modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight)
    backbone = network.vision_encoder.backbone
    for table in (backbone.pos_embed, backbone.pos_embed_window):
        nn.init.trunc_normal_(cast(Tensor, table), std=0.02)
    owners = frequencies(network)
    drawn = torch.randn(owners[0].positional_embedding.shape).half().float()
    for owner in owners:
        owner.positional_embedding.data.copy_(drawn)
    return network


def read_sam2(folder: Path) -> Sam2Model:
    """A shipped network in full precision, to be trained further."""
    network: Sam2Model = Sam2Model.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, attn_implementation=ATTENTION
    )
    return network


def frequencies(network: Sam2Model) -> tuple[Sam2PositionalEmbedding, Sam2PositionalEmbedding]:
    """The two owners of the one table of position frequencies."""
    return network.shared_image_embedding, network.prompt_encoder.shared_embedding


class EveryAnswer(Sam2Decoder):
    """The mask decoder with all of its outputs in one pass, for prompts on several pictures."""

    network: Sam2DecoderNetwork

    def answer(
        self, image: DecoderImage, sparse: Tensor, dense: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Single mask and candidates, their scores, and whether there is an object.

        Args:
            image: from `prepare`.
            sparse: (P, T, C) tokens of points.
            dense: (P, C, h, w) embedded masks, or None.

        Returns:
            (P, 4, s, s) logits, (P, 4) scores and (P,) object logits.
        """
        learned = self.output_tokens().expand(len(sparse), -1, -1)
        prompts = torch.cat([learned, sparse.to(learned.dtype)], dim=1)
        numbers = list(range(1 + self.candidates))
        wanted = list(range(2 + len(numbers)))
        own_image = None if dense is None else image.plain + rows(dense)
        tokens, features = self.transformer(prompts, image.shared, wanted, own_image)
        scores = self.network.iou_prediction_head(tokens[:, 1])
        objects = self.network.pred_obj_score_head(tokens[:, 0])[:, 0]
        seen = Informed(tokens[:, 2:], features, scores)
        logits, scores = MaskDecoder._finish(self, image, seen, numbers)
        return logits, scores, objects


class PromptedSam2:
    """Runs a `Sam2Model` with gradients, through the same decoder as at inference.

    Args:
        network: to train.
    """

    cells = SIDE // STRIDES[0]  # rows and columns on which masks come

    def __init__(self, network: Sam2Model) -> None:
        self.network = network
        for owner in frequencies(network):
            owner.requires_grad_(False)
        self.prompts = PromptEncoder(network.prompt_encoder, network.shared_image_embedding)
        self.decoder = EveryAnswer(network.mask_decoder)

    def enter(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Output of the first stage, and of the block that pools it: what the small SAM's read.

        Args:
            pixels: (B, 3, 256, 256) normalized.

        Returns:
            (B, 64, 64, c) and (B, 32, 32, C).
        """
        hiera = self.network.vision_encoder.backbone
        tokens = hiera.patch_embed(pixels)
        first: Tensor = hiera.blocks[0](tokens + hiera._get_pos_embed(tokens.shape[1:3]))
        return first, hiera.blocks[1](first)

    def pass_on(self, entered: Tensor) -> Tensor:
        """The blocks that are as the small SAM's: (B, 32, 32, C) to the same."""
        for block in self.network.vision_encoder.backbone.blocks[2 : sum(BLOCKS[:2])]:
            entered = block(entered)
        return entered

    def leave(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs of the first two stages to the three maps (B, c, h, w), the finest first."""
        encoder, stages = self.network.vision_encoder, [first, second]
        for block in encoder.backbone.blocks[sum(BLOCKS[:2]) :]:
            stages.append(block(stages[-1]))
        levels, _ = encoder.neck(stages)
        fine, half, embedding = levels[: -len(STRIDES) - 1 : -1]
        decoder = self.network.mask_decoder
        no_memory = cast(Tensor, self.network.no_memory_embedding).reshape(-1, 1, 1)
        return decoder.conv_s0(fine), decoder.conv_s1(half), embedding + no_memory

    def maps(self, pixels: Tensor, held: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """The three maps of pixels; see `enter` and `leave`.

        Args:
            pixels: (B, 3, 256, 256) normalized.
            held: the first two stages stay as they are.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not held):
            first, entered = self.enter(pixels)
            second = self.pass_on(entered)
        return self.leave(first, second)

    def prepare(self, maps: tuple[Tensor, ...]) -> list[DecoderImage]:
        """The pictures of a batch, ready to be asked."""
        dtype = maps[-1].dtype
        position, no_mask = (t.to(dtype) for t in (self.prompts.position(), self.prompts.no_mask))
        single = zip(*(torch.split(part, 1) for part in maps), strict=True)
        return [self.decoder.prepare(own, position, no_mask) for own in single]

    def ask(self, pictures: list[DecoderImage], points: Tensor, kinds: Tensor) -> PromptAnswers:
        """Answer points.

        Args:
            pictures: from `prepare`, B of them.
            points: (B, P, T, 2) x and y in pixels.
            kinds: (B, P, T) int64, what each point is.
        """
        with torch.autocast(points.device.type, enabled=False):  # positions need their digits
            tokens = self.network.prompt_encoder._embed_points(points, kinds, pad=False)
        return _stack([self.decoder.answer(*pair) for pair in zip(pictures, tokens, strict=True)])

    def refine(self, pictures: list[DecoderImage], logits: Tensor) -> PromptAnswers:
        """Answer masks (B, P, s, s) of an earlier answer, without any points."""
        embedded = [self.prompts.network.mask_embed(own[:, None]) for own in logits]
        nothing = logits.new_zeros(logits.shape[1], 0, CHANNELS)
        asked = zip(pictures, embedded, strict=True)
        return _stack([self.decoder.answer(image, nothing, dense) for image, dense in asked])

    def answer(
        self, pixels: Tensor, points: Tensor, boxes: Tensor, autocast: torch.autocast
    ) -> tuple[Tensor, Tensor]:
        """Masks and scores of clicks (B, C, 2), then of boxes (B, X, 4), as of the small SAM."""
        with autocast:
            pictures = self.prepare(self.maps(pixels))
            clicked, boxed = (
                self.ask(pictures, *clicks(points)),
                self.ask(pictures, *corners(boxes)),
            )
        both = zip(clicked[:2], boxed[:2], strict=True)
        logits, scores = (torch.cat(pair, dim=1) for pair in both)
        return logits, scores


def clicks(points: Tensor) -> tuple[Tensor, Tensor]:
    """Points and kinds, with the padding of SAM 2's own program, of clicks (B, C, 2)."""
    padded = torch.stack([points, torch.zeros_like(points)], dim=2)
    return padded, torch.tensor([INSIDE, NO_POINT]).expand(padded.shape[:3])


def corners(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The same of boxes (B, X, 4)."""
    pairs = torch.unflatten(boxes, 2, (2, 2))
    padded = nn.functional.pad(pairs, (0, 0, 0, 1))
    return padded, torch.tensor([FIRST_CORNER, LAST_CORNER, NO_POINT]).expand(padded.shape[:3])


def _stack(answers: list[tuple[Tensor, Tensor, Tensor]]) -> PromptAnswers:
    return PromptAnswers(*(torch.stack(parts).float() for parts in zip(*answers, strict=True)))
