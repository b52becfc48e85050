"""The whole recipe: the decoders on a trained CLIP, and what is shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from lexiseg.models.clip import BpeTokenizer
from lexiseg.models.conv_clip import ConvClip
from lexiseg.models.device import choose_device
from lexiseg.models.fc_clip import save_proposal_model
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.fc_clip.learner import FcClipLearner, FcClipTraining
from lexiseg.training.mini.fc_clip.start import small_head


@dataclass(frozen=True)
class FcClipRecipe:
    """One run of `fcclip`."""

    folder: Path
    budget: Budget
    clip: Path  # weights that `convnext` wrote
    training: FcClipTraining = field(default_factory=FcClipTraining)
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Train, and write the weights with CLIP among them."""
        group = ProcessGroup.join()
        clip = ConvClip.load(self.clip, "cpu", torch.float32)
        head = small_head(clip.visual.channels, clip.visual.embed_dim)
        place, device = self.folder / "fcclip", choose_device(self.device)
        learner = FcClipLearner(self.training, clip, head, device, group)
        train_and_export(
            learner, self.budget, place, self.resume, lambda made, at: export(made, clip, at)
        )


def export(learner: FcClipLearner, clip: ConvClip, folder: Path) -> None:
    """Write the network in half precision with CLIP's tokenizer and a record of its making."""
    save_proposal_model(learner.network, folder, torch.float16)
    if isinstance(clip.tokenizer, BpeTokenizer):
        clip.tokenizer.save(folder)
    write_record(learner, folder, clip=clip.fingerprint, names=len(learner.names))
