"""SAM 2 as OpenWorldSAM uses it: frozen, of the first release, with pictures resized its way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import CheckpointError
from lexiseg.models.hub import checkpoints, find_weights
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.weights import read_state

if TYPE_CHECKING:
    from lexiseg.models.sam import Segmenter

RELEASE_2_1 = re.compile(r"sam2\.1")


def load_sam2(
    source: str | Path, device: str = "auto", dtype: str = "auto", *, download: bool = False
) -> Segmenter:
    """Load SAM 2.0 with the preprocessing of OpenWorldSAM's program.

    Args:
        source: known name, hub id, bundled name, folder in transformers' format, or file in the
            layout of SAM 2's own program (``sam2_hiera_large.pt``).
        device: "auto" or a torch device.
        dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
        download: allow fetching from the hub what is not in its cache.

    Raises:
        WeightsNotFoundError: the weights are not on this machine.
        CheckpointError: they do not fit, or are those of SAM 2.1.
    """
    # Imported here because it brings transformers, which takes seconds.
    from lexiseg.models.sam import load_segmenter

    refuse_sam21(source, find_weights(source, download=download))
    segmenter = load_segmenter(source, device, dtype, download=download)
    segmenter.preprocessing = replace(segmenter.preprocessing, antialias=False)
    return segmenter


def refuse_sam21(source: str | Path, path: Path | None = None) -> None:
    """Check that weights are not those of SAM 2.1, as far as name and settings tell.

    Args:
        source: what was asked for.
        path: where it lies, if it is on this machine.

    Raises:
        CheckpointError: they are.
    """
    known = checkpoints().get(str(source))
    names = {Path(source).name, str(source) if known is None else known.hub}
    if any(RELEASE_2_1.search(name) for name in names) or (path and _tracks_like_sam21(path)):
        raise CheckpointError(
            f"{source} holds SAM 2.1, but OpenWorldSAM's adapter was trained on SAM 2.0; give "
            "sam2-large, facebook/sam2-hiera-large or sam2_hiera_large.pt."
        )


def _tracks_like_sam21(path: Path) -> bool:
    """Only the second release tells occluded objects apart while it tracks."""
    if path.is_file():
        from lexiseg.models.sam.sam2_files import is_second_release

        return is_second_release(read_state(path))
    if not (path / CONFIG).is_file():
        return False
    return bool(read_config(path).get("enable_occlusion_spatial_embedding"))
