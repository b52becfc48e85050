"""Names for everything that can be exchanged, resolved only when used.

A registry maps a name to ``"module:attribute"``. Built-in entries are listed below; a third
party adds its own through an entry point of the group ``lexiseg.<kind>`` or by `register`::

    [project.entry-points."lexiseg.methods"]
    my-method = "my_package:MyMethod"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

from lexiseg.errors import UnknownNameError, UsageError

EntryT = TypeVar("EntryT")


class Registry(Mapping[str, Any]):
    """A lazy mapping from name to object.

    Args:
        kind: singular noun used in messages ("method").
        group: entry-point group that third parties add to.
        builtin: name -> ``"module:attribute"``.
        contract: ``"module:function"`` of what checks an entry, given its name and itself, when
            it is first asked for; "" for none.

    Example:
        >>> from lexiseg.registry import METHODS
        >>> "car" in METHODS
        True
    """

    def __init__(
        self, kind: str, group: str, builtin: Mapping[str, str], contract: str = ""
    ) -> None:
        self.kind = kind
        self.group = group
        self._contract = contract
        self._checked: dict[str, object] = {}
        self._targets: dict[str, str | object] = dict(builtin)
        self._discovered = False

    def register(self, name: str) -> Callable[[EntryT], EntryT]:
        """Decorator that adds an object under `name`.

        Raises:
            UsageError: the name is taken.
        """

        def add(target: EntryT) -> EntryT:
            self._add(name, target)
            return target

        return add

    def _add(self, name: str, target: object) -> None:
        if name in self._targets:
            raise UsageError(f"A {self.kind} named {name!r} is already registered; use another.")
        self._targets[name] = target

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for point in entry_points(group=self.group):
            self._add(point.name, point.value)

    def __getitem__(self, name: str) -> Any:
        if name not in self._targets:
            self._discover()
        try:
            target = self._targets[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self.kind, name, self._targets) from None
        if isinstance(target, str):
            target = self._targets[name] = _resolve(target)
        if self._contract and self._checked.get(name) is not target:
            _resolve(self._contract)(name, target)
            self._checked[name] = target
        return target

    def name_of(self, target: Callable[..., object]) -> str:
        """What a class or function is registered as; its own name if it is not.

        Example:
            >>> from lexiseg.registry import SCORERS
            >>> SCORERS.name_of(SCORERS["sclip"])
            'sclip'
        """
        self._discover()
        own = f"{target.__module__}:{target.__qualname__}"
        named = (name for name, known in self._targets.items() if known is target or known == own)
        return next(named, str(target.__name__))

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._targets))

    def __len__(self) -> int:
        self._discover()
        return len(self._targets)


def _resolve(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


METHODS = Registry(
    "method",
    "lexiseg.methods",
    {
        "car": "lexiseg.methods.car:CaR",
        "tides": "lexiseg.methods.tides:Tides",
        "tides-raw": "lexiseg.methods.tides:TidesRaw",
        "zero-guidance": "lexiseg.methods.zero_guidance:ZeroGuidance",
        "fc-clip": "lexiseg.methods.mask_proposals:FcClip",
        "maft-plus": "lexiseg.methods.mask_proposals:MaftPlus",
        "openworldsam": "lexiseg.methods.openworldsam:OpenWorldSam",
        "maskclip": "lexiseg.methods.dense:MaskClipSegmenter",
        "sclip": "lexiseg.methods.dense:SclipSegmenter",
        "sc-clip": "lexiseg.methods.dense:ScClipSegmenter",
        "clip-surgery": "lexiseg.methods.dense:ClipSurgerySegmenter",
        "clearclip": "lexiseg.methods.dense:ClearClipSegmenter",
        "naclip": "lexiseg.methods.dense:NaClipSegmenter",
        "sam+clip": "lexiseg.methods.baselines:SamClip",
        "grounded-sam": "lexiseg.methods.baselines:GroundedSam",
        "owlv2+sam": "lexiseg.methods.baselines:OwlSam",
        "clipseg": "lexiseg.methods.baselines:ClipSegMethod",
    },
    contract="lexiseg.types.protocols:require_method",
)

SCORERS = Registry(
    "scorer",
    "lexiseg.scorers",
    {
        "clip": "lexiseg.scorers.plain:PlainClip",
        "maskclip": "lexiseg.scorers.maskclip:MaskClip",
        "sclip": "lexiseg.scorers.sclip:SClip",
        "sc-clip": "lexiseg.scorers.sc_clip:ScClip",
        "clip-surgery": "lexiseg.scorers.clip_surgery:ClipSurgery",
        "clearclip": "lexiseg.scorers.clearclip:ClearClip",
        "naclip": "lexiseg.scorers.naclip:NaClip",
        "car": "lexiseg.methods.car.scorer:CarScorer",
    },
)

WRITERS = Registry(
    "format",
    "lexiseg.writers",
    {
        "overlay": "lexiseg.io.overlay:write_overlay",
        "png": "lexiseg.io.index_png:write_index_png",
        "coco": "lexiseg.io.coco:write_coco",
        "coco-polygons": "lexiseg.io.coco:write_coco_polygons",
        "coco-results": "lexiseg.io.coco:write_coco_results",
        "panoptic": "lexiseg.io.panoptic:write_panoptic",
        "labelme": "lexiseg.io.labelme:write_labelme",
        "labelme-polygons": "lexiseg.io.labelme:write_labelme_polygons",
        "yolo": "lexiseg.io.yolo:write_yolo",
        "masks": "lexiseg.io.object_png:write_object_pngs",
        "csv": "lexiseg.io.table:write_csv",
        "cvat": "lexiseg.io.cvat_writer:write_cvat",
        "cvat-polygons": "lexiseg.io.cvat_writer:write_cvat_polygons",
        "cvat-boxes": "lexiseg.io.cvat_writer:write_cvat_boxes",
        "json": "lexiseg.io.record:write_record",
        "label-studio": "lexiseg.io.label_studio_writer:write_label_studio",
        "label-studio-polygons": "lexiseg.io.label_studio_writer:write_label_studio_polygons",
        "label-studio-boxes": "lexiseg.io.label_studio_writer:write_label_studio_boxes",
        "parquet": "lexiseg.io.parquet:write_parquet",
    },
)

# Each is a `lexiseg.io.reader.Reader`, which recognises its files and gives their results.
READERS = Registry(
    "reader",
    "lexiseg.readers",
    {
        "coco": "lexiseg.io.coco_reader:COCO",
        "coco-results": "lexiseg.io.coco_reader:COCO_RESULTS",
        "csv": "lexiseg.io.table:CSV",
        "cvat": "lexiseg.io.cvat:CVAT",
        "json": "lexiseg.io.record:RECORD",
        "label-map": "lexiseg.io.label_map:LABEL_MAP",
        "label-studio": "lexiseg.io.label_studio:LABEL_STUDIO",
        "labelme": "lexiseg.io.labelme_reader:LABELME",
        "masks": "lexiseg.io.object_png:OBJECT_PNGS",
        "panoptic": "lexiseg.io.panoptic:PANOPTIC",
        "parquet": "lexiseg.io.parquet:PARQUET",
        "png": "lexiseg.io.index_png:INDEX_PNG",
        "yolo": "lexiseg.io.yolo_reader:YOLO",
    },
)

CONVERTERS = Registry(
    "converter",
    "lexiseg.converters",
    {
        "supervision": "lexiseg.io.supervision:to_supervision",
        "pandas": "lexiseg.io.table:to_pandas",
        "huggingface": "lexiseg.io.huggingface:to_huggingface",
        "picture": "lexiseg.io.overlay:draw_overlay",
    },
)

DATASETS = Registry(
    "data set",
    "lexiseg.datasets",
    {
        "voc21": "lexiseg.datasets.voc:open_voc21",
        "voc20": "lexiseg.datasets.voc:open_voc20",
        "context59": "lexiseg.datasets.context:open_context59",
        "context60": "lexiseg.datasets.context:open_context60",
        "coco-object": "lexiseg.datasets.coco_object:open_coco_object",
        "ade150": "lexiseg.datasets.ade20k:open_ade150",
        "ade150-instances": "lexiseg.datasets.ade20k:open_ade150_instances",
        "ade150-panoptic": "lexiseg.datasets.ade20k:open_ade150_panoptic",
        "ade847": "lexiseg.datasets.ade20k:open_ade847",
        "pc459": "lexiseg.datasets.context:open_pc459",
        "sun37": "lexiseg.datasets.sun_rgbd:open_sun_rgbd",
        "scannet20": "lexiseg.datasets.scannet:open_scannet20",
        "scannet40": "lexiseg.datasets.scannet:open_scannet40",
        "scannet-panoptic": "lexiseg.datasets.scannet:open_scannet_panoptic",
        "cityscapes": "lexiseg.datasets.cityscapes:open_cityscapes",
        "cityscapes-panoptic": "lexiseg.datasets.cityscapes:open_cityscapes_panoptic",
        "bdd10k": "lexiseg.datasets.bdd10k:open_bdd10k",
        "bdd10k-panoptic": "lexiseg.datasets.bdd10k:open_bdd10k_panoptic",
        "coco-panoptic": "lexiseg.datasets.coco_panoptic:open_coco_panoptic",
        "refcoco": "lexiseg.datasets.refer:open_refcoco",
        "refcoco+": "lexiseg.datasets.refer:open_refcoco_plus",
        "refcocog": "lexiseg.datasets.refer:open_refcocog",
        "refcocog-umd": "lexiseg.datasets.refcocog_umd:open_refcocog_umd",
        "gres": "lexiseg.datasets.refer:open_gres",
        "ref-davis": "lexiseg.datasets.ref_davis:open_ref_davis",
        "miniworld": "lexiseg.datasets.miniature:open_miniworld",
        "miniworld-regions": "lexiseg.datasets.miniature_regions:open_miniworld_regions",
        "miniworld-instances": "lexiseg.datasets.miniature_instances:open_miniworld_instances",
        "miniworld-panoptic": "lexiseg.datasets.miniature_panoptic:open_miniworld_panoptic",
        "coco": "lexiseg.datasets.coco_instances:open_coco",
        "lvis": "lexiseg.datasets.lvis:open_lvis",
    },
)

# Each is called as `SEGMENTERS[name](device=..., dtype=..., weights=...)`.
SEGMENTERS = Registry(
    "segmenter",
    "lexiseg.segmenters",
    {
        "sam-vit-b": "lexiseg.models.sam.loading:load_sam_vit_b",
        "sam-vit-l": "lexiseg.models.sam.loading:load_sam_vit_l",
        "sam-vit-h": "lexiseg.models.sam.loading:load_sam_vit_h",
        "sam-hq-vit-b": "lexiseg.models.sam.loading:load_sam_hq_vit_b",
        "sam-hq-vit-l": "lexiseg.models.sam.loading:load_sam_hq_vit_l",
        "sam-hq-vit-h": "lexiseg.models.sam.loading:load_sam_hq_vit_h",
        "sam2-tiny": "lexiseg.models.sam.loading:load_sam2_tiny",
        "sam2-small": "lexiseg.models.sam.loading:load_sam2_small",
        "sam2-base-plus": "lexiseg.models.sam.loading:load_sam2_base_plus",
        "sam2-large": "lexiseg.models.sam.loading:load_sam2_large",
        "sam2.1-tiny": "lexiseg.models.sam.loading:load_sam21_tiny",
        "sam2.1-small": "lexiseg.models.sam.loading:load_sam21_small",
        "sam2.1-base-plus": "lexiseg.models.sam.loading:load_sam21_base_plus",
        "sam2.1-large": "lexiseg.models.sam.loading:load_sam21_large",
        "edgetam": "lexiseg.models.sam.loading:load_edgetam",
        "sam3-tracker": "lexiseg.models.sam.loading:load_sam3_tracker",
        "hq-sam2.1-large": "lexiseg.models.sam.hq_sam2.loading:load_hq_sam2_large",
        "mini-sam": "lexiseg.models.sam.loading:load_mini_sam",
        "mini-sam2": "lexiseg.models.sam.loading:load_mini_sam2",
        "mobile-sam": "lexiseg.models.sam.mobile_sam.loading:load_mobile_sam",
        "efficientvit-sam-l0": (
            "lexiseg.models.sam.efficientvit_sam.loading:load_efficientvit_sam_l0"
        ),
        "efficientvit-sam-l1": (
            "lexiseg.models.sam.efficientvit_sam.loading:load_efficientvit_sam_l1"
        ),
        "efficientvit-sam-l2": (
            "lexiseg.models.sam.efficientvit_sam.loading:load_efficientvit_sam_l2"
        ),
        "efficientvit-sam-xl0": (
            "lexiseg.models.sam.efficientvit_sam.loading:load_efficientvit_sam_xl0"
        ),
        "efficientvit-sam-xl1": (
            "lexiseg.models.sam.efficientvit_sam.loading:load_efficientvit_sam_xl1"
        ),
    },
)

# Of a method's paper, each called as `REPLICATIONS[method](scenes=..., out=..., jobs=...)`.
REPLICATIONS = Registry(
    "replication",
    "lexiseg.replications",
    {
        "car": "lexiseg.replication.car.records:replicate_car",
        "openworldsam": "lexiseg.replication.openworldsam.records:replicate_openworldsam",
        "tides": "lexiseg.replication.tides.records:replicate_tides",
        "zero-guidance": "lexiseg.replication.zero_guidance.records:replicate_zero_guidance",
        "fc-clip": "lexiseg.replication.oracles.records:replicate_oracles",
    },
)

# Each is called as `CAPTIONERS[name](clip, **options)`.
CAPTIONERS = Registry(
    "decoder",
    "lexiseg.captioners",
    {
        "zerocap": "lexiseg.captioners.zerocap:ZeroCap",
        "vocabulary": "lexiseg.captioners.vocabulary:VocabularyNames",
        "vocabulary+attributes": ("lexiseg.captioners.attributes:AttributedNames"),
    },
)
