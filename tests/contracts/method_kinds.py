"""Every registered method with weights that are on this machine, loaded the way a user loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lexiseg
from lexiseg.types import Method
from tests.models.published_detectors import make_clipseg, make_grounding_dino, make_owlv2
from tests.models.published_fc_clip import make_fc_clip, make_maft_plus
from tests.models.tiny_openworldsam import make_openworldsam

CPU = {"device": "cpu", "dtype": "float32"}
ZERO_GUIDANCE = {"short_side": 48, "stride": 8, "segments": 4}
SHARPENED = {
    "segmenter": "mini-sam",
    "segmenter.points_per_side": 4,
    "segmenter.min_score": 0.0,
    "segmenter.min_stability": 0.0,
}
TIDES = {"long_side": 112, "windows": (56, 112), "max_points": 20}
ZEROCAP = {"decoder.beams": 2, "decoder.iterations": 1, "decoder.max_tokens": 3}
SMALL = {"short_side": 64, "long_side": 96}
BOXES = {"segmenter": "mini-sam", "min_score": 0.0, "max_objects": 2}
DENSE = ("maskclip", "sclip", "sc-clip", "clip-surgery", "clearclip", "naclip")
# Label -> name in the registry and options of `load`; those of PUBLISHED need a folder of weights.
BUNDLED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "car": ("car", SHARPENED),
    "tides": ("tides", TIDES),
    "tides-raw": ("tides-raw", TIDES),
    "zero-guidance": ("zero-guidance", ZERO_GUIDANCE),
    "zero-guidance, adjectives": (
        "zero-guidance",
        {**ZERO_GUIDANCE, "decoder": "vocabulary+attributes"},
    ),
    "zero-guidance, ZeroCap": (
        "zero-guidance",
        {**ZERO_GUIDANCE, "decoder": "zerocap", **ZEROCAP},
    ),
    **{name: (name, {}) for name in DENSE},
    "sam+clip": ("sam+clip", {"points_per_side": 4}),
}
PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "grounded-sam": BOXES,
    "owlv2+sam": BOXES,
    "clipseg": {},
    "fc-clip": SMALL,
    "maft-plus": SMALL,
    "openworldsam": {"clip_weights": "mini-clip-proposal", "min_score": 0.3},
}
MAKERS = {
    "grounded-sam": make_grounding_dino,
    "owlv2+sam": make_owlv2,
    "clipseg": make_clipseg,
    "fc-clip": make_fc_clip,
    "maft-plus": make_maft_plus,
    "openworldsam": make_openworldsam,
}
# Options of `load` that take the folder; several take a folder of their own inside it.
WHERE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("clipseg", "fc-clip", "maft-plus"), ("weights",)),
    "openworldsam": ("sam2", "beit3", "adapter"),
}
KINDS = (*BUNDLED, *PUBLISHED)


def load(label: str, folder: Path, **options: Any) -> Method:
    """A method with small weights; those that no package brings are made in the folder."""
    if label in BUNDLED:
        name, own = BUNDLED[label]
        return lexiseg.load(name, preset="mini", **{**CPU, **own, **options})
    place = folder / label
    if not place.exists():
        place.mkdir()
        MAKERS[label](place)
    names = WHERE.get(label, ("detector_weights",))
    weights = {name: place / name if len(names) > 1 else place for name in names}
    settings = {**CPU, **PUBLISHED[label], **weights, **options}
    return lexiseg.load(label, preset="paper", **settings)
