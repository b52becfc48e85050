"""What the paper leaves open, as settings with the choices recommended here."""

from __future__ import annotations

from dataclasses import dataclass, field

from lexiseg.analysis.oracles.inference import Thresholds
from lexiseg.analysis.oracles.selection import AssignmentCost
from lexiseg.errors import UsageError


@dataclass(frozen=True)
class OracleConfig:
    """Settings of a study; they stand in every report.

    Args:
        object_mask: threshold of the predictor's own panoptic inference on its candidates
            (FC-CLIP 0, MAFT+ 0.2, Mask2Former 0.8).
        overlap: likewise, the share of its mask that a candidate must win (0.8; MAFT+ 0.7).
        object_mask_without_void: threshold where "no object" is no choice; None keeps the other.
        void_in_union: whether pixels of void count against the overlap by which oracle (b) and
            the split (e) look for a segment; as in panoptic quality they do not.
        remerge_stuff: whether segments of stuff that get one class by oracle (b) become one.
        entropy: weight of the cross entropy in the assignment of candidates.
        dice: weight of the Dice cost.
        points: random points that the cost is taken on; None takes every pixel.
        seed: of the points and of the bootstrap.
        biases: added to the logit of "no object" to see what another balance would give.
        draws: of the bootstrap.
        min_score: answers about single objects below it are not painted; AP counts them all.
    """

    object_mask: float = 0.0
    overlap: float = 0.8
    object_mask_without_void: float | None = None
    void_in_union: bool = False
    remerge_stuff: bool = False
    entropy: float = 5.0
    dice: float = 5.0
    points: int | None = None
    seed: int = 0
    biases: tuple[float, ...] = field(default=(-4.0, -2.0, -1.0, 1.0))
    draws: int = 1000
    min_score: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.object_mask, self.overlap, self.object_mask_without_void or 0.0)
        if not all(0 <= share <= 1 for share in shares):
            raise UsageError(
                "object_mask, overlap and object_mask_without_void are shares; give 0 to 1."
            )
        if min(self.entropy, self.dice) < 0 or not self.entropy + self.dice > 0:
            raise UsageError("entropy and dice are weights; give 0 or more, one of them above 0.")
        if self.draws < 1 or (self.points is not None and self.points < 1):
            raise UsageError("draws and points are numbers of draws and points; give 1 or more.")

    @property
    def thresholds(self) -> Thresholds:
        """Of the predictor."""
        return Thresholds(self.object_mask, self.overlap)

    @property
    def thresholds_without_void(self) -> Thresholds:
        """Where "no object" is no choice."""
        other = self.object_mask_without_void
        return Thresholds(self.object_mask if other is None else other, self.overlap)

    @property
    def cost(self) -> AssignmentCost:
        """Of the assignment."""
        return AssignmentCost(self.entropy, self.dice, self.points, self.seed)
