"""Reports to the letter: numbers in percent, what is unknown left empty."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from lexiseg.evaluation.summary import ClassRow, Evaluation, InstanceRow, Summary

TERMS = SimpleNamespace(
    method="car", dataset="painted", split="val", images=6, class_list="painted-3",
    wording="as written", background="counted", asked="all", asking="global",
    versions={"lexiseg": "0.1"}, to_json=lambda: {"method": "car"},
)  # fmt: skip
NAN = float("nan")


@pytest.fixture
def evaluation():
    rows = (ClassRow("a|b", "a or b", 0.12345678, 3, 40), ClassRow("cat", "cat", None, 0, 0))
    scores = {"miou": 0.12345678, "mcc": NAN, "recall": 1.0}
    summary = Summary(scores, {"miou": (0.1, 0.25), "mcc": (NAN, NAN)}, rows)
    return Evaluation(TERMS, summary, {"x": "broken"})


def test_the_page_to_the_letter(evaluation):
    assert evaluation.to_markdown() == (
        "# car on painted (val)\n"
        "\n"
        "6 images, 1 failed; classes: painted-3 (as written); background counted; "
        "prompts=global: all; lexiseg 0.1.\n"
        "\n"
        "| number | value | 95 % interval |\n"
        "| --- | --- | --- |\n"
        "| miou | 12.3 | 10.0 to 25.0 |\n"
        "| mcc |  |  |\n"
        "| recall | 100.0 |  |\n"
        "\n"
        "| class | prompt | iou | images | pixels |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| a\\|b | a or b | 12.3 | 3 | 40 |\n"
        "| cat | cat |  | 0 | 0 |\n"
    )


def test_the_files(evaluation, tmp_path):
    paths = evaluation.save(tmp_path)
    assert [path.name for path in paths] == ["result.json", "report.md", "per_class.csv"]
    assert (tmp_path / "per_class.csv").read_text() == (
        "class,prompt,iou,images,pixels\na|b,a or b,0.123457,3,40\ncat,cat,,0,0\n"
    )
    assert (tmp_path / "report.md").read_text("utf-8") == evaluation.to_markdown()
    stored = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert stored["scores"] == {"miou": 0.123457, "mcc": None, "recall": 1.0}
    assert stored["intervals_95"] == {"miou": [0.1, 0.25], "mcc": [None, None]}
    assert stored["failures"] == {"x": "broken"} and stored["protocol"] == {"method": "car"}
    assert stored["per_class"][1] == {
        "name": "cat", "prompt": "cat", "iou": None, "images": 0, "pixels": 0
    }  # fmt: skip


def test_without_classes_there_is_no_table(tmp_path):
    bare = Evaluation(TERMS, Summary({"miou": 0.5}, {}), {})
    assert bare.to_markdown().endswith("| miou | 50.0 |  |\n")
    assert [path.name for path in bare.save(tmp_path)] == ["result.json", "report.md"]


def test_objects_have_columns_of_their_own():
    rows = (InstanceRow("dog", "dog", 0.5, 0.75, None, 2, 3, 4),)
    page = Evaluation(TERMS, Summary({}, {}, rows), {}).to_markdown()
    assert "| class | prompt | ap | ap50 | recall | images | objects | answers |" in page
    assert "| dog | dog | 50.0 | 75.0 |  | 2 | 3 | 4 |" in page
