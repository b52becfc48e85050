"""Settings of the captioners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lexiseg.config import check_ranges


@dataclass(frozen=True)
class ZeroCapConfig:
    """Settings of the ZeroCap decoder (Tewel et al., CVPR 2022), as zero-guidance runs it.

    Attributes:
        prompt: how every caption starts; it is not part of the label.
        max_tokens: new tokens at most.
        beams: of the search.
        iterations: gradient steps on the context of every token.
        candidates: most probable next tokens whose texts CLIP compares with the segment.
        temperature: tau of CLIP's softmax over them.
        clip_weight: of the CLIP loss.
        fluency_weight: of the divergence from the unshifted language model.
        step_size: of a gradient step.
        norm_exponent: a gradient is divided by its norm to this power.
        fusion: exponent of the shifted distribution; the rest is the unshifted one's.
        repetition_penalty: divides logits of tokens among the last four; 1 is off.
        end_factor: raises the end token's logit after the first position; 1.1 in the code of
            zero-guidance, 1.01 in that of ZeroCap.
        start_factor: lowers the end token's logit at the first position.
        forbidden_factor: lowers the logits of numbers and punctuation.
        renormalization: fused probabilities are divided by their sum over all beams of a segment
            ("joint", as published, which works as a length penalty) or "per-beam".
        clean_up: of the winning caption: strip a trailing "dot", or drop the last character
            whatever it is, as "released", which spoils captions that reached the limit.
    """

    prompt: str = "Image of a"
    max_tokens: int = 15
    beams: int = 5
    iterations: int = 5
    candidates: int = 512
    temperature: float = 0.01
    clip_weight: float = 1.0
    fluency_weight: float = 0.2
    step_size: float = 0.3
    norm_exponent: float = 0.9
    fusion: float = 0.99
    repetition_penalty: float = 1.0
    end_factor: float = 1.1
    start_factor: float = 1.6
    forbidden_factor: float = 20.0
    renormalization: Literal["joint", "per-beam"] = "joint"
    clean_up: Literal["dot", "released"] = "dot"

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range.
        """
        check_ranges(
            self,
            ("max_tokens", 1, 1000), ("beams", 1, 1000), ("iterations", 0, 1000),
            ("candidates", 1, 1_000_000), ("temperature", 1e-6, 1000), ("fusion", 0, 1),
            ("repetition_penalty", 1, 1000), ("end_factor", 1, 1000), ("start_factor", 1, 1000),
            ("forbidden_factor", 1, 1000),
        )  # fmt: skip
