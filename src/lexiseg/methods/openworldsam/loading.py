"""The networks of OpenWorldSAM, from wherever they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexiseg.methods.parts import load_scorer
from lexiseg.models.beit3 import Beit3
from lexiseg.models.hub import require_weights
from lexiseg.models.openworldsam import Adapter, load_adapter, load_sam2, refuse_sam21
from lexiseg.types import DenseScorer

if TYPE_CHECKING:
    from lexiseg.models.sam import Segmenter


@dataclass(frozen=True)
class WeightSources:
    """Where each network lies.

    Attributes:
        adapter: folder of a training run, or folder, file, bundled name or hub id of an adapter.
        sam2: known or bundled name, hub id, folder or file.
        beit3: hub id, bundled name, folder or file.
        clip: the same; None for none.
    """

    adapter: str
    sam2: str
    beit3: str
    clip: str | None = None

    @property
    def parts(self) -> Mapping[str, str | None]:
        """As options of `load`."""
        own = {"adapter": self.adapter, "sam2": self.sam2, "beit3": self.beit3}
        return {**own, "clip_weights": self.clip}


@dataclass(frozen=True)
class Networks:
    """All parts, ready to run."""

    encoder: Beit3
    adapter: Adapter
    segmenter: Segmenter
    clip: DenseScorer | None


def load_networks(choice: WeightSources, device: str, dtype: str) -> Networks:
    """Load every part, or none where one is absent.

    Args:
        choice: where they lie.
        device: "auto" or a torch device.
        dtype: "auto" or a precision, of the frozen networks; the adapter stays float32.

    Raises:
        WeightsNotFoundError: weights are not on this machine; one message names them all.
        CheckpointError: they do not fit.
    """
    refuse_sam21(choice.sam2)
    sources = (choice.adapter, choice.sam2, choice.beit3, choice.clip)
    require_weights(*(source for source in sources if source is not None))
    segmenter = load_sam2(choice.sam2, device, dtype)
    encoder = Beit3.load(choice.beit3, device, dtype)
    adapter, _ = load_adapter(choice.adapter, segmenter.device)
    clip = None if choice.clip is None else load_scorer("clip", choice.clip, device, dtype, {})
    return Networks(encoder, adapter, segmenter, clip)
