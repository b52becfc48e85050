import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lexiseg
from lexiseg.errors import UsageError
from lexiseg.evaluation import tuning
from lexiseg.evaluation.protocol import protocol_of
from lexiseg.evaluation.summary import Evaluation, Summary
from lexiseg.evaluation.tuning import tune
from lexiseg.registry import DATASETS

VALUES = (0, 1, 2)


class Landscape:
    """Scores of settings, in the place of a measurement."""

    def __init__(self, heights: dict[tuple[int, int], float]) -> None:
        self.heights, self.asked = heights, []
        method = lexiseg.load("car", preset="mini")
        dataset = DATASETS["miniworld"](None, split="val")
        self.dataset = dataset
        self.protocol = protocol_of(dataset, method.recipe(), seed=0, images=4)

    def evaluate(self, settings: dict[str, int], *_: object, **__: object) -> Evaluation:
        place = (settings.get("a", 0), settings.get("b", 0))
        self.asked.append(place)
        scores = {"miou": self.heights[place], "mcc": -self.heights[place]}
        return Evaluation(self.protocol, Summary(scores, {}, ()), {})


@pytest.fixture(scope="module")
def land() -> Landscape:
    return Landscape({})


@given(st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_one_option_after_the_other(land: Landscape, heights: list[float]) -> None:
    places = list(itertools.product(VALUES, VALUES))
    land.heights, land.asked = dict(zip(places, heights, strict=True)), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "evaluate", land.evaluate)
        found = tune(lambda settings: settings, land.dataset, {"a": (1, 2), "b": (1, 2)})
    first = max(VALUES, key=lambda a: land.heights[a, 0])
    second = max(VALUES, key=lambda b: land.heights[first, b])
    assert (found.chosen.get("a", 0), found.chosen.get("b", 0)) == (first, second)
    assert len(land.asked) == len(set(land.asked)) == 5
    assert found.by == "miou"


def test_another_score_may_decide(land: Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    land.heights = {(0, 0): 0.5, (1, 0): 0.7, (2, 0): 0.2}
    monkeypatch.setattr(tuning, "evaluate", land.evaluate)
    found = tune(lambda settings: settings, land.dataset, {"a": (1, 2)}, by="mcc")
    assert found.chosen == {"a": 2}
    assert "Chosen: `--set a=2`" in found.to_markdown()
    with pytest.raises(UsageError, match="no score 'pq'; measured are miou, mcc"):
        tune(lambda settings: settings, land.dataset, {"a": (1,)}, by="pq")
    with pytest.raises(UsageError, match="Nothing is to be tried"):
        tune(lambda settings: settings, land.dataset, {})


def test_a_search_on_pictures_is_written_and_continued(tmp_path: Path) -> None:
    dataset = DATASETS["miniworld"](None, split="val")

    def load(settings: dict[str, object]) -> lexiseg.Method:
        return lexiseg.load("car", preset="mini", **settings)

    choices = {"max_steps": (0,)}
    found = tune(load, dataset, choices, out=tmp_path, limit=1, quiet=True)
    assert [dict(trial.settings) for trial in found.trials] == [{}, {"max_steps": 0}]
    written = json.loads((tmp_path / "tuning.json").read_text())
    assert written["chosen"] == dict(found.chosen) and written["images"] == 1
    assert (tmp_path / "tuning.md").read_text() == found.to_markdown()
    again = tune(load, dataset, choices, out=tmp_path, limit=1, quiet=True)
    assert [replace(trial, seconds=0) for trial in again.trials] == [
        replace(trial, seconds=0) for trial in found.trials
    ]
