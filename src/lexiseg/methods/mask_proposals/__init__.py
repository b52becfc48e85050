"""FC-CLIP and MAFT+: class-agnostic candidates, named by a convolutional CLIP."""

from lexiseg.methods.mask_proposals.config import (
    TEMPLATES,
    FcClipConfig,
    MaftPlusConfig,
    ProposalConfig,
)
from lexiseg.methods.mask_proposals.method import (
    FcClip,
    MaftPlus,
    MaskProposalMethod,
    ProposalScene,
)
from lexiseg.methods.mask_proposals.presets import FC_CLIP, MAFT_PLUS, Preset

__all__ = [
    "FC_CLIP",
    "MAFT_PLUS",
    "TEMPLATES",
    "FcClip",
    "FcClipConfig",
    "MaftPlus",
    "MaftPlusConfig",
    "MaskProposalMethod",
    "Preset",
    "ProposalConfig",
    "ProposalScene",
]
