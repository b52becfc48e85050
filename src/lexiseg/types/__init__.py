"""The data that rooms hand to each other."""

from lexiseg.types.captioner import Captioner, Description
from lexiseg.types.dense import DenseFeatures
from lexiseg.types.instances import Instance, Instances
from lexiseg.types.origin import Category, Number, Origin
from lexiseg.types.presence import Presence, PresenceTrace
from lexiseg.types.protocols import (
    DenseScorer,
    Labeler,
    MaskProposer,
    Method,
    PromptableSegmenter,
    SelfSupervisedEncoder,
)
from lexiseg.types.recipe import Recipe, describe_weights, study_versions
from lexiseg.types.result import Panoptic, Result, Segment, SemanticMap
from lexiseg.types.rle import Mask
from lexiseg.types.segmenter import Candidates, Frame, ImageEmbedding
from lexiseg.types.vocabulary import Names, Vocabulary, split_comma_list

__all__ = [
    "Candidates",
    "Captioner",
    "Category",
    "DenseFeatures",
    "DenseScorer",
    "Description",
    "Frame",
    "ImageEmbedding",
    "Instance",
    "Instances",
    "Labeler",
    "Mask",
    "MaskProposer",
    "Method",
    "Names",
    "Number",
    "Origin",
    "Panoptic",
    "Presence",
    "PresenceTrace",
    "PromptableSegmenter",
    "Recipe",
    "Result",
    "Segment",
    "SelfSupervisedEncoder",
    "SemanticMap",
    "Vocabulary",
    "describe_weights",
    "split_comma_list",
    "study_versions",
]
