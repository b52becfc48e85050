"""An adapter learns from a COCO file, and an interrupted training ends as an undisturbed one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.folder_lock import FolderLock
from lexiseg.models.openworldsam import Adapter, load_adapter
from lexiseg.training.engine.session import CURVE
from lexiseg.training.openworldsam.config import AdapterTraining, Schedule
from lexiseg.training.openworldsam.examples import Example
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from lexiseg.training.openworldsam.run import AdapterRun
from lexiseg.training.openworldsam.validation import Validation
from tests.training.openworldsam.conftest import TINY_ADAPTER

QUICK = AdapterTraining(batch=4, rate=1e-2, clip=10.0, checkpoint_every=3)


def new_run(folder: Path, networks, world: Path, **changes: object) -> AdapterRun:
    torch.manual_seed(1)
    examples, _ = open_examples(DataChoice(world, "instance"))
    run = AdapterRun(
        folder, networks, Adapter(TINY_ADAPTER), examples, QUICK, Schedule(steps=8), quiet=True
    )
    return replace(run, **changes)


def curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / CURVE).read_text().splitlines()]


def test_it_learns_from_a_coco_file(world: Path, networks, tmp_path: Path) -> None:
    examples, _ = open_examples(DataChoice(world, "instance"))
    learner = new_run(
        tmp_path, networks, world, schedule=Schedule(steps=40), validation=Validation(examples)
    ).run()
    rows = curve(tmp_path)
    assert rows[-1]["mask"] < 0.8 * rows[0]["mask"]
    assert learner.step == 40 and len({row["step"] for row in rows}) == len(rows)
    loaded, ignored = load_adapter(tmp_path)
    assert loaded.config == TINY_ADAPTER and not ignored


def test_interrupted_is_uninterrupted_bit_for_bit(
    world: Path, networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexiseg.training.openworldsam.learner import AdapterLearner

    examples, _ = open_examples(DataChoice(world, "instance"))
    look = {"validation": Validation(examples, most=3)}
    whole = new_run(tmp_path / "whole", networks, world, **look).run()
    advance = AdapterLearner.advance

    def interrupted(self: AdapterLearner, progress: float) -> dict[str, float]:
        if self.step == 5:
            raise KeyboardInterrupt
        return advance(self, progress)

    monkeypatch.setattr(AdapterLearner, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        new_run(tmp_path / "parts", networks, world, **look).run()
    monkeypatch.setattr(AdapterLearner, "advance", advance)
    torch.rand(3)  # the program's own chance does not matter
    later = new_run(tmp_path / "parts", networks, world, resume=True, **look).run()
    assert later.sessions[-1]["first_step"] == 3
    for (name, one), other in zip(
        whole.adapter.named_parameters(), later.adapter.parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    for one, other in zip(curve(tmp_path / "whole"), curve(tmp_path / "parts"), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    files = ("model.safetensors", "config.json")
    for name in files:
        written = [(tmp_path / place / name).read_bytes() for place in ("whole", "parts")]
        assert written[0] == written[1]


def test_a_run_is_not_continued_under_other_settings(world: Path, networks, tmp_path: Path) -> None:
    new_run(tmp_path, networks, world, schedule=Schedule(steps=1)).run()
    other = new_run(tmp_path, networks, world, config=replace(QUICK, rate=0.5), resume=True)
    with pytest.raises(UsageError, match=r"config\.rate 0\.01, not 0\.5"):
        other.run()


def test_a_run_is_not_continued_with_other_data(world: Path, networks, tmp_path: Path) -> None:
    short = {"schedule": Schedule(steps=1)}
    new_run(tmp_path, networks, world, data={"file": "one.json"}, **short).run()
    other = new_run(tmp_path, networks, world, data={"file": "two.json"}, resume=True, **short)
    with pytest.raises(UsageError, match=r"data\.file one\.json, not two\.json"):
        other.run()


def test_two_runs_do_not_share_a_folder(world: Path, networks, tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "run")
    try:
        with pytest.raises(OutputError, match="another run"):
            new_run(tmp_path / "run", networks, world).run()
    finally:
        lock.release()
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_read_is_left_out_and_told(world: Path, networks, tmp_path: Path) -> None:
    examples, _ = open_examples(DataChoice(world, "instance"))

    class Odd(list[Example]):
        def __getitem__(self, index: int) -> Example:  # type: ignore[override]
            if index == 2:
                return replace(examples[index], image=world / "gone.jpg")
            return examples[index]

    odd = Odd(range(len(examples)))
    look = Validation(odd)
    run = new_run(tmp_path, networks, world, examples=odd, validation=look, complaints=("One.",))
    learner = run.run()
    assert learner.step == 8
    told = (tmp_path / "left_out.txt").read_text()
    assert told.startswith("One.\n") and told.count("gone.jpg does not exist") == 2
    assert "3 records were left out" in (tmp_path / "README.md").read_text()


def test_what_it_was_taught_stands_beside_the_weights(
    world: Path, networks, tmp_path: Path
) -> None:
    config = replace(QUICK, layout="one_token", scope="each")
    new_run(tmp_path, networks, world, config=config, schedule=Schedule(steps=1)).run()
    sizes = load_adapter(tmp_path)[0].config
    assert (TINY_ADAPTER.layout, TINY_ADAPTER.scope) == ("released", "joint")
    assert (sizes.layout, sizes.scope) == ("one_token", "each")
