"""From names and options to settings and a captioner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lexiseg.config import override, split_options
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig, find_variant
from lexiseg.methods.zero_guidance.presets import Preset
from lexiseg.models.clip import Clip
from lexiseg.registry import CAPTIONERS
from lexiseg.types import Captioner

ZEROCAP = "zerocap"
LANGUAGE_MODEL = "language_model"


@dataclass(frozen=True)
class Choice:
    """Settings of the method, and which captioner with which options.

    Attributes:
        config: of the method.
        decoder: a name of `CAPTIONERS`.
        decoder_options: what it is called with, after CLIP.
    """

    config: ZeroGuidanceConfig
    decoder: str
    decoder_options: Mapping[str, object]

    @property
    def language_model(self) -> dict[str, str]:
        """The option that names the language model, for a captioner that has one by name."""
        model = self.decoder_options.get(LANGUAGE_MODEL)
        return {f"decoder.{LANGUAGE_MODEL}": str(model)} if isinstance(model, str | Path) else {}

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Weights that the captioner will load."""
        return tuple(self.language_model.values())


def choose(
    preset: Preset, variant: str | None, decoder: str | None, options: Mapping[str, object]
) -> Choice:
    """Put preset, variant and options together; of two that disagree the later one wins.

    Args:
        preset: weights and their settings.
        variant: reading of the paper; None for the preset's.
        decoder: in place of the variant's.
        options: fields of `ZeroGuidanceConfig`, and options of the captioner after ``decoder.``.

    Raises:
        UnknownNameError: no such variant, decoder or option.
        UsageError: a value of the wrong type or out of its range.
    """
    reading = find_variant(variant or preset.variant)
    name = decoder or reading.decoder
    _ = CAPTIONERS[name]
    own, inner = split_options(options, "decoder.")
    defaults: dict[str, object] = dict(preset.decoders.get(name, {}))
    if name == ZEROCAP:
        defaults = {LANGUAGE_MODEL: preset.language_model, **defaults, **reading.zerocap}
    settings = {**preset.options, **reading.options, **own}
    return Choice(override(ZeroGuidanceConfig(), settings), name, {**defaults, **inner})


def load_captioner(choice: Choice, clip: Clip) -> Captioner:
    """The captioner on the CLIP that embeds the segments.

    Raises:
        UnknownNameError: no such option.
        WeightsNotFoundError: its weights are not on this machine.
    """
    captioner: Captioner = CAPTIONERS[choice.decoder](clip, **choice.decoder_options)
    return captioner
