"""Every registered reader fulfils the protocol of its task, and what does not fails at the door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import (
    IGNORE,
    ClassList,
    Dataset,
    InstanceDataset,
    PanopticDataset,
    ReferringDataset,
    SemanticDataset,
    VideoDataset,
    check_dataset,
    load_class_list,
)
from lexiseg.datasets.protocols import members
from lexiseg.datasets.sample import InstanceSample, SemanticSample
from lexiseg.errors import DatasetError, UnknownNameError
from lexiseg.evaluation import evaluate
from lexiseg.registry import DATASETS
from tests.datasets.conftest import Layouts

PROTOCOLS = {
    "semantic": SemanticDataset,
    "instances": InstanceDataset,
    "panoptic": PanopticDataset,
    "referring": ReferringDataset,
    "video": VideoDataset,
}


def context(to: Layouts, folder: Path) -> None:
    to.lines(folder / "ImageSets/SegmentationContext/val.txt", "a")
    to.labels(folder / "SegmentationClassContext/a.png", [[0, 1, 59]])
    to.photo(folder / "JPEGImages/a.jpg", (1, 3))


def pc459(to: Layouts, folder: Path) -> None:
    to.labels(folder / "annotations_detectron2/pc459_val/a.tif", [[0, 458, 65535]], np.uint16)
    to.photo(folder / "JPEGImages/a.jpg", (1, 3))


def ade150(to: Layouts, folder: Path) -> None:
    to.labels(folder / "annotations/validation/a.png", [[0, 1, 150]])
    to.photo(folder / "images/validation/a.jpg", (1, 3))


def ade847(to: Layouts, folder: Path) -> None:
    to.labels(folder / "annotations_detectron2/validation/a.tif", [[0, 846, 65535]], np.uint16)
    to.photo(folder / "images_detectron2/validation/a.jpg", (1, 3))


def lvis(to: Layouts, folder: Path) -> None:
    tables = to.instances()
    address = "http://images.example/val2017/000000000007.jpg"
    more = {"coco_url": address, "neg_category_ids": [18], "not_exhaustive_category_ids": []}
    categories = [{**row, "frequency": "r"} for row in tables["categories"]]
    images = [{**row, **more} for row in tables["images"]]
    to.json(folder / "lvis_v1_val.json", {**tables, "images": images, "categories": categories})
    to.photo(folder / "val2017/000000000007.jpg")


def davis(to: Layouts, folder: Path) -> None:
    to.photo(folder / "JPEGImages/480p/goat/00000.jpg", (1, 3))
    to.labels(folder / "Annotations/480p/goat/00000.png", [[0, 1, 2]])
    to.lines(folder / "davis_text_annotations/annot1.txt", 'goat 1 "a goat"')


def ade_instances(to: Layouts, folder: Path) -> None:
    to.json(folder / "ade20k_instance_val.json", to.instances())
    to.photo(folder / "images/validation/000000000007.jpg")


def ade_panoptic(to: Layouts, folder: Path) -> None:
    names = load_class_list("ade-150", "verbatim").prompts
    categories = [{"id": k, "name": name, "isthing": k % 2} for k, name in enumerate(names)]
    to.panoptic(folder / "ade20k_panoptic_val.json", categories)
    to.photo(folder / "images/validation/a.jpg", (2, 3))


def coco_panoptic(to: Layouts, folder: Path) -> None:
    to.panoptic(folder / "annotations/panoptic_val2017.json")
    to.photo(folder / "val2017/a.jpg", (2, 3))


def cityscapes(to: Layouts, folder: Path) -> None:
    to.labels(folder / "gtFine/val/ulm/ulm_0_1_gtFine_labelTrainIds.png", [[0, 18, 255]])
    to.photo(folder / "leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png", (1, 3))


def cityscapes_panoptic(to: Layouts, folder: Path) -> None:
    categories = [{"id": k, "name": str(k), "isthing": int(k > 23)} for k in range(7, 26)]
    to.panoptic(folder / "gtFine/cityscapes_panoptic_val.json", categories, "ulm_0_1")
    to.photo(folder / "leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png", (2, 3))


def bdd10k(to: Layouts, folder: Path) -> None:
    to.labels(folder / "labels/sem_seg/masks/val/a.png", [[0, 18, 255]])
    to.photo(folder / "images/10k/val/a.jpg", (1, 3))


def bdd10k_panoptic(to: Layouts, folder: Path) -> None:
    to.labels(folder / "labels/pan_seg/bitmasks/val/a.png", [[[31, 0, 0, 1], [40, 2, 0, 2]]])
    to.photo(folder / "images/10k/val/a.jpg", (1, 2))


def sun(to: Layouts, folder: Path) -> None:
    to.labels(folder / "label37/test/img-1.png", [[0, 1, 37]])
    to.photo(folder / "image/test/img-1.jpg", (1, 3))


def scannet(to: Layouts, folder: Path) -> None:
    scene = "scannet_frames_25k/scene0011_00"
    pair = f"{scene}/color/000100.jpg {scene}/label/000100.png"
    to.lines(folder / "scannetv2_val.txt", pair)
    to.labels(folder / scene / "label/000100.png", [[0, 1, 39]])
    to.photo(folder / scene / "color/000100.jpg", (1, 3))


def scannet_panoptic(to: Layouts, folder: Path) -> None:
    categories = [{"id": k, "name": str(k), "isthing": int(k > 2)} for k in range(1, 21)]
    to.panoptic(folder / "scannet_panoptic_val.json", categories, "scene0011_00_000100")
    to.photo(folder / "scannet_frames_25k/scene0011_00/color/000100.jpg", (2, 3))


def refcocog_umd(to: Layouts, folder: Path) -> None:
    tables = to.instances()
    said = [{"raw": "The car", "sent": "the car"}, {"raw": "A car", "sent": "a car"}]
    rows = [{**row, "sentences": said} for row in tables["annotations"]]
    to.json(folder / "annotations/refcocog_umd_val.json", {**tables, "annotations": rows})
    to.photo(folder / "train2017/000000000007.jpg")


def refer(file: str) -> Callable[[Layouts, Path], None]:
    return lambda to, folder: to.refer(folder, [to.reference(0, 1, "the car")], file)


WRITTEN: dict[str, Callable[[Layouts, Path], None]] = {
    "voc20": Layouts.voc,
    "voc21": Layouts.voc,
    "context59": context,
    "context60": context,
    "pc459": pc459,
    "ade150": ade150,
    "ade847": ade847,
    "coco-object": Layouts.coco,
    "coco": Layouts.coco,
    "lvis": lvis,
    "ade150-instances": ade_instances,
    "ade150-panoptic": ade_panoptic,
    "coco-panoptic": coco_panoptic,
    "cityscapes": cityscapes,
    "cityscapes-panoptic": cityscapes_panoptic,
    "bdd10k": bdd10k,
    "bdd10k-panoptic": bdd10k_panoptic,
    "sun37": sun,
    "scannet20": scannet,
    "scannet40": scannet,
    "scannet-panoptic": scannet_panoptic,
    "refcocog-umd": refcocog_umd,
    "refcoco": refer("refs(unc).p"),
    "refcoco+": refer("refs(unc).p"),
    "refcocog": refer("refs(umd).p"),
    "gres": refer("grefs(unc).json"),
    "ref-davis": davis,
}
DRAWN = ("miniworld", "miniworld-instances", "miniworld-panoptic", "miniworld-regions")


@pytest.fixture(params=sorted(DATASETS))
def dataset(request: pytest.FixtureRequest, layouts: Layouts, tmp_path: Path) -> Any:
    if request.param in DRAWN:
        return DATASETS[request.param](scenes=2)
    WRITTEN[request.param](layouts, tmp_path)
    return DATASETS[request.param](tmp_path)


@pytest.fixture(scope="module")
def layouts() -> Layouts:
    return Layouts()


def test_every_reader_is_tried() -> None:
    assert set(DATASETS) == {*WRITTEN, *DRAWN}


def test_reader_passes_the_door(dataset: Any) -> None:
    check_dataset(dataset)


def test_sample_belongs_to_its_id_and_fits_its_picture(dataset: Any) -> None:
    first, again = dataset[0], dataset[0]
    assert first.id == dataset.ids[0]
    assert [field.name for field in fields(first)] == [field.name for field in fields(again)]
    if dataset.task == "semantic":
        assert first.truth.dtype == np.uint16
        shown = set(np.unique(first.truth).tolist()) - {IGNORE}
        assert shown <= set(range(len(dataset.classes) + 1))
        assert np.array_equal(first.truth, again.truth)
    picture = first.frames[0] if dataset.task == "video" else first.image
    assert not isinstance(picture, Path) or picture.is_file()
    if dataset.task == "instances":
        assert all(0 <= item.class_index < len(dataset.classes) for item in first.objects)
    if dataset.task == "panoptic":
        assert first.ids.dtype == np.uint32
        assert all(0 <= item.class_index < len(dataset.classes) for item in first.segments)
        assert {item.id for item in first.segments} >= set(np.unique(first.ids).tolist()) - {0}
    if dataset.task in ("semantic", "instances", "panoptic") and dataset.asks_per_image:
        assert first.asked is not None


@dataclass(frozen=True)
class Foreign:
    """A reader from elsewhere, whole."""

    name: str = "foreign"
    split: str = "val"
    task: str = "instances"
    ids: tuple[str, ...] = ("a", "b")
    classes: ClassList = ClassList("one", ("dog",), ("dog",))  # noqa: RUF009
    asks_per_image: bool = False
    category_ids: tuple[int, ...] = (7,)
    federated: bool = False
    frequencies: tuple[str, ...] = ()
    sample: Any = None

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return self.sample or InstanceSample(self.ids[index], index, np.zeros((2, 2, 3)), ())


class Unasked:
    """A method that must never be reached."""

    def encode(self, image: Any) -> Any:
        raise AssertionError("an image was encoded")

    segment = label = refer = encode


def without(name: str) -> Any:
    """The foreign reader without one of its attributes."""
    kept = [field.name for field in fields(Foreign) if field.name != name]
    members = {"__len__": Foreign.__len__, "__getitem__": lambda self, index: None}
    kind = make_dataclass("Lacking", kept, namespace=members)
    return kind(*(getattr(Foreign(), key) for key in kept))


def test_whole_reader_passes() -> None:
    check_dataset(Foreign())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [n for n in members(InstanceDataset) if not n.startswith("__")])
def test_what_is_missing_is_named_before_any_image(name: str) -> None:
    with pytest.raises(DatasetError, match=name) as caught:
        evaluate(Unasked(), without(name))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def changed() -> Iterator[Any]:
    yield {"ids": ("a",)}, "2 samples and 1 ids"
    yield {"ids": ("a", "a")}, "1 of them different"
    yield {"ids": (1, 2)}, "expected texts"
    yield {"classes": ("dog",)}, "of type tuple; expected a lexiseg.datasets.ClassList"
    yield {"category_ids": (7, 8)}, "2 category_ids for 1 classes"
    yield {"frequencies": ("r", "c")}, "2 frequencies for 1 classes"
    yield {"sample": SemanticSample("a", np.zeros((2, 2, 3)), np.zeros((2, 2)))}, "InstanceSample"


@pytest.mark.parametrize(("change", "said"), list(changed()))
def test_contradictions_are_told_before_any_image(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        evaluate(Unasked(), replace(Foreign(), **change))  # type: ignore[arg-type]


def test_unknown_task_lists_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="semantic"):
        check_dataset(replace(Foreign(), task="instance"))  # type: ignore[arg-type]


def test_a_first_picture_that_cannot_be_read_costs_only_itself() -> None:
    class Broken(Foreign):
        def __getitem__(self, index: int) -> Any:
            raise DatasetError("gone")

    check_dataset(Broken())  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_protocols_hold_what_every_data_set_has(protocol: type) -> None:
    assert set(members(Dataset)) <= set(members(protocol))
