"""ADE20K: the 150 classes of the scene parsing benchmark, also single objects and panoptic, and
the 847 of the full set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lexiseg.datasets.annotation import Row
from lexiseg.datasets.class_list import ClassList, load_class_list
from lexiseg.datasets.coco_instances import InstanceTables, read_tables
from lexiseg.datasets.label_map import (
    LabelMapDataset,
    from_background_zero,
    from_class_zero,
    read_labels,
)
from lexiseg.datasets.layout import FolderLayout, list_stems
from lexiseg.datasets.panoptic_tables import (
    PanopticTables,
    in_order,
    panoptic_classes,
    read_panoptic,
)

_SOURCE = "http://sceneparsing.csail.mit.edu"
_ROOTS = ("ADEChallengeData2016",)
_FOLDERS = {"val": "validation", "train": "training"}


def open_ade150(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The scene parsing benchmark; label 0 (other) is left out of the metric.

    Args:
        data: ``ADEChallengeData2016`` or the folder above it.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    folder = _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade150",
        _SOURCE,
        f"images/{folder}/*.jpg and annotations/{folder}/*.png with 0 = other, 1..150 (or "
        f"annotations_detectron2/{folder}/*.png with 0..149, 255 ignored)",
        _ROOTS,
    )
    truth = layout.find(Path(data), f"annotations/{folder}", f"annotations_detectron2/{folder}")
    read = from_class_zero if "detectron2" in truth.parent.name else from_background_zero
    images = layout.find(Path(data), f"images/{folder}")
    classes = load_class_list("ade-150", wording)
    return LabelMapDataset(
        name="ade150",
        split=split,
        classes=classes,
        counts_background=False,
        ids=list_stems(truth, (".png",)),
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: read(read_labels(truth / f"{stem}.png"), len(classes)),
    )


def open_ade150_panoptic(
    data: Path, *, split: str = "val", wording: str = "verbatim"
) -> PanopticTables:
    """100 things and 50 kinds of stuff, as Mask2Former's script converts them.

    Args:
        data: ``ADEChallengeData2016`` or the folder above it, with ``ade20k_panoptic_val.json``.
        split: "val" or "train".
        wording: "verbatim" asks with the names of the file, synonyms and blanks included; see
            `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    stem, folder = f"ade20k_panoptic_{split}", _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade150-panoptic",
        f"{_SOURCE}, converted by Mask2Former's prepare_ade20k_pan_seg.py",
        f"images/{folder}/*.jpg, {stem}.json and {stem}/*.png",
        _ROOTS,
    )
    path = layout.find(Path(data), f"{stem}.json")
    images = layout.find(Path(data), f"images/{folder}")
    tables = read_panoptic(path)
    classes = panoptic_classes(tables, path, load_class_list("ade-150", wording))
    return PanopticTables(
        "ade150-panoptic", split, classes, tables, path.with_suffix(""),
        lambda row: images / f"{Path(str(row.get('file_name', row['id']))).stem}.jpg", path,
    )  # fmt: skip


def open_ade150_instances(
    data: Path, *, split: str = "val", wording: str = "verbatim"
) -> InstanceTables:
    """Single objects of the 100 things; arguments as of `open_ade150_panoptic`.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    stem, folder = f"ade20k_instance_{split}", _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade150-instances",
        f"{_SOURCE}, converted by Mask2Former's prepare_ade20k_ins_seg.py",
        f"images/{folder}/*.jpg and {stem}.json",
        _ROOTS,
    )
    path = layout.find(Path(data), f"{stem}.json")
    images = layout.find(Path(data), f"images/{folder}")
    tables = read_tables(path, images=("id", "file_name", "height", "width"))
    return InstanceTables(
        "ade150-instances", split, _things(tables, load_class_list("ade-150", wording)), tables,
        lambda row: images / row["file_name"], path,
    )  # fmt: skip


def _things(tables: Mapping[str, Sequence[Row]], known: ClassList) -> ClassList:
    """The categories of a file under the names of the 150 classes, where it spells them alike."""
    spelled = dict(zip(load_class_list("ade-150", "verbatim").prompts, known.names, strict=True))
    prompt_of = dict(zip(known.names, known.prompts, strict=True))
    given = [str(row["name"]) for row in in_order(tables["categories"])]
    names = tuple(spelled.get(name, spelled.get(f"{name} ", name)) for name in given)
    prompts = tuple(prompt_of.get(name, name) for name in names)
    seen = known.seen & set(names)
    return ClassList("things of ade-150", names, prompts, frozenset(), known.wording, seen)


def open_ade847(data: Path, *, split: str = "val", wording: str = "released") -> LabelMapDataset:
    """The 847 frequent classes of the full set, in the form converted for detectron2.

    Args:
        data: ``ADE20K_2021_17_01`` or the folder above it.
        split: "val" or "train".
        wording: see `lexiseg.datasets.class_list.load_class_list`.

    Raises:
        DatasetError: the folder is not laid out as published.
    """
    folder = _FOLDERS.get(split, split)
    layout = FolderLayout(
        "ade847",
        "https://ade20k.csail.mit.edu, converted by MaskFormer's prepare_ade20k_full_sem_seg.py",
        f"images_detectron2/{folder}/*.jpg and annotations_detectron2/{folder}/*.tif with 0..846 "
        "(65535 = ignored)",
        ("ADE20K_2021_17_01",),
    )
    truth = layout.find(Path(data), f"annotations_detectron2/{folder}")
    images = layout.find(Path(data), f"images_detectron2/{folder}")
    classes = load_class_list("ade-847", wording)
    suffix = ".tif" if any(truth.glob("*.tif")) else ".png"
    return LabelMapDataset(
        name="ade847",
        split=split,
        classes=classes,
        counts_background=False,
        ids=list_stems(truth, (suffix,)),
        image_path=lambda stem: images / f"{stem}.jpg",
        read_truth=lambda stem: from_class_zero(
            read_labels(truth / f"{stem}{suffix}"), len(classes)
        ),
    )
