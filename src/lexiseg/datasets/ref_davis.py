"""Ref-DAVIS 2017: DAVIS clips with sentences about their objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lexiseg.datasets.annotation import Row, read_json, telling
from lexiseg.datasets.label_map import read_labels
from lexiseg.datasets.layout import FolderLayout, list_stems, read_ids
from lexiseg.datasets.sample import IGNORE, Expression, LabelMap, VideoSample
from lexiseg.errors import DatasetError

_RESOLUTION = "480p"
Sentences = Mapping[str, tuple[Expression, ...]]


@dataclass(frozen=True)
class ObjectMaps(Sequence[LabelMap]):
    """Object ids per frame, read when indexed; frames without a file have no objects."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> LabelMap:  # type: ignore[override]
        raw = read_labels(self.paths[index])
        if raw.dtype == bool or not ((raw > 0) & (raw < 255)).any():
            return (raw > 0).astype(np.uint16)  # one object, drawn white as in DAVIS 2016
        wide = raw.astype(np.uint16)
        return np.where(wide == 255, np.uint16(IGNORE), wide)


@dataclass(frozen=True)
class DavisClips(Sequence[VideoSample]):
    """Clips with sentences; `ids` are the names of the clips."""

    name: str
    split: str
    ids: tuple[str, ...]
    images: Path
    masks: Path
    sentences: Sentences
    task: Literal["video"] = "video"

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> VideoSample:  # type: ignore[override]
        clip = self.ids[index]
        with telling(self.masks / clip, "as a folder of masks"):
            stems = list_stems(self.masks / clip, (".png",))
        return VideoSample(
            clip,
            tuple(self.images / clip / f"{stem}.jpg" for stem in stems),
            ObjectMaps(tuple(self.masks / clip / f"{stem}.png" for stem in stems)),
            self.sentences[clip],
        )


def open_ref_davis(data: Path, *, split: str = "val") -> DavisClips:
    """Ref-DAVIS 2017.

    Args:
        data: the DAVIS folder with ``JPEGImages/480p``, ``Annotations/480p`` (or
            ``Annotations_unsupervised/480p``) and ``ImageSets/2017``, plus the sentences: text
            files ``davis_text_annotations/*.txt`` whose lines read ``clip object "sentence"``, or
            ``meta_expressions/<split>/meta_expressions.json``.
        split: a file of ``ImageSets/2017``; without that file every clip with sentences is used.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    data = Path(data)
    layout = FolderLayout(
        "ref-davis",
        "https://davischallenge.org (DAVIS 2017) and https://www.mpi-inf.mpg.de/departments/"
        "computer-vision-and-machine-learning/research/video-segmentation (sentences)",
        f"JPEGImages/{_RESOLUTION}, Annotations/{_RESOLUTION}, ImageSets/2017/{split}.txt and "
        "davis_text_annotations/*.txt or meta_expressions/*/meta_expressions.json",
        ("DAVIS",),
    )
    images = layout.find(data, f"JPEGImages/{_RESOLUTION}")
    choices = (f"Annotations_unsupervised/{_RESOLUTION}", f"Annotations/{_RESOLUTION}")
    sentences = _read_sentences(layout, data, split)
    listed = layout.find_optional(data, f"ImageSets/2017/{split}.txt")
    clips = read_ids(listed) if listed else tuple(sorted(sentences))
    return DavisClips(
        name="ref-davis",
        split=split,
        ids=tuple(clip for clip in clips if clip in sentences),
        images=images,
        masks=layout.find(data, *choices),
        sentences=sentences,
    )


def _read_sentences(layout: FolderLayout, data: Path, split: str) -> Sentences:
    folders = {"val": "valid"}.get(split, split)
    names = (f"meta_expressions/{folders}", "meta_expressions")
    path = layout.find_optional(data, *(f"{name}/meta_expressions.json" for name in names))
    if path:
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("videos"), dict):
            raise DatasetError(f"{path} must hold an object 'videos'.")
        return _from_json(path, content["videos"])
    folder = layout.find(data, "davis_text_annotations", "meta_expressions", ".")
    files = sorted(p for p in folder.glob("*.txt") if "annot" in p.stem.lower())
    if not files:
        raise layout.error(data)
    found: dict[str, list[Expression]] = defaultdict(list)
    for path in files:
        for clip, expression in _from_text(path):
            found[clip].append(expression)
    return {clip: tuple(expressions) for clip, expressions in found.items()}


def _from_text(path: Path) -> list[tuple[str, Expression]]:
    """Lines such as ``dance-twirl 1 "a man in a blue shirt"``; one file per annotator."""
    rows = []
    for line in path.read_text(encoding="latin-1").splitlines():
        parts = line.split(maxsplit=2)
        if not parts:
            continue
        if len(parts) < 3 or not parts[1].isdigit():
            raise DatasetError(
                f"{path} has the line {line[:60]!r}; expected: clip object-number sentence."
            )
        sentence = parts[2].strip().strip('"')
        rows.append((parts[0], Expression(sentence, int(parts[1]), path.stem)))
    return rows


def _from_json(path: Path, videos: Row) -> Sentences:
    """The form shared with Ref-YouTube-VOS; the n-th sentence of an object is annotator n."""
    found: dict[str, tuple[Expression, ...]] = {}
    for clip, entry in videos.items():
        with telling(path, f"clip {clip}"):
            pairs = sorted(entry["expressions"].items(), key=lambda pair: int(pair[0]))
            found[clip] = tuple(_numbered(item for _, item in pairs))
    return found


def _numbered(items: Iterable[Row]) -> Iterator[Expression]:
    seen: dict[int, int] = defaultdict(int)
    for item in items:
        number = int(item["obj_id"])
        yield Expression(str(item["exp"]), number, str(seen[number]))
        seen[number] += 1
