"""Where the frozen networks and the adapter to start from come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch

from lexiseg.config import override
from lexiseg.errors import UsageError
from lexiseg.methods.openworldsam.presets import PRESETS, find_preset
from lexiseg.models.beit3 import Beit3
from lexiseg.models.hub import find_weights, require_weights
from lexiseg.models.image_text import load_image_text
from lexiseg.models.openworldsam import Adapter, AdapterConfig, load_adapter, load_sam2
from lexiseg.models.openworldsam.pair_encoders import LateFusion, TextAlone
from lexiseg.models.weights import read_json
from lexiseg.training.openworldsam.config import LAYOUTS, AdapterTraining, Variant
from lexiseg.training.openworldsam.learner import training_dtype
from lexiseg.training.openworldsam.networks import FrozenNetworks, Pairing

Fusion = Literal["early", "late", "text"]
NEW = "new"
CLIP_KINDS = ("clip", "siglip", "siglip2")


@dataclass(frozen=True)
class NetworkChoice:
    """Which weights a training needs.

    Attributes:
        sam2: known or bundled name, hub id, folder or file.
        encoder: of pictures and texts, likewise.
        fusion: how its vectors are made: "early" is BEiT-3's class token that saw both; "text"
            reads the text alone, with BEiT-3 or CLIP; "late" puts CLIP's two vectors together.
        adapter: where to start, likewise; None begins anew.
    """

    sam2: str
    encoder: str
    fusion: Fusion = "early"
    adapter: str | None = None

    @classmethod
    def of(
        cls,
        init: str | None = None,
        preset: str = "paper",
        *,
        sam2: str | None = None,
        encoder: str | None = None,
        fusion: Fusion = "early",
    ) -> NetworkChoice:
        """What words of a command line mean.

        Args:
            init: name of a preset, for its networks and its adapter; "new" for an adapter that
                knows nothing; else an adapter's folder, file or hub id. None starts from the
                preset's adapter, if it is used as that was trained.
            preset: whose networks are taken where nothing else is said.
            sam2: another segmenter.
            encoder: another encoder.
            fusion: how the encoder is used.

        Raises:
            UnknownNameError: there is no such preset.
        """
        chosen = init if init is not None and init in PRESETS else preset
        named = find_preset(chosen)
        own = named.adapter if init is None or init in PRESETS else init
        given = None if own == NEW else own
        return cls(sam2 or named.sam2, encoder or named.beit3, fusion, given)

    def require(self) -> None:
        """Find out that all weights are there, before anything is loaded.

        Raises:
            WeightsNotFoundError: some are not on this machine; one message names them all.
        """
        parts = (self.adapter, self.sam2, self.encoder)
        require_weights(*(part for part in parts if part is not None))


def load_frozen(
    choice: NetworkChoice, device: torch.device, config: AdapterTraining
) -> FrozenNetworks:
    """SAM 2 and the encoder, in the precision of the training.

    Args:
        choice: which.
        device: where to.
        config: says the precision.

    Raises:
        WeightsNotFoundError: they are not on this machine.
        CheckpointError: they do not fit.
    """
    name = str(training_dtype(config.precision, device)).removeprefix("torch.")
    segmenter = load_sam2(choice.sam2, str(device), name)
    return FrozenNetworks(segmenter, _load_encoder(choice, str(device), name))


def _load_encoder(choice: NetworkChoice, device: str, dtype: str) -> Pairing:
    if choice.fusion == "late":
        return LateFusion(load_image_text(choice.encoder, device, dtype))
    if choice.fusion == "text" and _is_clip(choice.encoder):
        return TextAlone(load_image_text(choice.encoder, device, dtype))
    beit3 = Beit3.load(choice.encoder, device, dtype)
    return beit3 if choice.fusion == "early" else TextAlone(beit3)


def _is_clip(source: str) -> bool:
    side_file = find_weights(source) / "config.json"
    return side_file.is_file() and read_json(side_file).get("model_type") in CLIP_KINDS


def load_start(
    choice: NetworkChoice,
    networks: FrozenNetworks,
    settings: Mapping[str, object],
    variant: Variant = "paper",
) -> Adapter:
    """The adapter to start from.

    Args:
        choice: which.
        networks: that it stands between; a new one gets their widths.
        settings: fields of `AdapterConfig`: sizes of a new one, what can be changed of another.
        variant: whose layout of tokens a new one learns.

    Raises:
        UnknownNameError: there is no such field.
        UsageError: a field has another type, or is a size that the given adapter does not have.
    """
    if choice.adapter is None:
        sizes = AdapterConfig(networks.pairs.width, networks.width, layout=LAYOUTS[variant])
        return Adapter(override(sizes, settings))
    adapter, _ = load_adapter(choice.adapter, networks.device)
    changed = override(adapter.config, settings)
    if replace(changed, dropout=adapter.config.dropout) != adapter.config:
        raise UsageError(
            f"{choice.adapter} has sizes of its own; of a given adapter only its dropout can be "
            "set, so begin a new one with --init new."
        )
    return rebuilt(adapter, changed)


def rebuilt(adapter: Adapter, config: AdapterConfig) -> Adapter:
    """The same numbers under other settings."""
    other = Adapter(config)
    other.load_state_dict(adapter.state_dict())
    return other
