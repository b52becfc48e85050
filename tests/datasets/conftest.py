"""Tiny data sets in the published layouts, written by the tests that read them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


class Layouts:
    """Writers of the files that published data sets consist of."""

    def photo(self, path: Path, size_hw: tuple[int, int] = (4, 6)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size_hw[::-1], (90, 120, 40)).save(path)

    def labels(self, path: Path, values: Any, dtype: Any = np.uint8) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(values, dtype=dtype)).save(path)

    def lines(self, path: Path, *lines: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def mat(self, path: Path, values: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"LabelMap": np.asarray(values, dtype=np.uint16)})

    def json(self, path: Path, value: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")

    def voc(self, folder: Path) -> None:
        self.lines(folder / "ImageSets/Segmentation/val.txt", "2007_000001")
        self.labels(folder / "SegmentationClass/2007_000001.png", [[0, 1, 2], [20, 21, 255]])
        self.photo(folder / "JPEGImages/2007_000001.jpg", (2, 3))

    def coco(self, folder: Path, **changes: Any) -> None:
        self.json(folder / "annotations/instances_val2017.json", self.instances(**changes))
        self.photo(folder / "val2017/000000000007.jpg")

    def instances(self, **changes: Any) -> dict[str, Any]:
        """Two overlapping squares: a big one of category 3, a small one of category 18."""
        big = {"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0, "area": 16}
        small = {"id": 2, "image_id": 7, "category_id": 18, "iscrowd": 0, "area": 4}
        image = {"id": 7, "file_name": "000000000007.jpg", "height": 4, "width": 6}
        tables = {
            "images": [image],
            "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
            "annotations": [
                {**big, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]]},
                {**small, "segmentation": {"size": [4, 6], "counts": [4, 2, 2, 2, 14]}},
            ],
        }
        return {**tables, **changes}

    def panoptic(
        self,
        path: Path,
        categories: Any = ({"id": 1, "name": "dog", "isthing": 1}, {"id": 9, "name": "sky"}),
        image: Any = "a",
        **changes: Any,
    ) -> None:
        """Two segments in a map of two rows: the first category on top, the last below."""
        numbers = np.array([[70_000, 70_000, 0], [5, 5, 5]], dtype=np.uint32)
        colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1)
        rows = [
            {"id": 70_000, "category_id": categories[0]["id"], "area": 2, "iscrowd": 0},
            {"id": 5, "category_id": categories[-1]["id"], "area": 3, "iscrowd": 0},
        ]
        annotation = {"image_id": image, "file_name": f"{image}.png", "segments_info": rows}
        tables = {
            "images": [{"id": image, "file_name": f"{image}.jpg"}],
            "categories": [{"isthing": 0, **row} for row in categories],
            "annotations": [annotation],
        }
        self.json(path, {**tables, **changes})
        self.labels(path.with_suffix("") / f"{image}.png", colors)

    def reference(
        self, number: int, annotation: Any, *sentences: str, split: str = "val"
    ) -> dict[str, Any]:
        rows = [
            {"sent": text, "raw": text.title(), "sent_id": k} for k, text in enumerate(sentences)
        ]
        return {
            "ref_id": number,
            "ann_id": annotation,
            "image_id": 7,
            "split": split,
            "sentences": rows,
        }

    def refer(
        self, folder: Path, references: list[dict[str, Any]], file: str = "refs(unc).p"
    ) -> None:
        self.json(folder / "instances.json", self.instances())
        self.photo(folder / "images" / "000000000007.jpg")
        if file.endswith(".json"):
            self.json(folder / file, references)
        else:
            (folder / file).write_bytes(pickle.dumps(references, protocol=2))


@pytest.fixture(scope="session")
def layouts() -> Layouts:
    return Layouts()
