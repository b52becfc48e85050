"""One run of the small DINO's training, and what is shipped of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.device import choose_device
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.dino.learner import NATIVE, DinoLearner, DinoTraining
from lexiseg.training.mini.dino.network import IMAGE_MEAN, IMAGE_STD, load_backbone
from lexiseg.training.mini.pool import PoolConfig, open_pool
from lexiseg.training.mini.shipping import bundled_sessions, write_half, write_preprocessor


@dataclass(frozen=True)
class DinoRecipe:
    """One run of `dino`."""

    folder: Path
    budget: Budget
    config: DinoTraining = field(default_factory=DinoTraining)
    pool: PoolConfig = field(default_factory=PoolConfig)
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    device: str = "auto"

    def run(self) -> Path:
        """Draw scenes, train and write the weights; returns their folder."""
        group, place = ProcessGroup.join(), self.folder / "dino"
        with group.main_first():
            pool = open_pool(self.folder / "pool", self.pool)
        config = replace(self.config, rate=self.config.rate / 3) if self.bundled else self.config
        learner = DinoLearner(config, pool, choose_device(self.device), group)
        if self.bundled:
            learner.inherit(load_backbone(bundled_folder("mini-dino")))
            learner.sessions = [*bundled_sessions("mini-dino"), *learner.sessions]
        return train_and_export(learner, self.budget, place, self.resume, export)


def export(learner: DinoLearner, folder: Path) -> None:
    """Write the backbone in half precision as `ViTModel` reads it, and the training's record."""
    write_half(learner.network(), folder)
    settings = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": NATIVE, "width": NATIVE},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": IMAGE_MEAN,
        "image_std": IMAGE_STD,
    }
    write_preprocessor(folder, settings)
    write_record(learner, folder)
