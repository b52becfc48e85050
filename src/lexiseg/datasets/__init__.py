"""Readers for published data sets, their class lists, and the procedural Miniworld."""

from lexiseg.datasets.class_list import ClassList, class_list_names, load_class_list
from lexiseg.datasets.sample import (
    IGNORE,
    Dataset,
    Expression,
    ReferringSample,
    SemanticSample,
    Target,
    VideoSample,
)

__all__ = [
    "IGNORE",
    "ClassList",
    "Dataset",
    "Expression",
    "ReferringSample",
    "SemanticSample",
    "Target",
    "VideoSample",
    "class_list_names",
    "load_class_list",
]
