"""Small annotation files, sound and damaged, with the pictures they speak of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SQUARE = [2.0, 2.0, 10.0, 2.0, 10.0, 10.0, 2.0, 10.0]


def write_picture(path: Path, size_hw: tuple[int, int] = (16, 20), value: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size_hw, 3), value, np.uint8)).save(path)


def annotation(number: int, image: int, category: int, **more: object) -> dict[str, object]:
    return {
        "id": number, "image_id": image, "category_id": category, "iscrowd": 0, "area": 64,
        "segmentation": [SQUARE], **more,
    }  # fmt: skip


def write_coco(folder: Path, annotations: list[dict[str, object]], pictures: int = 2) -> Path:
    """An instances file with categories 1 dog, 2 cat, 5 tree, and its pictures beside it."""
    images = []
    for number in range(1, pictures + 1):
        write_picture(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": 16, "width": 20})
    table = {
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": 5, "name": "tree"}, {"id": 1, "name": "dog"}, {"id": 2, "name": "cat"},
        ],
    }  # fmt: skip
    path = folder / "my_coco.json"
    path.write_text(json.dumps(table))
    return path


def change(path: Path, **tables: object) -> Path:
    """Replace tables of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **tables}))
    return path
