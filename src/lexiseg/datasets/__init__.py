"""Readers for published data sets, their class lists, and the procedural Miniworld."""

from lexiseg.datasets.class_list import ClassList, class_list_names, load_class_list
from lexiseg.datasets.protocols import (
    AnyDataset,
    ClassDataset,
    Dataset,
    InstanceDataset,
    PanopticDataset,
    ReferringDataset,
    SemanticDataset,
    VideoDataset,
    check_dataset,
)
from lexiseg.datasets.sample import (
    IGNORE,
    Expression,
    InstanceSample,
    PanopticSample,
    ReferringSample,
    SemanticSample,
    Target,
    TrueObject,
    TrueSegment,
    VideoSample,
)

__all__ = [
    "IGNORE",
    "AnyDataset",
    "ClassDataset",
    "ClassList",
    "Dataset",
    "Expression",
    "InstanceDataset",
    "InstanceSample",
    "PanopticDataset",
    "PanopticSample",
    "ReferringDataset",
    "ReferringSample",
    "SemanticDataset",
    "SemanticSample",
    "Target",
    "TrueObject",
    "TrueSegment",
    "VideoDataset",
    "VideoSample",
    "check_dataset",
    "class_list_names",
    "load_class_list",
]
