"""Every format we write is recognised, read back and rewritten."""

from __future__ import annotations

import pytest

from lexiseg.errors import OutputError, UnknownNameError, UsageError
from lexiseg.io.convert import convert
from lexiseg.io.reader import detect_format, read_results
from lexiseg.registry import READERS, WRITERS

# What to point at after writing, and whether overlapping regions survive.
SOURCES = {
    "json": ("all.jsonl", True),
    "csv": ("all.csv", True),
    "coco": ("all.coco.json", True),
    "coco-polygons": ("all.coco-polygons.json", False),
    "coco-results": ("all.coco-results.json", True),
    "panoptic": ("all.panoptic.json", False),
    "labelme": ("labelme", True),
    "labelme-polygons": ("labelme-polygons/all.json", False),
    "yolo": ("yolo", False),
    "masks": ("masks", True),
    "parquet": ("all.parquet", True),
    "label-studio": ("all.label-studio.json", True),
    "label-studio-polygons": ("all.label-studio-polygons.json", False),
    "label-studio-boxes": ("all.label-studio-boxes.json", False),
    "cvat": ("all.cvat.xml", False),
    "cvat-polygons": ("all.cvat-polygons.xml", False),
    "cvat-boxes": ("all.cvat-boxes.xml", False),
    "png": (".", False),
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_written_formats_are_recognised_and_read(name, result, regions_of, tmp_path):
    out = tmp_path / "out"
    WRITERS[name]([result], out, name="all")
    place, exact = SOURCES[name]
    (again,) = read_results(out / place)
    assert again.size_hw == result.size_hw
    assert set(again.instances.labels) >= set(result.instances.labels) - {"CON"}
    if exact:
        score = {item.mask: item.score for item in result.instances}
        for item in again.instances:
            assert item.score == pytest.approx(score[item.mask], abs=1e-6)


@pytest.mark.parametrize("to", sorted(WRITERS))
def test_records_become_every_format(to, result, empty_result, tmp_path):
    WRITERS["json"]([result, empty_result], tmp_path, name="results")
    paths = convert(tmp_path, to, tmp_path / "new", images=tmp_path / "pictures").paths
    assert paths
    assert all(path.is_file() for path in paths)
    with pytest.raises(OutputError):
        convert(tmp_path, to, tmp_path / "new")


def test_a_chain_of_exact_formats_keeps_every_mask(result, regions_of, tmp_path):
    WRITERS["coco"]([result], tmp_path / "a", name="first")
    (coco,) = (tmp_path / "a").iterdir()
    convert(coco, "labelme", tmp_path / "b")
    convert(tmp_path / "b" / "labelme", "masks", tmp_path / "c")
    convert(tmp_path / "c" / "masks", "csv", tmp_path / "d")
    (again,) = read_results(tmp_path / "d" / "annotations.csv")
    assert regions_of(again) == regions_of(result)
    kinds = [item.is_thing for item in again.instances]
    assert kinds == [item.is_thing for item in result.instances]


def test_pictures_of_equal_name_get_files_of_their_own(result, tmp_path):
    WRITERS["json"]([result, result], tmp_path, name="results")
    names = {path.name for path in convert(tmp_path, "png", tmp_path / "new").paths}
    assert {"street.semantic.png", "street-2.semantic.png"} <= names


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", "3"), ("a.json", "{}"), ("a.json", "["), ("a.txt", "x"), ("a.json", '[{"a": 1}]')],
)
def test_unknown_sources_are_one_sentence(name, content, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    for source in (path, tmp_path / "absent", tmp_path / "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with pytest.raises(UsageError) as caught:
            list(read_results(source))
        assert "\n" not in str(caught.value)


def test_an_unknown_target_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownNameError, match="coco"):
        convert(tmp_path, "coko", tmp_path / "new")


def test_every_detected_format_has_a_reader(result, tmp_path):
    for name, (place, _) in SOURCES.items():
        WRITERS[name]([result], tmp_path / name, name="all")
        assert detect_format(tmp_path / name / place) in READERS
