"""Readers for published data sets, their class lists, and the procedural Miniworld."""

from lexiseg.datasets.class_list import ClassList, class_list_names, load_class_list
from lexiseg.datasets.sample import (
    IGNORE,
    Dataset,
    Expression,
    InstanceSample,
    ReferringSample,
    SemanticSample,
    Target,
    TrueObject,
    VideoSample,
)

__all__ = [
    "IGNORE",
    "ClassList",
    "Dataset",
    "Expression",
    "InstanceSample",
    "ReferringSample",
    "SemanticSample",
    "Target",
    "TrueObject",
    "VideoSample",
    "class_list_names",
    "load_class_list",
]
