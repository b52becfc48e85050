from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

import lexiseg
import lexiseg.io.answering as answering
from lexiseg.types import Recipe

ASK = ("--method", "color", "-t", "red", "-t", "green,zebra")


def test_json_lines_follow_the_schema(lexiseg_command, pictures: Path) -> None:
    code, out, err = lexiseg_command("segment", pictures, *ASK, "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(records) == 2
    first = records[0]
    assert list(first) == [
        "image", "size", "method", "preset", "presence", "instances", "timing_ms",
    ]  # fmt: skip
    assert first["size"] == [12, 16]
    assert [(entry["name"], entry["kept"]) for entry in first["presence"]] == [
        ("red", True), ("green", False), ("zebra", False),
    ]  # fmt: skip
    assert first["instances"][0]["bbox"] == [3, 2, 6, 6]
    assert isinstance(first["instances"][0]["segmentation"]["counts"], str)
    assert "not here: green, zebra" in err


def test_json_alone_writes_no_files(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    lexiseg_command("segment", pictures, *ASK, "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_default_folder_holds_all_formats(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    code, out, _ = lexiseg_command("segment", pictures, *ASK)
    names = {path.name for path in (tmp_path / "lexiseg-out").iterdir()}
    assert code == 0 and out == ""
    assert {"run.json", "results.jsonl", "annotations.coco.json"} <= names
    assert any("overlay" in name for name in names)


@pytest.mark.parametrize("verb", ["segment", "refer"])
def test_the_recipe_stands_beside_the_results(
    lexiseg_command, pictures: Path, tmp_path: Path, color_method, verb: str
) -> None:
    assert lexiseg_command(verb, pictures, "--method", "color", "-t", "red", "-o", "run")[0] == 0
    recipe = color_method().recipe()
    stored = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert Recipe.from_json(stored["recipe"]) == recipe
    assert [result.recipe for result in lexiseg.read(tmp_path / "run")] == [recipe, recipe]


def test_answers_of_another_recipe_do_not_join_a_run(
    lexiseg_command, pictures: Path, tmp_path: Path, color_method, monkeypatch
) -> None:
    words = ("segment", pictures, *ASK, "-o", "run")
    lexiseg_command(*words)
    Image.new("RGB", (16, 12), (255, 0, 0)).save(pictures / "z.png")
    later = lambda self: Recipe("color", "paper", {"depth": 8}, device="cuda")  # noqa: E731
    monkeypatch.setattr(color_method, "recipe", later)
    code, _, err = lexiseg_command(*words)
    assert code == 2 and "another recipe (device: cpu / cuda)" in err
    assert len((tmp_path / "run" / "results.jsonl").read_text().splitlines()) == 2


def test_another_question_goes_to_another_default_folder(
    lexiseg_command, pictures, tmp_path
) -> None:
    lexiseg_command("segment", pictures, *ASK)
    lexiseg_command("segment", pictures, "--method", "color", "-t", "blue")
    assert (tmp_path / "lexiseg-out-2" / "results.jsonl").exists()


def test_bad_image_is_reported_and_the_rest_finishes(lexiseg_command, pictures: Path) -> None:
    (pictures / "0a.png").write_bytes(b"not a picture")
    code, out, err = lexiseg_command("segment", pictures, *ASK, "--json")
    assert code == 1
    assert len(out.splitlines()) == 2
    failures = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 1 and failures[0].count("0a.png") == 1


def test_a_run_that_fails_twice_says_so_twice(lexiseg_command, tmp_path: Path) -> None:
    for _ in range(2):
        code, _, err = lexiseg_command("segment", "absent.png", *ASK, "-o", tmp_path / "run")
        assert code == 1 and "absent.png does not exist" in err
    assert (tmp_path / "run" / "files.txt").read_text("utf-8").count("failed.txt") == 1


def test_failed_images_are_listed_for_a_later_call(lexiseg_command, pictures, tmp_path) -> None:
    whole = (pictures / "1.png").read_bytes()
    (pictures / "1.png").write_bytes(whole[:50])
    failed = tmp_path / "run" / "failed.txt"
    assert lexiseg_command("segment", pictures, *ASK, "-o", "run")[0] == 1
    comment, path = failed.read_text().splitlines()
    assert comment.startswith("# ") and Path(path) == pictures / "1.png"
    (pictures / "1.png").write_bytes(whole)
    assert lexiseg_command("segment", failed, *ASK, "-o", "run")[0] == 0
    records = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    assert len(records) == 2 and not failed.exists()


def test_finished_run_is_not_computed_again(lexiseg_command, pictures, color_method) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    color_method.loads = 0
    code, out, _ = lexiseg_command("segment", pictures, *ASK, "-o", "run", "--json")
    assert code == 0 and len(out.splitlines()) == 2
    assert color_method.loads == 0


def test_interrupted_run_resumes(lexiseg_command, pictures, tmp_path, monkeypatch) -> None:
    real = answering.ImageAnswerer.attempt
    calls: list[Path] = []

    def interrupted(self, step, path):
        calls.append(path)
        if len({*calls}) == 2:
            raise KeyboardInterrupt
        return real(self, step, path)

    monkeypatch.setattr(answering.ImageAnswerer, "attempt", interrupted)
    code, _, err = lexiseg_command("segment", pictures, *ASK, "-o", "run")
    assert code == 130 and "resumes" in err
    monkeypatch.setattr(answering.ImageAnswerer, "attempt", real)
    code, _, _ = lexiseg_command("segment", pictures, *ASK, "-o", "run")
    records = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    assert code == 0
    assert [Path(json.loads(line)["image"]).name for line in records] == ["0.png", "1.png"]


def test_torn_record_of_a_crash_is_computed_again(lexiseg_command, pictures, tmp_path) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    path = tmp_path / "run" / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    code, out, _ = lexiseg_command("segment", pictures, *ASK, "-o", "run", "--json")
    assert code == 0 and len(out.splitlines()) == 2
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 2


def test_folder_of_another_run_is_refused(lexiseg_command, pictures: Path) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    code, _, err = lexiseg_command("segment", pictures, "--method", "color", "-t", "x", "-o", "run")
    assert code == 2 and "--overwrite" in err
    code, _, _ = lexiseg_command(
        "segment", pictures, "--method", "color", "-t", "x", "-o", "run", "--overwrite"
    )
    assert code == 0


def test_a_finished_image_is_known_by_any_of_its_paths(
    lexiseg_command, pictures, color_method, tmp_path
) -> None:
    lexiseg_command("segment", "pictures", *ASK, "-o", "run")
    color_method.loads = 0
    assert lexiseg_command("segment", pictures.resolve(), *ASK, "-o", "run")[0] == 0
    assert color_method.loads == 0
    assert len((tmp_path / "run" / "results.jsonl").read_text().splitlines()) == 2


def test_a_namesake_in_a_later_call_does_not_replace_files(
    lexiseg_command, pictures, tmp_path
) -> None:
    lexiseg_command("segment", pictures / "0.png", *ASK, "-o", "run", "-f", "png")
    before = (tmp_path / "run" / "0.semantic.png").read_bytes()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "0.png").write_bytes((pictures / "1.png").read_bytes())
    assert lexiseg_command("segment", "more/0.png", *ASK, "-o", "run", "-f", "png")[0] == 0
    assert (tmp_path / "run" / "0.semantic.png").read_bytes() == before
    assert len(list((tmp_path / "run").glob("*.semantic.png"))) == 2


def test_equal_names_in_different_folders_do_not_collide(
    lexiseg_command, pictures, tmp_path
) -> None:
    other = tmp_path / "pictures" / "more"
    other.mkdir()
    (other / "0.png").write_bytes((pictures / "0.png").read_bytes())
    code, _, _ = lexiseg_command("segment", pictures, *ASK, "-o", "run", "-f", "overlay")
    assert code == 0
    assert len(list((tmp_path / "run").glob("*overlay*"))) == 3


def test_names_from_file_and_aliases(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\n\ngreen\n", encoding="utf-8")
    _, out, _ = lexiseg_command(
        "segment", pictures, "--method", "color", "--texts-file", "names.txt",
        "--alias", "crimson=red", "--json",
    )  # fmt: skip
    presence = json.loads(out.splitlines()[0])["presence"]
    assert [entry["name"] for entry in presence] == ["red", "green"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("names.txt", b"caf\xe9", "is not UTF-8 text"),
        ("names.json", b"{", "is not valid JSON or YAML (line 1: "),
        ("names.yaml", b"- dog\n", "must map each wording to its name"),
        ("names.json", b'{"couch": 3}', "A name must be text; got 3"),
    ],
)
def test_damaged_files_of_names_are_one_sentence(
    lexiseg_command, pictures, tmp_path, name, content, sentence
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, err = lexiseg_command(
        "segment", pictures, "--method", "color", "--texts-file", name, "--json"
    )
    assert code == 2 and sentence in err and err.count("\n") == 1


def test_repeated_names_are_one_line_of_warning(lexiseg_command, pictures: Path) -> None:
    once = (pictures / "0.png", "--method", "color", "--json")
    code, out, err = lexiseg_command("segment", *once, "-t", "red,red", "-t", "RED")
    assert code == 0 and len(json.loads(out)["presence"]) == 1
    warned = [line for line in err.splitlines() if line.startswith("warning: Name 'red'")]
    assert len(warned) == 1 and ".py" not in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("segment", "{p}", "--method", "color"), "No names were given"),
        (("segment", "{p}", "--method", "color", "-t", " "), "empty or blank"),
        (("segment", "{p}", "--method", "colour", "-t", "a"), "did you mean 'color'"),
        (
            ("segment", "{p}", "--method", "color", "-t", "a", "-f", "ovrlay"),
            "did you mean 'overlay'",
        ),
        (("segment", "{p}", "--method", "color", "-t", "a", "--set", "eta"), "OPTION=VALUE"),
        (("segment", "{p}", "--method", "color", "-t", "a", "--alias", "x"), "WORDING=NAME"),
        (("segment", "{p}", "--method", "color", "--texts-file", "none.txt"), "none.txt"),
        (("segment", "no-such-folder/*.jpg", "--method", "color", "-t", "a"), "no-such-folder"),
        (
            ("segment", "{p}", "--method", "color", "-t", "a", "-o", "{p}/0.png"),
            "cannot be written",
        ),
        (("segment", "{p}", "--method", "color", "-t", "a", "-o", "y" * 300), "cannot be written"),
        (("segment", "{p}", "--nonsense"), "No such option"),
        (("segment",), "Missing argument"),
    ],
)
def test_wrong_calls_end_with_one_sentence(
    lexiseg_command, pictures: Path, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = lexiseg_command(*(word.replace("{p}", str(pictures)) for word in words))
    assert code == 2 and out == ""
    assert sentence in " ".join(err.split()) and "Traceback" not in err


def test_missing_image_among_others_is_one_failure(lexiseg_command, pictures: Path) -> None:
    code, out, err = lexiseg_command(
        "segment", pictures / "0.png", pictures / "none.png", *ASK, "--json"
    )
    assert code == 1 and len(out.splitlines()) == 1 and "none.png" in err


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_any_name_can_be_printed_as_json(
    lexiseg_command, pictures, monkeypatch, encoding: str
) -> None:
    names = ["犬", "d\udcff", "čáp"]
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
    asked = [word for name in names for word in ("-t", name)]
    code, _, _ = lexiseg_command(
        "segment", pictures / "0.png", "--method", "color", "--json", *asked
    )
    record = json.loads(written.getvalue().decode(encoding))
    assert code == 0 and [entry["name"] for entry in record["presence"]] == names


def test_the_summary_is_one_readable_line_whatever_the_names(lexiseg_command, pictures) -> None:
    odd = ("-t", "x" * 10_000, "-t", "a\nb\x1b[31m")
    _, _, err = lexiseg_command("segment", pictures / "0.png", *ASK, *odd, "--json")
    (line,) = [line for line in err.splitlines() if "not here" in line]
    assert "red 1.00" in line and len(line) < 400 and "\x1b" not in err


def test_refer_gives_a_mask_per_sentence(lexiseg_command, pictures: Path) -> None:
    code, out, _ = lexiseg_command(
        "refer", pictures / "0.png", "--method", "color", "-t", "red", "--json"
    )
    assert code == 0 and json.loads(out)["instances"][0]["label"] == "red"


def test_foreign_files_are_never_replaced(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    kept = tmp_path / "mine" / "0.overlay.jpg"
    kept.write_text("precious")
    code, _, err = lexiseg_command("segment", pictures, *ASK, "-o", "mine")
    assert code == 2 and "0.overlay.jpg exists already" in err
    assert kept.read_text() == "precious"
    assert lexiseg_command("segment", pictures, *ASK, "-o", "other", "--overwrite")[0] == 0


def test_overwrite_takes_away_what_the_older_run_wrote_and_nothing_else(
    lexiseg_command, pictures, tmp_path
) -> None:
    run = tmp_path / "run"
    lexiseg_command("segment", pictures, *ASK, "-o", "run", "-f", "overlay,masks,coco,csv")
    (run / "mine.txt").write_text("precious")
    (run / "masks" / "0" / "mine.txt").write_text("precious")
    one = (pictures / "0.png", "--method", "color", "-t", "blue", "-f", "overlay,json")
    assert lexiseg_command("segment", *one, "-o", "run", "--overwrite")[0] == 0
    left = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert left == {
        "mine.txt", "masks/0/mine.txt", "0.overlay.jpg", "annotations.jsonl",
        "run.json", "results.jsonl", "files.txt",
    }  # fmt: skip
    assert not (run / "masks" / "1").exists()


def test_overwrite_without_an_answer_loses_nothing(lexiseg_command, pictures, tmp_path) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    (pictures / "0.png").write_bytes(b"damaged")
    code, _, _ = lexiseg_command("segment", pictures / "0.png", *ASK, "-o", "run", "--overwrite")
    assert code == 1
    assert all(path.read_bytes().startswith(content) for path, content in before.items())


def test_a_list_of_files_never_leads_out_of_the_run(lexiseg_command, pictures, tmp_path) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    listed = tmp_path / "run" / "files.txt"
    listed.write_text(f"{listed.read_text()}../outside.txt\n{outside}\n")
    assert lexiseg_command("segment", pictures, *ASK, "-o", "run", "--overwrite")[0] == 0
    assert outside.read_text() == "precious"


def test_failed_start_leaves_no_run_behind(lexiseg_command, pictures: Path, tmp_path: Path) -> None:
    code, _, _ = lexiseg_command("segment", pictures, "-t", "a", "--preset", "no-such", "-o", "run")
    assert code == 2 and not (tmp_path / "run").exists()


def test_bands_and_stretch_say_what_the_colours_are(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    """The pictures' red is asked for as green."""
    words = ("segment", pictures, *ASK, "-o", "out", "--bands", "2,1,3", "--stretch", "0,255")
    assert lexiseg_command(*words)[0] == 0
    records = [
        json.loads(line) for line in (tmp_path / "out/results.jsonl").read_text().splitlines()
    ]
    kept = {
        Path(record["image"]).name: [e["name"] for e in record["presence"] if e["kept"]]
        for record in records
    }
    assert kept == {"0.png": ["green"], "1.png": ["red"]}
    assert lexiseg_command(*words)[0] == 0
    code, _, err = lexiseg_command("segment", pictures, *ASK, "-o", "out")
    assert code == 2 and "other names or settings" in err


@pytest.mark.parametrize(
    ("option", "value"), [("--bands", "red"), ("--bands", ""), ("--stretch", "2%")]
)
def test_bands_and_stretch_that_are_none(lexiseg_command, pictures, option, value) -> None:
    code, out, err = lexiseg_command("segment", pictures, *ASK, option, value)
    assert code == 2 and out == "" and err.count("\n") == 1 and value in err


def test_a_band_that_is_not_there_fails_that_image_only(lexiseg_command, pictures) -> None:
    code, _, err = lexiseg_command("segment", pictures, *ASK, "--json", "--bands", "7")
    assert code == 1 and err.count("expected one or three numbers from 1 to 3") == 2


def test_rivals_exclusions_and_cutoffs_are_part_of_the_question(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "rivals.txt").write_text("blue\nzebra\n")
    (tmp_path / "limits.yaml").write_text("green: 0.5\n")
    words = (
        "segment", pictures, "--method", "color", "-t", "red:0.4,green", "--against", "rivals.txt",
        "--not", "cat,dog", "--cutoffs", "limits.yaml", "-o", "run",
    )  # fmt: skip
    assert lexiseg_command(*words)[0] == 0
    job = json.loads((tmp_path / "run" / "run.json").read_text())
    assert job["texts"] == {"red": ["red"], "green": ["green"]}
    assert job["rules"] == {
        "against": ["blue", "zebra"],
        "excluded": ["cat", "dog"],
        "cutoffs": {"red": 0.4, "green": 0.5},
    }
    code, _, err = lexiseg_command(*words[:-2], "--against", "cow", "-o", "run")
    assert code == 2 and "other names or settings" in err
    code, _, err = lexiseg_command("segment", pictures, "--method", "color", "-t", "red:1.5")
    assert code == 2 and "expected 0 to 1" in err
