"""The plumbing of the replication; what the small suite reaches is measured by its command."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.config import override, to_dict
from lexiseg.datasets import IGNORE
from lexiseg.methods.car import CarConfig
from lexiseg.methods.car.presets import find_preset
from lexiseg.registry import METHODS
from lexiseg.replication.car.records import replicate_car
from lexiseg.replication.car.tables import ablation_tables
from lexiseg.replication.car.worker import CarWorker, Task, split_tasks
from lexiseg.replication.engine import answer_all, run_in_worker, start_worker
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)


@dataclass(frozen=True)
class Guess:
    """Keeps the first names it is asked for; without recurrence, all of them."""

    config: CarConfig
    weights: tuple[tuple[str, Any], ...] = ()

    encoded = 0
    answered = 0
    name, task, verbs, takes_stuff = "guess", "semantic", ("segment", "refer"), False

    @classmethod
    def load(cls, preset: str, device: str, dtype: str, **options: Any) -> Guess:
        assert preset == "mini"
        return cls(CarConfig(), tuple(options.items()))

    def configured(self, **options: Any) -> Guess:
        return replace(self, config=override(self.config, options))

    def encode(self, image: np.ndarray) -> np.ndarray:
        type(self).encoded += 1
        return image

    def segment(self, scene: np.ndarray, names: Any) -> Result:
        type(self).answered += 1
        asked = Vocabulary.parse(names).names
        return self._result(scene, asked, asked if self.config.max_steps == 0 else asked[:3])

    def refer(self, scene: np.ndarray, sentences: Any, protocol: str = "per-sentence") -> Result:
        asked = Vocabulary.parse(sentences).names
        return self._result(scene, asked, asked[:1] if protocol == "ensemble" else asked)

    def _result(self, scene: np.ndarray, asked: tuple[str, ...], kept: tuple[str, ...]) -> Result:
        size = (scene.shape[0], scene.shape[1])
        mask = np.zeros(size, bool)
        mask[size[0] // 3 :, size[1] // 3 :] = True
        items = tuple(Instance(name, 0.5, Mask.from_array(mask)) for name in kept)
        verdicts = [Presence(name, 0.5, name in kept, "") for name in asked]
        presence = PresenceTrace(verdicts)
        return Result(size, asked, Instances(items, size), presence, self.recipe())

    def recipe(self) -> Recipe:
        return Recipe("guess", "mini", to_dict(self.config), dict(self.weights))


@pytest.fixture(scope="module")
def replicate() -> Any:
    """CaR's tables for a method that guesses."""
    if "guess" not in METHODS:
        METHODS.register("guess")(Guess)
    return replace(replicate_car, method="guess")


def test_page_has_every_table_and_a_second_call_asks_nothing(
    replicate: Any, tmp_path: Path
) -> None:
    page = replicate(scenes=3, out=tmp_path, jobs=1, quiet=True)
    assert (tmp_path / "replication.md").read_text(encoding="utf-8") == page
    for number in range(2, 8):
        assert f"## Table {number}:" in page
    assert "| no recurrence (T = 1): judged once | 15.2 |" in page
    assert f"`lexiseg evaluate guess --replicate --scenes 3 -o {tmp_path}`" in page
    before = Guess.answered
    assert replicate(scenes=3, out=tmp_path, jobs=1, quiet=True) == page
    assert Guess.answered == before


def test_more_scenes_only_add(replicate: Any, tmp_path: Path) -> None:
    replicate(scenes=1, out=tmp_path, jobs=1, quiet=True)
    files = {path: path.stat().st_size for path in tmp_path.rglob("*.jsonl")}
    replicate(scenes=2, out=tmp_path, jobs=1, quiet=True)
    assert set(files) == set(tmp_path.rglob("*.jsonl"))
    assert all(path.stat().st_size > size for path, size in files.items())


def test_equal_settings_share_their_records(replicate: Any, tmp_path: Path) -> None:
    page = replicate(scenes=1, out=tmp_path, jobs=1, quiet=True)
    rows = [line for line in page.splitlines() if line.startswith(("| base", "| circle+blur |"))]
    assert len({line.split("|")[3] for line in rows}) == 1
    settings = [path for path in tmp_path.rglob("*.jsonl") if "sentences" not in path.name]
    # The 5 base rows, three of Table 2, circle+blur, affinity's lambda and T+A+M are one here;
    # Grad-CAM without affinity and with one refinement stands in Tables 2 and 3.
    assert len(settings) == 5 + 10 + 4 + 10 + 10 + 7 + 8 - 10 - 2


def test_rows_that_repeat_the_base_are_told_and_others_named(
    replicate: Any, tmp_path: Path
) -> None:
    page = replicate(scenes=2, out=tmp_path, jobs=1, quiet=True)
    lines = {line.split(" | ")[0]: line for line in page.splitlines()}
    assert "identical answers" in lines["| Grad-CAM, affinity, t = 2"]
    assert lines["| affinity, lambda = 0.5"].count("against affinity, lambda = 0.4") <= 1
    assert (
        lines["| base setting"].split(" | ")[2:4]
        == lines["| no recurrence (T = 1): judged once"].split(" | ")[2:4]
    )
    against = lines["| nothing is judged or removed (ours)"].split(" | ")[4]
    value = -float(against.split()[0])  # one judged step is the base here
    assert "Recurrence changes nothing clearly, +0.0" in page
    told = re.search(r"The judge (gains|costs|changes nothing clearly,) ([-+][\d.]+) \(", page)
    assert told and float(told[2]) == pytest.approx(value)
    assert told[1] != ("gains" if value < 0 else "costs")


def test_the_published_row_is_the_published_setting() -> None:
    table = ablation_tables(find_preset("mini").config("paper"))[0]
    row = table.row("the paper's settings for VOC, all of them")
    assert CarConfig(**row.options) == find_preset("voc21").config("paper")


def test_scenes_that_differ_by_their_encoding_are_not_shared(replicate: Any) -> None:
    worker, before = CarWorker(replicate.method, "cpu", "auto", 1), Guess.encoded
    worker.run(Task(0, ({"eta": 0.1}, {"attention_blocks": 1}, {"eta": 0.2})))
    assert Guess.encoded - before == 2


def test_scenes_are_held_out_and_mostly_about_absent_things() -> None:
    dataset = CarWorker("guess", "cpu", "auto", 200).dataset
    assert dataset.split.startswith("test")
    assert len(dataset) == 200
    for sample in (dataset[0], dataset[1]):
        shown = set(np.unique(sample.truth).tolist()) - {0, IGNORE}
        assert len(sample.asked) == 20
        assert len(shown) <= 10


def test_work_is_split_by_scene_and_only_over_what_is_missing() -> None:
    first, second = {"eta": 0.1}, {"eta": 0.2}
    tasks = split_tasks(4, [(first, {0, 2}), (second, {2})], {"all": {3}})
    assert tasks == [Task(0, (first,)), Task(2, (first, second)), Task(3, (), ("all",))]


def test_workers_do_the_same(replicate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    worker, task = CarWorker(replicate.method, "cpu", "auto", 3), Task(1, ({"eta": 0.2},), ("all",))
    start_worker(worker)
    of_settings, of_sentences = run_in_worker(task)
    assert (of_settings, of_sentences) == worker.run(task)
    assert of_settings[0]["id"] == of_sentences[0]["id"] == "000001"


def test_processes_answer_in_the_order_of_the_tasks() -> None:
    worker = CarWorker("car", "cpu", "float32", 2)
    tasks = [Task(scene, ({"use_crf": False},)) for scene in (1, 0)]
    answers = list(answer_all(worker, tasks, jobs=2))
    assert [asked[0]["id"] for asked, _ in answers] == ["000001", "000000"]
    assert all(sum(asked[0]["presence"]) == 20 for asked, _ in answers)
