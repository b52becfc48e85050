from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.datasets.ref_davis import open_ref_davis
from lexiseg.datasets.refer import open_refcoco
from lexiseg.errors import OutputError, UsageError
from lexiseg.types import Mask

WORLD = Miniworld("val", size=72, seed=5)


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "stills"
    write_miniworld(out, 4, WORLD)
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "clips"
    write_miniworld(out, 2, WORLD, frames=5)
    return out


def _read(out: Path, name: str) -> dict:
    return json.loads((out / "annotations" / f"{name}_val.json").read_text("utf-8"))


def test_voc_label_maps_are_exact(stills: Path) -> None:
    ids = (stills / "ImageSets" / "Segmentation" / "val.txt").read_text().split()
    assert len(ids) == 4
    for i, stem in enumerate(ids):
        scene = WORLD[i]
        for folder, truth in (
            ("SegmentationClass", scene.semantic),
            ("SegmentationObject", scene.instances),
            ("SegmentationPart", scene.parts),
        ):
            picture = Image.open(stills / folder / f"{stem}.png")
            assert picture.mode == "P"
            assert np.array_equal(np.asarray(picture), truth)
        photo = np.asarray(Image.open(stills / "JPEGImages" / f"{stem}.jpg"), float)
        assert np.abs(photo - scene.image).mean() < 4
    assert (stills / "classes.txt").read_text().splitlines() == list(WORLD.names)


def test_coco_annotations_decode_to_the_objects(stills: Path) -> None:
    tables = _read(stills, "instances")
    categories = {row["id"]: row["name"] for row in tables["categories"]}
    assert len(categories) == len(WORLD.thing_names)
    for i in range(4):
        own = [row for row in tables["annotations"] if row["image_id"] == i]
        objects = WORLD[i].objects
        assert len(own) == len(objects)
        for row, item in zip(own, objects, strict=True):
            assert categories[row["category_id"]] == item.name
            assert np.array_equal(Mask.from_coco(row["segmentation"]).to_array(), item.mask)
            assert (row["area"], tuple(row["bbox"])) == (item.area, item.bbox)
    numbers = [row["id"] for row in tables["annotations"]]
    assert len(set(numbers)) == len(numbers) and min(numbers) > 0


def test_pycocotools_reads_the_tables(stills: Path) -> None:
    from pycocotools import coco

    for name in ("instances", "parts", "captions"):
        read = coco.COCO(str(stills / "annotations" / f"{name}_val.json"))
        assert len(read.getAnnIds(imgIds=[0])) >= 1
    read = coco.COCO(str(stills / "annotations" / "instances_val.json"))
    for row in read.loadAnns(read.getAnnIds()):
        assert read.annToMask(row).sum() == row["area"]


def test_parts_point_to_their_objects(stills: Path) -> None:
    objects = {row["id"]: row for row in _read(stills, "instances")["annotations"]}
    covered = dict.fromkeys(objects, 0)
    for row in _read(stills, "parts")["annotations"]:
        assert row["category_id"] == objects[row["object_id"]]["category_id"]
        covered[row["object_id"]] += row["area"]
    assert covered == {key: row["area"] for key, row in objects.items()}


def test_panoptic_segments_tile_the_picture(stills: Path) -> None:
    tables = _read(stills, "panoptic")
    assert [c["name"] for c in tables["categories"]] == list(WORLD.names)
    for row in tables["annotations"]:
        picture = np.asarray(Image.open(stills / "annotations" / "panoptic_val" / row["file_name"]))
        ids = picture.astype(int) @ [1, 256, 65536]
        assert {s["id"] for s in row["segments_info"]} == set(np.unique(ids).tolist()) - {0}
        assert sum(s["area"] for s in row["segments_info"]) == ids.size
        semantic = WORLD[row["image_id"]].semantic
        for segment in row["segments_info"]:
            assert (semantic[ids == segment["id"]] == segment["category_id"]).all()


def test_captions_and_absent_names_match_the_scenes(stills: Path) -> None:
    captions = _read(stills, "captions")["annotations"]
    assert captions[5] == {"id": 5, "image_id": 1, "caption": WORLD.caption(1, 0)}
    absent = _read(stills, "absent")
    assert set(absent["000000000002"]).isdisjoint(WORLD[2].names)


def test_refer_reader_finds_the_meant_objects(stills: Path) -> None:
    data = open_refcoco(
        stills / "miniworld",
        split="val",
        split_by="miniworld",
        images=stills / "JPEGImages",
    )
    for k, name in enumerate(data.ids):
        scene, sample = WORLD[int(name)], data[k]
        truth = {e.sentence: e.object_id for e in scene.expressions}
        for target in sample.targets:
            for sentence in target.sentences:
                mask = scene.instances == truth[sentence]
                assert np.array_equal(target.mask.to_array(), mask)
    folder = stills / "miniworld"
    pickled = pickle.loads((folder / "refs(miniworld).p").read_bytes())
    assert pickled == json.loads((folder / "refs.json").read_text("utf-8"))
    assert len({s for ref in pickled for s in ref["sent_ids"]}) == sum(
        len(ref["sentences"]) for ref in pickled
    )


def test_davis_reader_finds_clips_and_sentences(clips: Path) -> None:
    data = open_ref_davis(clips, split="val")
    assert len(data) == 2
    clip = WORLD.video(1, 5)
    sample = data[1]
    assert len(sample.frames) == len(sample.truth) == 5
    for t, frame in enumerate(clip):
        assert np.array_equal(sample.truth[t], frame.instances)
    known = {(e.sentence, e.object_id) for e in clip.expressions}
    assert {(e.sentence, e.object_id) for e in sample.expressions} <= known
    meta = json.loads((clips / "meta.json").read_text("utf-8"))["videos"]["clip-00001"]
    for key, entry in meta["objects"].items():
        assert entry["category"] == clip.names[int(key)]


def test_resumes_without_touching_finished_pictures(tmp_path: Path) -> None:
    write_miniworld(tmp_path / "w", 2, WORLD)
    first = tmp_path / "w" / "JPEGImages" / "000000000000.jpg"
    before = first.stat().st_mtime_ns
    (tmp_path / "w" / "SegmentationClass" / "000000000001.png").unlink()
    write_miniworld(tmp_path / "w", 3, WORLD)
    assert first.stat().st_mtime_ns == before
    assert len(list((tmp_path / "w" / "SegmentationClass").iterdir())) == 3
    assert len(_read(tmp_path / "w", "instances")["images"]) == 3
    assert not list(tmp_path.rglob("*.part"))


def test_interrupted_run_leaves_whole_files_and_is_taken_up(tmp_path: Path) -> None:
    def stop_after_one(numbers: range):
        yield numbers[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_miniworld(tmp_path / "w", 2, WORLD, progress=stop_after_one)
    write_miniworld(tmp_path / "w", 2, WORLD)
    assert len(_read(tmp_path / "w", "captions")["images"]) == 2


def test_two_worlds_do_not_mix(stills: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seed=5, not seed=6"):
        write_miniworld(stills, 4, Miniworld("val", size=72, seed=6))
    with pytest.raises(UsageError, match="frames"):
        write_miniworld(stills, 4, WORLD, frames=3)
    with pytest.raises(UsageError, match="holds 4 scenes"):
        write_miniworld(stills, 3, WORLD)
    (tmp_path / "letter.txt").write_text("dear reader")
    with pytest.raises(UsageError, match="other files"):
        write_miniworld(tmp_path, 1, WORLD)


def test_unusable_folder_and_empty_order_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be used"):
        write_miniworld(tmp_path / "file" / "below", 1, WORLD)
    with pytest.raises(UsageError, match="1 or more"):
        write_miniworld(tmp_path / "w", 0, WORLD)
