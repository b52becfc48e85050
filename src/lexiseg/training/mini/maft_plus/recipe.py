"""The whole recipe: MAFT+ on the small FC-CLIP, and what is shipped."""

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
from lexiseg.training.mini.maft_plus.learner import MaftPlusLearner, MaftPlusTraining
from lexiseg.training.mini.shipping import readable


@dataclass(frozen=True)
class MaftPlusRecipe:
    """One run of `maftplus`."""

    folder: Path
    budget: Budget
    clip: str | Path  # bundled name, or weights that `convnext` wrote
    start: str | Path  # decoders to begin with: bundled name, or weights that `fcclip` wrote
    training: MaftPlusTraining = field(default_factory=MaftPlusTraining)
    resume: bool = False
    device: str = "auto"

    def run(self) -> None:
        """Train, and write all that differs from the CLIP it began with."""
        group = ProcessGroup.join()
        clip = ConvClip.load(self.clip, "cpu", torch.float32)
        begun = load_proposal_model(self.start, "cpu", torch.float32, backbone=self.clip)
        place, device = self.folder / "maftplus", choose_device(self.device)
        learner = MaftPlusLearner(self.training, clip, begun.network.head, device, group)
        learner.inherit(begun.network)
        train_and_export(
            learner, self.budget, place, self.resume, lambda made, at: export(made, self.clip, at)
        )


def export(learner: MaftPlusLearner, clip: str | Path, folder: Path) -> None:
    """Write what differs from a CLIP, in half precision, with a record of its making."""
    began = ConvClip.load(clip, "cpu", torch.float32)
    save_proposal_model(learner.network, folder, torch.float16, backbone=began.network)
    readable(folder)
    write_record(learner, folder, clip=began.fingerprint, names=len(learner.names))
