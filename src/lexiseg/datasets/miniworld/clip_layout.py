"""Clips on disk as in DAVIS 2017, with sentences as in Ref-DAVIS and Ref-YouTube-VOS."""

from __future__ import annotations

from lexiseg.datasets.miniworld.clip import VideoClip
from lexiseg.datasets.miniworld.folder import WorldFolder
from lexiseg.datasets.miniworld.world import Miniworld

RESOLUTION = "480p"  # the folder's name in DAVIS; the frames have the world's size
SENTENCE_FOLDERS = {"val": "valid"}


class ClipLayout:
    """Writes clips one by one, and the tables about all of them at the end."""

    def __init__(self, folder: WorldFolder, world: Miniworld, frames: int) -> None:
        self._folder, self._world, self._frames = folder, world, frames
        self._expressions: dict[str, object] = {}
        self._objects: dict[str, object] = {}

    def add(self, number: int) -> None:
        """Write the frames and label maps of one clip and note its sentences."""
        clip, name = self._world.video(number, self._frames), f"clip-{number:05d}"
        seen = self._write_frames(clip, name)
        stems = [f"{k:05d}" for k in range(len(clip))]
        said = [entry for entry in clip.expressions if seen.get(entry.object_id)]
        self._expressions[name] = {
            "expressions": {
                str(k): {"exp": entry.sentence, "obj_id": str(entry.object_id)}
                for k, entry in enumerate(said)
            },
            "frames": stems,
        }
        self._objects[name] = {
            "objects": {
                str(k): {"category": clip.names[k], "frames": [stems[t] for t in frames]}
                for k, frames in sorted(seen.items())
            }
        }

    def finish(self) -> None:
        """Write the tables."""
        split, folder = self._world.split, self._folder
        place = f"meta_expressions/{SENTENCE_FOLDERS.get(split, split)}"
        folder.write_json(f"{place}/meta_expressions.json", {"videos": self._expressions})
        folder.write_json("meta.json", {"videos": self._objects})
        folder.write_lines(f"ImageSets/2017/{split}.txt", list(self._expressions))

    def _write_frames(self, clip: VideoClip, name: str) -> dict[int, list[int]]:
        """Write every frame; object id -> numbers of the frames that show it."""
        seen: dict[int, list[int]] = {}
        for k, scene in enumerate(clip):
            self._folder.write_photo(f"JPEGImages/{RESOLUTION}/{name}/{k:05d}.jpg", scene.image)
            path = f"Annotations/{RESOLUTION}/{name}/{k:05d}.png"
            self._folder.write_labels(path, scene.instances)
            for item in scene.objects:
                seen.setdefault(item.instance_id, []).append(k)
        return seen
