"""A head start for a small SAM: DINO's blocks, and what an older small SAM knows.

Trained from nothing, a new decoder needs thousands of pictures before clicks mean anything to it. A
decoder that works is taken over whole, and the new encoder learns the embedding that it reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers import ViTModel
from transformers.models.sam.modeling_sam import SamVisionEncoder

from lexiseg.errors import UsageError
from lexiseg.models.bundled import bundled_folder
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import read_sessions
from lexiseg.training.mini.augment import recolor
from lexiseg.training.mini.sam.network import build_sam, normalize, read_sam, sam_config
from lexiseg.training.mini.sam.pool import SamPool

# Where a block of transformers' ViT keeps what a block of its SAM needs.
BLOCK = {
    "layer_norm1": "layernorm_before",
    "layer_norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.lin1": "mlp.fc1",
    "mlp.lin2": "mlp.fc2",
}
TAKEN = ("mask_decoder", "prompt_encoder", "shared_image_embedding")
NOTE = (
    "Session {number} is a head start without prompts: what came before it trained another small "
    "SAM, whose decoder was taken over; the encoder began with the blocks of mini-dino and learned "
    "that SAM's embedding."
)


class EncoderLearner(Learner):
    """A new encoder that learns the embedding of another small SAM, whose decoder it takes over.

    Args:
        config: seed, batch and rate.
        pool: drawn scenes, whose labels are not used.
        teacher: folder of the other small SAM.
        device: where to train.
        group: processes that train together.
        dino: folder of a small DINO, whose blocks come first.
    """

    label = "training encoder"

    def __init__(
        self,
        config: TrainingConfig,
        pool: SamPool,
        teacher: Path,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        dino: Path | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool = pool
        self.teacher = read_sam(teacher, self.device)
        self.model = build_sam(sam_config())
        take_decoder(self.model, self.teacher)
        take_blocks(self.model.vision_encoder, dino or bundled_folder("mini-dino"))
        self.encoder: nn.Module = self.model.train().to(self.device).vision_encoder
        self.optimizer = muon_and_adamw(self.encoder, "layers.")
        earlier = read_sessions(teacher)
        note = NOTE.format(number=len(earlier) + 1)
        self.sessions = [*earlier, {**self.sessions[0], "note": note}]

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {"network": self.model, "optimizer": self.optimizer}

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the loss."""
        generator = self.generator()
        drawn, _ = self.pool.draw(self.config.batch, generator)
        pixels = normalize(recolor(drawn.to(self.device), generator))
        with self.autocast():
            with torch.no_grad():
                known = self.teacher.vision_encoder(pixels).last_hidden_state
            found: Tensor = self.encoder(pixels).last_hidden_state
        wanted = interpolate(known.float(), found.shape[-2:], mode="bilinear")
        loss = (found.float() - wanted).square().mean()
        torch.autograd.backward(loss)
        self.group.average(parameter.grad for parameter in self.encoder.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {"embedding": round(loss.item(), 4)}


def take_decoder(network: object, teacher: object) -> None:
    """Copy everything but the encoder.

    Raises:
        UsageError: the two networks have different decoders.
    """
    for name in TAKEN:
        try:
            getattr(network, name).load_state_dict(getattr(teacher, name).state_dict())
        except RuntimeError as error:
            raise UsageError(
                f"the teacher's {name.replace('_', ' ')} has other sizes than the new network's."
            ) from error


def take_blocks(encoder: SamVisionEncoder, folder: Path) -> None:
    """Begin an encoder of SAM's kind with the patches, positions and blocks of a ViT.

    Positions are resampled; blocks that the ViT lacks keep their own beginning.

    Args:
        encoder: of transformers' SamModel, as wide as the ViT.
        folder: the ViT in Hugging Face's format.
    """
    vit: ViTModel = ViTModel.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, add_pooling_layer=False
    )
    embeddings = vit.embeddings
    projection = embeddings.patch_embeddings.projection
    encoder.patch_embed.projection.load_state_dict(projection.state_dict())
    positions = cast(Tensor, encoder.pos_embed)
    with torch.no_grad():
        positions.copy_(_resample(embeddings.position_embeddings, positions))
    for ours, theirs in zip(encoder.layers, vit.layers, strict=False):
        _take_block(ours, theirs)


def _resample(table: Tensor, like: Tensor) -> Tensor:
    """Positions (1, 1 + n * n, D), a class token's first, on the grid of `like` (1, h, w, D)."""
    side = round((table.shape[1] - 1) ** 0.5)
    grid = torch.unflatten(table[:, 1:], 1, (side, side)).permute(0, 3, 1, 2)
    fitted = interpolate(grid, like.shape[1:3], mode="bicubic")
    return fitted.permute(0, 2, 3, 1)


def _take_block(ours: nn.Module, theirs: nn.Module) -> None:
    state = theirs.state_dict()
    taken = {
        f"{mine}.{kind}": state[f"{name}.{kind}"]
        for mine, name in BLOCK.items()
        for kind in ("weight", "bias")
    }
    for kind in ("weight", "bias"):
        rows = [state[f"attention.{part}_proj.{kind}"] for part in "qkv"]
        taken[f"attn.qkv.{kind}"] = torch.cat(rows)
    ours.load_state_dict(taken)
