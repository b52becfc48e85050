"""Settings of the adapter's training, the paper's by default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lexiseg.config import check_ranges
from lexiseg.errors import UsageError
from lexiseg.models.openworldsam import Layout, Scope
from lexiseg.training.engine.learner import TrainingConfig

Variant = Literal["paper", "released"]
DataTask = Literal["panoptic", "instance", "referring"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class AdapterTraining(TrainingConfig):
    """How an adapter learns (Xiao et al., NeurIPS 2025, section 4.1 and appendix A).

    Attributes:
        batch: pictures per step and process.
        rate: learning rate until the first drop.
        warmup: steps over which the rate rises; 0 for none.
        drops: shares 0..1 of the training after each of which the rate is a tenth.
        weight_decay: of AdamW, on everything but the scales and offsets of LayerNorm.
        clip: largest norm of the gradient of all parameters together.
        prompts: present names asked of one picture at most, drawn anew each time; None for all.
        negatives: absent names asked for each present one, on average; 0 as published.
        focal_weight: of the focal loss, in the matching as well.
        dice_weight: of the dice loss, in the matching as well.
        score_weight: of one minus the predicted IoU of matched queries.
        presence_weight: of SAM 2's object score, which is to be high for matched queries of
            present names and low for all queries of absent ones; 0 as published.
        unmatched_weight: of object scores of unmatched queries of present names, which are to be
            low, relative to `presence_weight`.
        layout: tokens of a query that are to be learned; None for those the adapter knows.
        scope: whether the prompts of a picture see each other, likewise.
        precision: of the forward pass; "auto" is bfloat16 on accelerators that have it, float16
            with scaled gradients on others, float32 on a processor.
    """

    seed: int = 42
    batch: int = 8
    rate: float = 1e-4
    warmup: int = 0
    drops: tuple[float, ...] = (0.89, 0.96)
    weight_decay: float = 0.05
    clip: float = 0.005
    prompts: int | None = 6
    negatives: float = 0.0
    focal_weight: float = 20.0
    dice_weight: float = 0.0
    score_weight: float = 0.0
    presence_weight: float = 0.0
    unmatched_weight: float = 0.0
    layout: Layout | None = None
    scope: Scope | None = None
    precision: Precision = "auto"
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or negatives that nothing is learned from.
        """
        many, most = 10_000, 1e9
        check_ranges(
            self,
            ("seed", 0, 2**31), ("batch", 1, many), ("rate", 0, 10), ("warmup", 0, most),
            ("weight_decay", 0, 10), ("clip", 1e-12, most), ("prompts", 1, many),
            ("negatives", 0, many), ("focal_weight", 0, most), ("dice_weight", 0, most),
            ("score_weight", 0, most), ("presence_weight", 0, most), ("unmatched_weight", 0, most),
            ("checkpoint_every", 1, most),
        )  # fmt: skip
        if any(not 0 < drop <= 1 for drop in self.drops):
            raise UsageError(f"Option 'drops' was given {self.drops}; expected shares 0 to 1.")
        if self.negatives and not self.presence_weight:
            raise UsageError(
                "Absent names teach nothing while presence_weight is 0; set it, as to 1, or leave "
                "negatives at 0."
            )


@dataclass(frozen=True)
class Schedule:
    """How long to train: the first of these that is given.

    Attributes:
        steps: of the optimizer.
        minutes: of this machine.
        epochs: times that every picture is seen.
    """

    steps: int | None = None
    minutes: float | None = None
    epochs: float | None = None


LAYOUTS: dict[Variant, Layout] = {"paper": "one_token", "released": "released"}
RELEASED_STEPS = {"panoptic": 500_000, "instance": 500_000, "referring": 100_000}
PAPER_EPOCHS = {"panoptic": 25.0, "instance": 25.0, "referring": 15.0}


def settings_of(task: DataTask, variant: Variant = "paper") -> tuple[AdapterTraining, Schedule]:
    """The published settings for a kind of data.

    Args:
        task: "panoptic" and "instance" are trained alike; "referring" is fine-tuning.
        variant: "paper" as the text says, "released" as the authors' code does; they differ in
            length and drops of the rate, in the layout of the tokens (`LAYOUTS`), and for referring
            expressions in rate, warm-up and weight decay too.
    """
    paper = AdapterTraining()
    if task == "referring":
        paper = replace(paper, rate=1e-5, prompts=None)
    if variant == "paper":
        return paper, Schedule(epochs=PAPER_EPOCHS[task])
    steps = RELEASED_STEPS[task]
    released = replace(paper, drops=(327_778 / 500_000, 355_092 / 500_000))
    if task == "referring":
        released = replace(released, rate=1e-4, warmup=1000, weight_decay=1e-4, drops=(0.3,))
    return released, Schedule(steps=steps)
