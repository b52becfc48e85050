"""The data that rooms hand to each other."""

from lexiseg.types.captioner import Captioner, Description
from lexiseg.types.dense import DenseFeatures
from lexiseg.types.instances import Instance, Instances
from lexiseg.types.origin import Category, Number, Origin
from lexiseg.types.presence import Presence, PresenceTrace
from lexiseg.types.protocols import (
    BatchMethod,
    DenseScorer,
    EncodedImage,
    ImageSource,
    MaskProposer,
    Method,
    PromptableSegmenter,
    SelfSupervisedEncoder,
    SentenceProtocol,
    Task,
    Verb,
)
from lexiseg.types.recipe import (
    Network,
    Recipe,
    describe_weights,
    package_versions,
    precision_of,
    study_versions,
)
from lexiseg.types.result import Panoptic, Result, Segment, SemanticMap
from lexiseg.types.rle import Mask
from lexiseg.types.segmenter import Candidates, Frame, ImageEmbedding
from lexiseg.types.verdicts import reported
from lexiseg.types.vocabulary import (
    Names,
    Vocabulary,
    rivals,
    split_comma_list,
    split_cutoff,
)

__all__ = [
    "BatchMethod",
    "Candidates",
    "Captioner",
    "Category",
    "DenseFeatures",
    "DenseScorer",
    "Description",
    "EncodedImage",
    "Frame",
    "ImageEmbedding",
    "ImageSource",
    "Instance",
    "Instances",
    "Mask",
    "MaskProposer",
    "Method",
    "Names",
    "Network",
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
    "SentenceProtocol",
    "Task",
    "Verb",
    "Vocabulary",
    "describe_weights",
    "package_versions",
    "precision_of",
    "reported",
    "rivals",
    "split_comma_list",
    "split_cutoff",
    "study_versions",
]
