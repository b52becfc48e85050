"""The small MAFT+ learns: decoders cut, CLIP learns which masks deserve a name, names look around.

Jiao et al. 2024. The decoders see CLIP's maps without teaching it anything; what CLIP learns comes
from how well the candidates fit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.conv_clip import ConvClip, ConvTower
from lexiseg.models.fc_clip import ContentTransfer, HeadConfig
from lexiseg.ops.class_logits import class_logits
from lexiseg.training.engine.optimizer import Optimizer, decayed, muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.fc_clip.learner import LARGEST_SCALE, FcClipLearner, FcClipTraining
from lexiseg.training.mini.fc_clip.objective import PointRule, proposal_losses
from lexiseg.training.mini.fc_clip.pictures import SegmentTruth
from lexiseg.training.mini.maft_plus.objective import compensation_loss, mask_aware_loss

HEADS = 8  # of the transfer, as published
FIRST_SHIFT = 0.1  # factor of its normalization: in few steps names must keep their sense
DECAY = 0.05


@dataclass(frozen=True)
class MaftPlusTraining(FcClipTraining):
    """Settings of the small MAFT+'s training."""

    rate: float = 5e-4  # its decoders begin with those of the small FC-CLIP
    clip_share: float = 0.5  # of the rate, at which CLIP learns; 0.1 as published is for long runs
    scores: float = 5.0  # weight of the mask-aware loss
    keeping: float = 0.1  # weight of the compensation


class MaftPlusLearner(FcClipLearner):
    """Decoders, transfer, and what is not an MLP in CLIP's image tower, in training.

    Args:
        config: settings.
        clip: a ConvNeXt-CLIP; its image tower is changed.
        head: sizes of the decoders.
        device, group: as of `Learner`.
    """

    config: MaftPlusTraining
    label = "training maft-plus"

    def __init__(
        self,
        config: MaftPlusTraining,
        clip: ConvClip,
        head: HeadConfig,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
    ) -> None:
        torch.manual_seed(config.seed)
        transfer = begin_transfer(head.embed_dim)
        self.teacher = copy.deepcopy(clip.visual).to(device)
        super().__init__(config, clip, head, device, group, transfer)

    @property
    def visual(self) -> ConvTower:
        """CLIP's image tower."""
        return self.network.clip.visual

    @property
    def learning(self) -> dict[str, nn.Module]:
        """The parts that change."""
        assert self.network.transfer is not None
        trunk = self.network.clip.visual.get_submodule("trunk")
        return {**super().learning, "transfer": self.network.transfer, "trunk": trunk}

    def begin_optimizer(self) -> Optimizer:
        """Muon and AdamW for what is new, AdamW at a share of the rate for CLIP."""
        parts = self.learning
        trunk = parts.pop("trunk")
        for name, parameter in trunk.named_parameters():
            parameter.requires_grad_(is_tuned(name))
        tuned = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
        groups = [{**group, "share": self.config.clip_share} for group in decayed(tuned, DECAY)]
        rest = muon_and_adamw(nn.ModuleList(parts.values()), "layers", DECAY)
        return Optimizer(*rest.parts, torch.optim.AdamW(groups, betas=(0.9, 0.98)))

    def losses(
        self, pixels: Tensor, truths: Sequence[SegmentTruth], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted losses of a batch (B, 3, S, S)."""
        config = self.config
        with self.autocast():
            first, second, third, dense = self.visual.levels(pixels)
        with torch.no_grad(), self.autocast():
            kept = self.teacher.levels(pixels)[-1]
        seen = first.detach(), second.detach(), third.detach(), dense.detach()
        predictions = list(self.predict(seen))
        rule = PointRule(config.points)
        cut = proposal_losses(predictions, truths, generator, rule=rule)
        masks = predictions[-1][1].detach()
        scores = mask_aware_loss(self.name_masks(dense.float(), masks), masks, truths)
        keeping = compensation_loss(dense.float(), kept.float())
        return {**cut, "scores": config.scores * scores, "keeping": config.keeping * keeping}

    def name_masks(self, dense: Tensor, masks: Tensor) -> Tensor:
        """CLIP's logits (B, Q, C) of masks (B, Q, h, w), with names that saw the pictures."""
        assert self.network.transfer is not None
        rows = torch.cat([self.rows, F.normalize(self.network.void_embedding.weight, dim=-1)])
        moved = self.network.transfer(rows, self.visual.embed_cells(dense))
        scale = self.network.clip.logit_scale.exp().clamp(max=LARGEST_SCALE)
        embedded = self.visual.embed_masks(dense, masks)
        return class_logits(embedded, moved, [1] * len(rows), scale)[..., :-1]


def is_tuned(name: str) -> bool:
    """Whether a parameter of the trunk learns: all but its MLPs, which hold most of its numbers.

    What stays is shared with the CLIP it began with, on disk too. The normalization behind the
    pooling belongs to the visual head, which MAFT+ leaves as it is.
    """
    return ".mlp." not in name and not name.startswith("head.")


def begin_transfer(width: int) -> ContentTransfer:
    """A transfer that moves nothing yet."""
    transfer = ContentTransfer(width, "panoptic", HEADS)
    nn.init.zeros_(transfer.MLP.weight)
    nn.init.zeros_(transfer.MLP.bias)
    nn.init.constant_(transfer.norm.weight, FIRST_SHIFT)
    return transfer
