"""The whole recipe: the decoders on a trained CLIP, and what is shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from lexiseg.models.conv_clip import ConvClip
from lexiseg.models.device import choose_device
from lexiseg.models.fc_clip import load_proposal_model, save_proposal_model
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.fc_clip.learner import FcClipLearner, FcClipTraining
from lexiseg.training.mini.fc_clip.start import small_head
from lexiseg.training.mini.shipping import readable


@dataclass(frozen=True)
class FcClipRecipe:
    """One run of `fcclip`."""

    folder: Path
    budget: Budget
    clip: str | Path  # bundled name, or weights that `convnext` wrote
    training: FcClipTraining = field(default_factory=FcClipTraining)
    start: str | Path | None = None  # decoders to begin with; None begins with nothing
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Train, and write the decoders; CLIP's weights stay where they are."""
        group = ProcessGroup.join()
        clip = ConvClip.load(self.clip, "cpu", torch.float32)
        head = small_head(clip.visual.channels, clip.visual.embed_dim)
        place, device = self.folder / "fcclip", choose_device(self.device)
        learner = FcClipLearner(self.training, clip, head, device, group)
        if self.start is not None:
            begun = load_proposal_model(self.start, "cpu", torch.float32, backbone=self.clip)
            learner.inherit(begun.network)
        train_and_export(
            learner, self.budget, place, self.resume, lambda made, at: export(made, clip, at)
        )


def export(learner: FcClipLearner, clip: ConvClip, folder: Path) -> None:
    """Write the decoders in half precision with a record of their making."""
    save_proposal_model(learner.network, folder, torch.float16, backbone=clip.network)
    readable(folder)
    write_record(
        learner,
        folder,
        clip=clip.fingerprint,
        names=len(learner.names),
        policy=learner.config.policy,
    )
