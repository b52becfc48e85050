"""Detectors that are told in words what to look for: boxes out."""

from lexiseg.models.detectors.boxes import Detections
from lexiseg.models.detectors.grounding_dino import GroundingDino
from lexiseg.models.detectors.owlv2 import Owlv2

__all__ = ["Detections", "GroundingDino", "Owlv2"]
