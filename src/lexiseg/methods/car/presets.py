"""Settings and weights by name: one preset per data set of the paper, in both variants.

Thresholds of the paper are from its section 4.1 and Table 5; where it is silent (ADE20K, Pascal
Context 459, GRES) those of the released configs stand in for both variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lexiseg.config import look_up, override
from lexiseg.datasets.class_list import load_class_list
from lexiseg.errors import UnknownNameError
from lexiseg.methods.car.config import RELEASED, TEMPLATES, CarConfig, SegmentEnsemble
from lexiseg.ops.crf import CrfConfig

B16 = "openai/clip-vit-base-patch16"
L14 = "openai/clip-vit-large-patch14"


@dataclass(frozen=True)
class Preset:
    """What to load.

    Attributes:
        options: fields of `CarConfig` that differ from its defaults.
        released: those that differ further in the released configs.
        class_list: list of `lexiseg.datasets` that says which names are stuff.
        proposal: weights of the CAM tower.
        classifier: weights of the mask classifier.
    """

    options: Mapping[str, object]
    released: Mapping[str, object]
    class_list: str | None = None
    proposal: str = B16
    classifier: str = L14

    def config(self, variant: str) -> CarConfig:
        """The settings of a variant.

        Raises:
            UnknownNameError: the variant is neither "paper" nor "released".
        """
        if variant not in VARIANTS:
            raise UnknownNameError("variant", variant, VARIANTS)
        options = dict(self.options)
        if self.class_list:
            options["stuff"] = tuple(sorted(load_class_list(self.class_list).stuff))
        config = override(CarConfig(), options)
        if variant == "paper":
            return config
        code = {
            "procedure": RELEASED,
            "background": ("released",),
            "crf": CrfConfig(image="bgr_wrapped"),
        }
        return override(config, {**code, **self.released})


VARIANTS = ("paper", "released")


def _thresholds(
    eta: float, theta: float, lam: float, *prompts: str, **more: object
) -> dict[str, object]:
    return {"eta": eta, "theta": theta, "lam": lam, "prompts": prompts, **more}


VOC = Preset(
    _thresholds(0.4, 0.6, 0.4, "circle", "blur"),
    {"segments": SegmentEnsemble(0.05, 0.6, 0.9)},
)
COCO = Preset(
    _thresholds(0.5, 0.3, 0.5, "blur", "gray"),
    {"segments": SegmentEnsemble(0.02, 0.7, 0.9)},
)
CONTEXT = Preset(
    _thresholds(0.6, 0.2, 0.4, "blur", "circle", stuff_prompts=("blur", "gray")),
    {"theta": 0.25, "segments": SegmentEnsemble(0.02, 0.5, 0.9)},
    class_list="context-59",
)


def _referring(
    eta: float, theta: float, lam: float, classifier: str = B16, **released: object
) -> Preset:
    options = _thresholds(eta, theta, lam, "circle", "blur")
    return Preset(options, released, classifier=classifier)


# Chosen on Miniworld's validation scenes (docs/presets.md). Value maps of the tower that saw whole
# pictures meet things better than any Grad-CAM of either tower (benchmarks/car_maps.py), and need
# no refinement; the tower that saw marked pictures judges. Texts of the small towers mean the same
# in any template, so one is enough; drawings have fewer colors than photos, so that pixels of
# rather different color still belong together.
MINI_PRESET = Preset(
    _thresholds(
        0.5,
        0.2,
        0.5,
        "blur",
        proposals="value",
        affinity=False,
        background=("released",),
        background_factor=2.0,
        templates=TEMPLATES[1:2],
        crf=CrfConfig(image="rgb", color_sigma=8.0),
        reject_all=True,
    ),
    {},
    proposal="mini-clip-proposal",
    classifier="mini-clip-classifier",
)

PRESETS: dict[str, Preset] = {
    "paper": COCO,
    "mini": MINI_PRESET,
    "voc20": VOC,
    "voc21": VOC,
    "coco-object": COCO,
    "context59": CONTEXT,
    "context60": CONTEXT,
    "ade150": Preset(_thresholds(0.6, 0.25, 0.7, "gray", "blur"), {}, "ade-150"),
    "pc459": Preset(_thresholds(0.4, 0.25, 0.7, "gray", "blur"), {}, "pc-459"),
    "ade847": Preset(_thresholds(0.6, 0.25, 0.7, "gray", "blur"), {}, "ade-847"),
    "refcoco": _referring(0.5, 0.3, 0.5, prompts=("circle",)),
    "refcoco+": _referring(0.2, 0.1, 0.5),
    "refcocog": _referring(0.5, 0.1, 0.6),
    "gres": _referring(0.5, 0.0, 0.3, L14, prompts=("circle",)),
    "ref-davis": _referring(0.5, 0.1, 0.6),
    "demo": Preset(_thresholds(0.5, 0.0, 0.6, "gray", "blur"), {}),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: there is none.
    """
    return look_up("preset", PRESETS, name)
