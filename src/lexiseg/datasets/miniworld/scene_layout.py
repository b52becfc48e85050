"""Still scenes on disk: COCO, COCO panoptic, PASCAL VOC and REFER, over one set of pictures."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.datasets.miniworld.folder import WorldFolder, voc_palette
from lexiseg.datasets.miniworld.scene import WorldScene
from lexiseg.datasets.miniworld.sprites import all_sprites
from lexiseg.datasets.miniworld.world import Miniworld
from lexiseg.datasets.sample import Expression
from lexiseg.types import Mask

CAPTIONS = 5  # per scene, as in COCO
SENTENCES = 3  # per object at most, as in RefCOCO
OBJECT_STRIDE = 64  # annotation id = scene number * stride + instance id
PART_STRIDE = 256
REFER = "miniworld"  # name of the REFER data set, and of who split it
Row = dict[str, Any]


class SceneLayout:
    """Writes scenes one by one, and the tables about all of them at the end."""

    def __init__(self, folder: WorldFolder, world: Miniworld) -> None:
        self._folder, self._world = folder, world
        self._tables: dict[str, list[Row]] = {
            key: [] for key in ("images", "objects", "parts", "captions", "panoptic", "refs")
        }
        self._absent: dict[str, list[str]] = {}
        self._stems: list[str] = []
        self._number = {name: k for k, name in enumerate(world.names, start=1)}

    def add(self, number: int) -> None:
        """Write the pictures of one scene and note its annotations."""
        scene, stem = self._world[number], f"{number:012d}"
        self._write_pictures(scene, stem)
        height, width = scene.semantic.shape
        image = {"id": number, "file_name": f"{stem}.jpg", "height": height, "width": width}
        self._stems.append(stem)
        self._tables["images"].append(image)
        self._tables["objects"] += _objects(scene, number, self._number)
        self._tables["parts"] += _parts(scene, number, self._number)
        self._tables["captions"] += _captions(scene, number)
        self._tables["panoptic"].append(self._panoptic(scene, number, stem))
        self._add_references(scene, image)
        self._absent[stem] = list(scene.absent(len(self._world.names)))

    def finish(self) -> None:
        """Write the tables."""
        split, folder = self._world.split, self._folder
        categories = _categories(self._world)
        things = [row for row in categories if row["isthing"]]
        head: Row = {
            "info": {"description": "Miniworld", "version": "1"},
            "licenses": [],
            "images": self._tables["images"],
        }
        objects = head | {"annotations": self._tables["objects"], "categories": things}
        parts = head | {"annotations": self._tables["parts"], "categories": things}
        panoptic = head | {"annotations": self._tables["panoptic"], "categories": categories}
        folder.write_json(f"annotations/instances_{split}.json", objects)
        folder.write_json(f"annotations/parts_{split}.json", parts)
        folder.write_json(f"annotations/panoptic_{split}.json", panoptic)
        captions = head | {"annotations": self._tables["captions"]}
        folder.write_json(f"annotations/captions_{split}.json", captions)
        folder.write_json(f"annotations/absent_{split}.json", self._absent)
        folder.write_lines(f"ImageSets/Segmentation/{split}.txt", self._stems)
        folder.write_lines("classes.txt", self._world.names)
        self._write_refer(objects)

    def _write_pictures(self, scene: WorldScene, stem: str) -> None:
        folder = self._folder
        folder.write_photo(f"JPEGImages/{stem}.jpg", scene.image)
        folder.write_labels(f"SegmentationClass/{stem}.png", scene.semantic)
        folder.write_labels(f"SegmentationObject/{stem}.png", scene.instances)
        folder.write_labels(f"SegmentationPart/{stem}.png", scene.parts)

    def _panoptic(self, scene: WorldScene, number: int, stem: str) -> Row:
        """Segments: things carry their instance id, stuff comes after them."""
        ids = np.where(scene.instances > 0, scene.instances, 255 + scene.semantic)
        ids = ids.astype(np.int64) * (scene.semantic > 0)
        channels = np.stack([ids % 256, ids // 256, np.zeros_like(ids)], axis=-1)
        picture = Image.fromarray(channels.astype(np.uint8))
        name = f"{stem}.png"
        self._folder.write_png(f"annotations/panoptic_{self._world.split}/{name}", picture)
        segments = [_segment(ids == k, int(k), scene) for k in np.unique(ids) if k]
        return {"image_id": number, "file_name": name, "segments_info": segments}

    def _add_references(self, scene: WorldScene, image: Row) -> None:
        named = {item.instance_id: item.name for item in scene.objects}
        for instance, sentences in _chosen(scene.expressions).items():
            ref_id = len(self._tables["refs"])
            first = SENTENCES * ref_id
            if named[instance] not in self._number:
                continue
            self._tables["refs"].append(
                {
                    "ref_id": ref_id,
                    "ann_id": image["id"] * OBJECT_STRIDE + instance,
                    "image_id": image["id"],
                    "category_id": self._number[named[instance]],
                    "file_name": image["file_name"],
                    "split": self._world.split,
                    "sent_ids": [first + k for k in range(len(sentences))],
                    "sentences": [_sentence(text, first + k) for k, text in enumerate(sentences)],
                }
            )

    def _write_refer(self, objects: Row) -> None:
        folder, refs = self._folder, self._tables["refs"]
        folder.write(f"{REFER}/refs({REFER}).p", pickle.dumps(refs, protocol=2))
        folder.write_json(f"{REFER}/refs.json", refs)
        folder.write_json(f"{REFER}/instances.json", objects)


def _objects(scene: WorldScene, number: int, category: Mapping[str, int]) -> list[Row]:
    return [
        _annotation(number * OBJECT_STRIDE + item.instance_id, item.mask)
        | {"image_id": number, "category_id": category[item.name]}
        | {"visible_fraction": round(item.visible_fraction, 4), "color": item.color}
        for item in scene.objects
        if item.name in category
    ]


def _parts(scene: WorldScene, number: int, category: Mapping[str, int]) -> list[Row]:
    named = {item.instance_id: item.name for item in scene.objects}
    return [
        _annotation(number * PART_STRIDE + part, scene.parts == part)
        | {"image_id": number, "category_id": category[named[owner]]}
        | {"object_id": number * OBJECT_STRIDE + owner}
        for part, owner in scene.part_owner.items()
        if named[owner] in category
    ]


def _annotation(number: int, mask: NDArray[np.bool_]) -> Row:
    packed = Mask.from_array(mask)
    return {
        "id": number,
        "segmentation": packed.to_coco(),
        "area": packed.area,
        "bbox": list(packed.bbox),
        "iscrowd": 0,
    }


def _captions(scene: WorldScene, number: int) -> list[Row]:
    return [
        {"id": number * CAPTIONS + k, "image_id": number, "caption": scene.describe(k)}
        for k in range(CAPTIONS)
    ]


def _segment(mask: NDArray[np.bool_], number: int, scene: WorldScene) -> Row:
    packed = Mask.from_array(mask)
    category = int(scene.semantic[mask][0])
    box = list(packed.bbox)
    return {"id": number, "category_id": category, "area": packed.area, "bbox": box, "iscrowd": 0}


def _chosen(expressions: tuple[Expression, ...]) -> dict[int, list[str]]:
    """At most three sentences per object, spread over the kinds there are."""
    by_object: dict[int, list[str]] = {}
    for expression in expressions:
        by_object.setdefault(expression.object_id, []).append(expression.sentence)
    picked = {}
    for instance, sentences in by_object.items():
        places = np.linspace(0, len(sentences) - 1, min(SENTENCES, len(sentences))).round()
        picked[instance] = [sentences[int(k)] for k in places]
    return picked


def _sentence(text: str, number: int) -> Row:
    return {"tokens": text.split(), "raw": text, "sent": text, "sent_id": number}


def _categories(world: Miniworld) -> list[Row]:
    group = {sprite.name: sprite.group for sprite in all_sprites()}
    palette = voc_palette()
    return [
        {
            "id": k,
            "name": name,
            "supercategory": group.get(name, "stuff"),
            "isthing": int(name in group),
            "color": list(palette[3 * k : 3 * k + 3]),
        }
        for k, name in enumerate(world.names, start=1)
    ]
