"""Miniworld, a procedural visual world with exact truth for every task of the library."""

from lexiseg.datasets.miniworld.scene import Scene, SceneObject
from lexiseg.datasets.miniworld.world import Miniworld

__all__ = ["Miniworld", "Scene", "SceneObject"]
