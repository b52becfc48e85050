"""A head start for the small SAM 2: the blocks and the decoder of the small SAM.

Both decoders are alike but for SAM 2's object token and its finer maps, and most blocks of this
Hiera are as the small SAM's. What is before them learns to give them what they are used to, and
what is behind them the small SAM's embedding at half of its resolution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import Optimizer, muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.augment import recolor
from lexiseg.training.mini.sam.network import normalize, read_sam
from lexiseg.training.mini.sam.pool import SamPool
from lexiseg.training.mini.sam2.network import PromptedSam2, build_sam2, sam2_config

TAKEN = ("mask_decoder.", "prompt_encoder.", "shared_image_embedding.")
LAYERS = "vision_encoder.layers."
FIRST_TAKEN = 2  # number in Hiera of the first block that is taken over
# Names in transformers' SAM -> names in its SAM 2.
RENAMES = (
    (r"^(mask_decoder\.transformer\..*)\.out_proj\.", r"\1.o_proj."),
    (r"\.mlp\.lin1\.", ".mlp.proj_in."),
    (r"\.mlp\.lin2\.", ".mlp.proj_out."),
)
POINTS = "prompt_encoder.point_embed."
NOTE = (
    "Session 1 is a head start without prompts: the six blocks of mini-sam and its decoder were "
    "taken over; what lies before the blocks learned what mini-sam's blocks read, and what lies "
    "behind them mini-sam's embedding at half of its resolution."
)


def take_over(network: nn.Module, teacher: nn.Module) -> list[str]:
    """Copy the blocks, the prompt encoder and the mask decoder of a small SAM.

    Args:
        network: a `Sam2Model` of the same widths.
        teacher: a `SamModel`.

    Returns:
        Names of the parameters of the decoder that SAM does not have.

    Raises:
        RuntimeError: the two have different widths.
    """
    missing, _ = network.load_state_dict(sam_to_sam2(teacher.state_dict()), strict=False)
    return [name for name in missing if name.startswith(TAKEN)]


def sam_to_sam2(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the shared tensors of a `SamModel` as the small `Sam2Model` does."""
    taken = {key: tensor for key, tensor in state.items() if key.startswith((*TAKEN, LAYERS))}
    tables = [taken.pop(f"{POINTS}{kind}.weight") for kind in range(4)]
    taken[f"{POINTS}weight"] = torch.cat(tables)
    return {_renamed(key): tensor for key, tensor in taken.items()}


def _renamed(key: str) -> str:
    for pattern, replacement in RENAMES:
        key = re.sub(pattern, replacement, key)
    if not key.startswith(LAYERS):
        return key
    number, rest = key.removeprefix(LAYERS).split(".", 1)
    return f"vision_encoder.backbone.blocks.{int(number) + FIRST_TAKEN}.{rest}"


class Pupil(Learner):
    """A new small SAM 2 that learns to lead to and from the blocks of the small SAM.

    Args:
        config: seed, batch and rate.
        pool: drawn scenes, whose labels are not used.
        teacher: folder of the small SAM.
        device: where to train.
        group: processes that train together.
    """

    label = "training encoder"

    def __init__(
        self,
        config: TrainingConfig,
        pool: SamPool,
        teacher: Path,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool = pool
        self.teacher = read_sam(teacher, self.device)
        self.model = build_sam2(sam2_config())
        take_over(self.model, self.teacher)
        nn.Module.to(self.model.train(), self.device)
        self.sam = PromptedSam2(self.model)
        self.optimizer = encoder_optimizer(self.model)
        self.sessions = [{**self.sessions[0], "note": NOTE}]

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
                read, passed, wanted = self._lesson(pixels)
            first, entered = self.sam.enter(pixels)
            found = self.sam.leave(first.detach(), passed)[-1]
        before = (entered.float() - read).square().mean() / read.var()
        behind = (found.float() - wanted).square().mean() / wanted.var()
        loss = before + behind
        torch.autograd.backward(loss)
        self.group.average(parameter.grad for parameter in self.model.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {"before": round(before.item(), 4), "behind": round(behind.item(), 4)}

    def _lesson(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the teacher's blocks read, what they give, and its embedding at half resolution."""
        encoder = self.teacher.vision_encoder
        read = encoder.patch_embed(pixels).float() + cast(Tensor, encoder.pos_embed)
        passed = self.sam.pass_on(read)
        embedding = encoder.neck(passed).float()
        return read, passed, avg_pool2d(embedding, 2)


def encoder_optimizer(model: nn.Module) -> Optimizer:
    """Steps the image encoder alone."""
    return muon_and_adamw(model.get_submodule("vision_encoder"), "blocks.")


def whole_optimizer(model: nn.Module) -> Optimizer:
    """Steps all that is trained, Muon the matrices of Hiera's blocks and of the decoder's."""
    inside = encoder_optimizer(model).parts
    rest = nn.ModuleDict({n: part for n, part in model.named_children() if n != "vision_encoder"})
    return Optimizer(*inside, *muon_and_adamw(rest, "transformer.layers.").parts)
