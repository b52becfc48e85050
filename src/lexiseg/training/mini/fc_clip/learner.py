"""The small FC-CLIP learns to cut pictures: CLIP and the texts stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.methods.mask_proposals import TEMPLATES
from lexiseg.models.conv_clip import ConvClip, Levels
from lexiseg.models.fc_clip import ContentTransfer, HeadConfig, ProposalNetwork
from lexiseg.ops.class_logits import average_prompts, class_logits
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import Optimizer, muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.augment import normalize, recolor
from lexiseg.training.mini.fc_clip.objective import PointRule, proposal_losses
from lexiseg.training.mini.fc_clip.pictures import Pictures, SegmentTruth
from lexiseg.training.mini.fc_clip.start import begin_decoders

LARGEST_SCALE = 100.0
NOVEL = 0.2  # share of objects that policy A has no name for, in scenes labelled under B
LARGEST_STEP = 0.01  # norm of the gradients, as published


@dataclass(frozen=True)
class FcClipTraining(TrainingConfig):
    """Settings of the small FC-CLIP's training.

    Attributes:
        scenes: different pictures; they come again.
        policy: of their labels, "A" or "B"; under B a fifth of the objects has no name in A.
    """

    batch: int = 8
    rate: float = 1e-3
    warmup: int = 20
    checkpoint_every: int = 50
    size: int = 192  # pixels per side
    points: int = 768  # that masks are compared at
    scenes: int = 20_000
    policy: str = "A"

    @property
    def pictures(self) -> Pictures:
        """What it learns from."""
        novel = 0.0 if self.policy == "A" else NOVEL
        return Pictures(self.size, self.seed, scenes=self.scenes, policy=self.policy, novel=novel)


class FcClipLearner(Learner):
    """Pixel decoder, mask decoder and void embedding in training.

    Args:
        config: settings.
        clip: a convolutional CLIP; it is not trained.
        head: sizes of the decoders.
        device, group: as of `Learner`.
        transfer: of MAFT+.
    """

    config: FcClipTraining
    label = "training fc-clip"

    def __init__(
        self,
        config: FcClipTraining,
        clip: ConvClip,
        head: HeadConfig,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        transfer: ContentTransfer | None = None,
    ) -> None:
        self.pictures = config.pictures
        super().__init__(config, self.pictures.scenes, device, group)
        self.network = ProposalNetwork(clip.network.config, head, transfer)
        begin_decoders(self.network)
        self.network.clip = clip.network
        self.network.to(self.device).train()
        self.network.clip.eval().requires_grad_(False)
        self.names = self.pictures.segments.classes.names
        self.rows = name_rows(clip, self.names).to(self.device)
        self.optimizer = self.begin_optimizer()
        learning = nn.ModuleList(self.learning.values()).parameters()
        self.parameters = [parameter for parameter in learning if parameter.requires_grad]

    def begin_optimizer(self) -> Optimizer:
        """What steps the parts that change."""
        return muon_and_adamw(nn.ModuleList(self.learning.values()), "layers")

    @property
    def learning(self) -> dict[str, nn.Module]:
        """The parts that change."""
        network = self.network
        return {
            "pixel_decoder": network.pixel_decoder,
            "mask_decoder": network.mask_decoder,
            "void": network.void_embedding,
        }

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {**self.learning, "optimizer": self.optimizer}

    def inherit(self, network: ProposalNetwork) -> None:
        """Begin with the decoders of a trained network."""
        self.network.pixel_decoder.load_state_dict(network.pixel_decoder.state_dict())
        self.network.mask_decoder.load_state_dict(network.mask_decoder.state_dict())
        self.network.void_embedding.load_state_dict(network.void_embedding.state_dict())

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        generator, count = self.generator(), self.config.batch
        first = count * (self.step * self.group.size + self.group.rank)
        pixels, truths = self.pictures.draw(first, count, generator)
        pixels = normalize(recolor(pixels, generator)).to(self.device)
        known = [truth.to(self.device) for truth in truths]
        losses = self.losses(pixels, known, generator)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.group.average(parameter.grad for parameter in self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, LARGEST_STEP)
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in losses.items()}

    def losses(
        self, pixels: Tensor, truths: Sequence[SegmentTruth], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted losses of a batch (B, 3, S, S)."""
        with torch.no_grad(), self.autocast():
            levels = self.network.clip.visual.levels(pixels)
        rule = PointRule(self.config.points)
        return proposal_losses(self.predict(levels), truths, generator, rule=rule)

    def predict(self, levels: Levels) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (B, Q, C + 1) and masks (B, Q, h, w) before and after every layer."""
        network = self.network
        features = network.pixel_decoder(levels)
        decoder = network.mask_decoder
        scale = decoder.logit_scale.exp().clamp(max=LARGEST_SCALE)
        void = F.normalize(network.void_embedding.weight, dim=-1)
        texts, counts = torch.cat([self.rows, void]), [1] * (len(self.rows) + 1)
        for queries, masks in decoder.steps(features):
            embeddings = decoder.embed(queries, masks, features.mask)
            yield class_logits(embeddings, texts, counts, scale), masks


def name_rows(clip: ConvClip, names: Sequence[str]) -> Tensor:
    """(C, E) unit features of names, averaged over FC-CLIP's templates."""
    prompts = [template.format(name) for name in names for template in TEMPLATES]
    return average_prompts(clip.text_features(prompts), len(TEMPLATES)).cpu()
