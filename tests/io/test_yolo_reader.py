"""YOLO folders as other tools write them: the right value for each kind, or a counted skip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import read_results
from lexiseg.io.reading import result_from_regions
from lexiseg.io.report import Report
from lexiseg.io.yolo import write_yolo
from lexiseg.io.yolo_reader import read_yolo
from lexiseg.types import Instance, Mask

SQUARE = "0 0.1 0.125 0.4 0.125 0.4 0.5 0.1 0.5"  # 6 x 6 of 20 x 16 pixels


def picture(path, size_wh=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (90, 90, 90)).save(path)
    return path


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def read(source, **options):
    reading = read_results(source, **options)
    return list(reading), reading.report


@pytest.fixture
def folder(tmp_path):
    picture(tmp_path / "ds/images/a.png")
    text(tmp_path / "ds/data.yaml", "names: [cat, dog]\n")
    text(tmp_path / "ds/labels/a.txt", SQUARE + "\n")
    return tmp_path / "ds"


@pytest.mark.parametrize(
    ("line", "label", "box_xywh", "area", "score"),
    [
        (SQUARE, "cat", (2, 2, 6, 6), 36, 1.0),
        ("0 0.5 0.5 0.5 0.5", "cat", (5, 4, 10, 8), 80, 1.0),
        ("1 0.5 0.5 0.5 0.5 0.25", "dog", (5, 4, 10, 8), 80, 0.25),
        ("1 0.1 0.125 0.4 0.125 0.4 0.5 0.1 0.5 0.87", "dog", (2, 2, 6, 6), 36, 0.87),
        ("0 0.5 0.125 0.75 0.5 0.5 0.875 0.25 0.5", "cat", (5, 3, 10, 10), 60, 1.0),  # turned box
        ("0.0 -0.1 0.5 0.4 0.5 0.4 1.1 -0.1 1.1", "cat", (0, 8, 8, 8), 64, 1.0),
        ("dog 0.5 0.5 0.5 0.5", "dog", (5, 4, 10, 8), 80, 1.0),
    ],
)
def test_every_form_of_line(line, label, box_xywh, area, score, folder):
    text(folder / "labels/a.txt", f"\n{line}  \n\n")
    ((result,), report) = read(folder)
    (item,) = result.instances
    assert (item.label, item.mask.bbox, item.mask.area, item.score) == (
        label, box_xywh, area, score,
    )  # fmt: skip
    assert report.skipped == {}
    assert len(report.notes) == (1 if len(line.split()) < 7 else 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0", "unknown form"),
        ("0 0.1 0.2 0.3", "unknown form"),
        ("0 0.5 0.5 0.5 0.5 45", "unknown form"),  # a box with an angle
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 7", "unknown form"),
        ("9 0.5 0.5 0.5 0.5", "unknown class"),
        ("zebra 0.5 0.5 0.5 0.5", "unknown class"),
        ("0 320 240 60 60", "no shares"),
        ("0 0.5 nan 0.5 0.5", "malformed"),
        ("0 0.5 0.5 half 0.5", "malformed"),
        ("0 0.5 0.5 0 0", "empty shape"),
        ("0 1.5 0.5 0.2 0.2", "empty shape"),
        (SQUARE, "twice"),
    ],
)
def test_an_odd_line_costs_itself_and_is_named(line, reason, folder):
    label = text(folder / "labels/a.txt", f"{SQUARE}\n{line}\n")
    ((result,), report) = read(folder)
    assert [item.mask.area for item in result.instances] == [36]
    (skip,) = report.skips
    assert reason in skip.reason and str(skip).startswith(f"{label}, line 2: ")
    with pytest.raises(UsageError, match=r"a\.txt, line 2") as caught:
        list(read_yolo(folder, ReadContext(report=Report(strict=True))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        "names: [cat, 'no', 3]\n",
        "nc: 3\nnames:\n- cat\n- no\n- 3\n",
        "names: {0: cat, 1: no, 2: 3}\n",
        "path: ../datasets/pets\ntrain: images/train\nnames:\n  0: cat\n  1: no\n  2: 3\n",
        "\ufeffnames: {'0': cat, '1': 'no', '2': '3'}\ntrain: [a, b]\n",
    ],
)
def test_every_form_of_table(table, folder):
    (folder / "data.yaml").write_text(table, encoding="utf-8")
    text(folder / "labels/a.txt", "1 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n")
    for source in (folder, folder / "data.yaml"):
        ((result,), _) = read(source)
        assert result.instances.labels == ("no", "3")
        assert list(result.origin.categories) == ["cat", "no", "3"]


def test_of_two_tables_the_one_that_is_named_counts(folder):
    text(folder / "pets.yaml", "names: [lion, wolf]\ntrain: images\n")
    for table, label in (("data.yaml", "cat"), ("pets.yaml", "lion")):
        ((result,), _) = read(folder / table)
        assert result.instances.labels == (label,)


@pytest.mark.parametrize(
    "place", ["classes.txt", "labels/classes.txt", "obj.names", "_darknet.labels", "pets.yaml"]
)
def test_names_stand_in_a_list_as_well(place, folder):
    (folder / "data.yaml").unlink()
    text(folder / place, "names: [cat, dog]" if place.endswith("yaml") else "cat\ndog\n\n")
    text(folder / "labels/a.txt", "1 0.5 0.5 0.5 0.5\n")
    ((result,), report) = read(folder)
    assert result.instances.labels == ("dog",) and report.skipped == {}


def test_classes_that_nothing_names_get_numbers(folder):
    (folder / "data.yaml").unlink()
    text(folder / "labels/a.txt", "7 0.5 0.5 0.5 0.5\n")
    ((result,), report) = read(folder)
    assert result.instances.labels == ("class 7",)
    assert any("names its classes" in note for note in report.notes)


@pytest.mark.parametrize(
    ("picture_at", "label_at"),
    [
        ("images/a.png", "labels/a.txt"),
        ("images/train/a.png", "labels/train/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("train/images/deep/a.jpg", "train/labels/deep/a.txt"),
        ("obj_train_data/a.PNG", "obj_train_data/a.txt"),
        ("a.png", "a.txt"),
        ("JPEGImages/a.png", "labels/a.txt"),
        ("photos/a.png", "labels/a.txt"),
        ("images/classes.png", "labels/classes.txt"),
    ],
)
def test_layouts(picture_at, label_at, tmp_path):
    root = tmp_path / "ds"
    picture(root / picture_at)
    text(root / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: [cat]\n")
    text(root / label_at, SQUARE)
    text(root / "README.roboflow.txt", "made by hand\n")
    text((root / label_at).with_name("._a.txt"), "\0\5")
    (result,), report = read(root)
    assert result.path == root / picture_at
    assert [item.mask.area for item in result.instances] == [36]
    assert report.skipped == {}


def test_equal_stems_in_two_splits_stay_apart(tmp_path):
    text(tmp_path / "data.yaml", "names: [cat, dog]")
    for split, line in (("train", SQUARE), ("valid", "1 0.5 0.5 0.5 0.5")):
        picture(tmp_path / split / "images/a.jpg")
        text(tmp_path / split / "labels/a.txt", line)
    results, _ = read(tmp_path)
    assert [(r.path.parts[-3], r.instances.labels) for r in results] == [
        ("train", ("cat",)), ("valid", ("dog",)),
    ]  # fmt: skip


def test_a_picture_without_labels_is_read_and_says_nothing_of_names(folder):
    picture(folder / "images/b.png")
    picture(folder / "images/c.png")
    text(folder / "labels/c.txt", "\n")
    results, report = read(folder)
    assert [len(result.instances) for result in results] == [1, 0, 0]
    assert [result.names for result in results] == [("cat",), (), ()]
    assert report.skipped == {}
    assert str(report.read) == "3 pictures and 1 region"


def test_pictures_beside_the_data_set_are_none_of_it(folder):
    picture(folder / "preview.png")
    results, _ = read(folder)
    assert [result.path.name for result in results] == ["a.png"]


def test_labels_without_picture_are_counted(folder):
    text(folder / "labels/gone.txt", SQUARE)
    results, report = read(folder)
    assert len(results) == 1
    assert report.skipped == {"labels without picture": 1}
    assert report.skips[0].file.name == "gone.txt"


def test_two_pictures_of_one_stem_share_their_labels(folder):
    picture(folder / "images/a.jpg", (40, 32))
    results, report = read(folder)
    assert [(result.path.name, result.instances[0].mask.area) for result in results] == [
        ("a.jpg", 144), ("a.png", 36),
    ]  # fmt: skip
    assert any("a.jpg, a.png" in note for note in report.notes)
    done = convert(folder, "yolo", folder.parent / "out")
    assert len([path for path in done.paths if path.parent.name == "images"]) == 2


def test_pictures_lie_in_another_folder(folder, tmp_path):
    (folder / "images").rename(tmp_path / "photos")
    ((result,), report) = read(folder, images=tmp_path / "photos")
    assert result.path == tmp_path / "photos/a.png" and report.skipped == {}
    (_, report) = read(folder)
    assert report.skipped == {"labels without picture": 1}


def test_pictures_behind_a_link_are_found(folder, tmp_path):
    (folder / "images").rename(tmp_path / "photos")
    (folder / "images").symlink_to(tmp_path / "photos")
    ((result,), _) = read(folder)
    assert result.path == folder / "images/a.png" and len(result.instances) == 1


def test_key_points_follow_a_box(folder):
    text(folder / "data.yaml", "names: [cat]\nkpt_shape: [3, 3]\n")
    text(folder / "labels/a.txt", "0 0.5 0.5 0.5 0.5" + " 0.4 0.4 2" * 3)
    ((result,), _) = read(folder)
    assert [item.mask.area for item in result.instances] == [80]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"not a picture"])
def test_a_damaged_file_costs_its_picture(content, folder):
    picture(folder / "images/b.png")
    target = "labels/b.txt" if content[0] == 255 else "images/b.png"
    (folder / target).write_bytes(content)
    results, report = read(folder)
    assert [result.path.name for result in results] == ["a.png"]
    assert len(report.skips) == 1 and report.skips[0].kind == "picture"


@pytest.mark.parametrize("table", ["", "names: cat", "- a\n- b", "names: [a\n", "train: images"])
def test_a_damaged_table_is_one_sentence(table, folder):
    text(folder / "data.yaml", table)
    with pytest.raises(UsageError, match=r"data\.yaml") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_a_table_alone_is_one_sentence(tmp_path):
    text(tmp_path / "data.yaml", "names: [cat]")
    with pytest.raises(UsageError, match="neither pictures nor labels"):
        read(tmp_path)


def test_pictures_are_listed_once_however_many_labels_there_are(folder, monkeypatch):
    """Time grows with the number of files, as every folder is walked once."""
    import lexiseg.io.yolo_folder as module

    walks = []
    walk = module.walk_visible
    monkeypatch.setattr(module, "walk_visible", lambda root: walks.append(root) or walk(root))
    for number in range(30):
        picture(folder / f"images/{number}.png")
        text(folder / f"labels/{number}.txt", SQUARE)
    assert len(list(read_yolo(folder))) == 31
    assert walks == [folder]


regions = st.lists(
    st.tuples(st.sampled_from(["a", "no", "狗: 2"]), arrays.arrays(bool, (7, 9)).filter(np.any)),
    max_size=4,
    unique_by=lambda pair: (pair[0], pair[1].tobytes()),
)


@given(regions)
def test_what_is_written_is_read_again(tmp_path_factory, drawn):
    items = [Instance(label, 1.0, Mask.from_array(mask)) for label, mask in drawn]
    root = tmp_path_factory.mktemp("yolo")
    photo = picture(root / "in" / "a.png", (9, 7))
    result = result_from_regions((7, 9), items, source="hand", path=photo)
    write_yolo([result], root, name="any", tolerance=0.0)
    (again,) = read_yolo(root / "yolo")
    assert [(item.label, item.mask) for item in again.instances] == [
        (item.label, item.mask) for item in items
    ]
