"""Miniworld, a procedural visual world with exact truth for every task of the library."""

from lexiseg.datasets.miniworld.clip import VideoClip
from lexiseg.datasets.miniworld.export import write_miniworld
from lexiseg.datasets.miniworld.scene import WorldScene
from lexiseg.datasets.miniworld.scene_object import SceneObject
from lexiseg.datasets.miniworld.taxonomy import Taxonomy
from lexiseg.datasets.miniworld.world import Miniworld

__all__ = ["Miniworld", "SceneObject", "Taxonomy", "VideoClip", "WorldScene", "write_miniworld"]
