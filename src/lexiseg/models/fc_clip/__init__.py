"""FC-CLIP and MAFT+ as networks: a picture becomes masks with class embeddings."""

from lexiseg.models.fc_clip.config import HeadConfig, config_of
from lexiseg.models.fc_clip.loading import (
    load_proposal_model,
    published_state,
    save_proposal_model,
)
from lexiseg.models.fc_clip.mask_decoder import Decoded, MaskDecoder
from lexiseg.models.fc_clip.pixel_decoder import PixelDecoder, PixelFeatures
from lexiseg.models.fc_clip.preprocess import InputSize, prepare
from lexiseg.models.fc_clip.proposals import MaskProposals, ProposalModel, ProposalNetwork
from lexiseg.models.fc_clip.transfer import ContentTransfer

__all__ = [
    "ContentTransfer",
    "Decoded",
    "HeadConfig",
    "InputSize",
    "MaskDecoder",
    "MaskProposals",
    "PixelDecoder",
    "PixelFeatures",
    "ProposalModel",
    "ProposalNetwork",
    "config_of",
    "load_proposal_model",
    "prepare",
    "published_state",
    "save_proposal_model",
]
