"""The plumbing of the replication; what the small suite reaches is measured by its command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.config import override, to_dict
from lexiseg.datasets import IGNORE
from lexiseg.registry import METHODS
from lexiseg.replication.car.bench import replicate
from lexiseg.replication.car.worker import Replicant, Task, split_tasks
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
class GuessConfig:
    eta: float = 0.4
    theta: float = 0.6
    lam: float = 0.4
    prompts: tuple[str, ...] = ("circle", "blur")
    background_factor: float = 1.0
    background: tuple[str, ...] = ("terrestrial", "aquatic-atmospheric", "man-made")
    max_steps: int | None = None
    affinity: bool = True
    use_crf: bool = True
    reject_all: bool = False


@dataclass(frozen=True)
class Guess:
    """Keeps the first names it is asked for; without recurrence, all of them."""

    config: GuessConfig
    weights: tuple[tuple[str, Any], ...] = ()

    encoded = 0
    answered = 0

    @classmethod
    def load(cls, preset: str, device: str, dtype: str, **options: Any) -> Guess:
        assert preset == "mini"
        return cls(GuessConfig(), tuple(options.items()))

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
        recipe = Recipe("guess", "mini", to_dict(self.config), dict(self.weights))
        return Result(size, asked, Instances(items, size), PresenceTrace(verdicts), recipe)


@pytest.fixture(scope="module")
def guess() -> str:
    if "guess" not in METHODS:
        METHODS.register("guess")(Guess)
    return "guess"


def test_page_has_every_table_and_a_second_call_asks_nothing(guess: str, tmp_path: Path) -> None:
    page = replicate(guess, scenes=3, out=tmp_path, jobs=1, quiet=True)
    assert (tmp_path / "replication.md").read_text(encoding="utf-8") == page
    for number in range(2, 8):
        assert f"## Table {number}:" in page
    assert "| no recurrence: nothing is judged or removed | 15.2 |" in page
    assert f"`lexiseg evaluate guess --replicate --scenes 3 -o {tmp_path}`" in page
    before = Guess.answered
    assert replicate(guess, scenes=3, out=tmp_path, jobs=1, quiet=True) == page
    recipes = 45  # every setting is asked once about a grey picture for its terms
    assert Guess.answered - before <= recipes


def test_more_scenes_only_add(guess: str, tmp_path: Path) -> None:
    replicate(guess, scenes=1, out=tmp_path, jobs=1, quiet=True)
    files = {path: path.stat().st_size for path in tmp_path.rglob("*.jsonl")}
    replicate(guess, scenes=2, out=tmp_path, jobs=1, quiet=True)
    assert set(files) == set(tmp_path.rglob("*.jsonl"))
    assert all(path.stat().st_size > size for path, size in files.items())


def test_equal_settings_share_their_records(guess: str, tmp_path: Path) -> None:
    page = replicate(guess, scenes=1, out=tmp_path, jobs=1, quiet=True)
    rows = [line for line in page.splitlines() if line.startswith(("| base", "| circle+blur |"))]
    assert len({line.split("|")[3] for line in rows}) == 1
    settings = [path for path in tmp_path.rglob("*.jsonl") if "sentences" not in path.name]
    # The 5 base rows, three of Table 2, circle+blur and T+A+M mean the same here.
    assert len(settings) == 5 + 8 + 4 + 10 + 6 + 8 - 9


def test_scenes_are_held_out_and_mostly_about_absent_things() -> None:
    dataset = Replicant("guess", "cpu", "auto", 200).dataset
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


def test_workers_do_the_same(guess: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    replicant, task = Replicant(guess, "cpu", "auto", 3), Task(1, ({"eta": 0.2},), ("all",))
    start_worker(replicant)
    asked, told = run_in_worker(task)
    assert (asked, told) == replicant.run(task)
    assert asked[0]["id"] == told[0]["id"] == "000001"


def test_processes_answer_in_the_order_of_the_tasks() -> None:
    replicant = Replicant("car", "cpu", "float32", 2)
    tasks = [Task(scene, ({"use_crf": False},)) for scene in (1, 0)]
    answers = list(answer_all(replicant, tasks, jobs=2))
    assert [asked[0]["id"] for asked, _ in answers] == ["000001", "000000"]
    assert all(sum(asked[0]["presence"]) == 20 for asked, _ in answers)
