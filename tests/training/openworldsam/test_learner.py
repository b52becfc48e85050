"""Steps of the adapter: gradients picture by picture, schedule, groups, precision, absent names."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lexiseg.errors import LexisegError
from lexiseg.models.openworldsam import Adapter
from lexiseg.training.openworldsam.config import AdapterTraining, settings_of
from lexiseg.training.openworldsam.features import Features
from lexiseg.training.openworldsam.learner import (
    AdapterLearner,
    parameter_groups,
    training_dtype,
)
from lexiseg.training.openworldsam.objective import masks_on, match_queries, picture_loss
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from lexiseg.training.openworldsam.validation import Validation
from tests.training.engine.test_process_group import free_port
from tests.training.openworldsam.conftest import TINY_ADAPTER

STILL = replace(TINY_ADAPTER, dropout=0.0)
PLAIN = AdapterTraining(batch=4, rate=1e-2, clip=1e6)
REFUSING = replace(PLAIN, negatives=1.0, presence_weight=1.0)


def new_learner(networks, data: Path, config: AdapterTraining = PLAIN) -> AdapterLearner:
    torch.manual_seed(1)
    examples, _ = open_examples(DataChoice(data, "panoptic"))
    return AdapterLearner(config, Adapter(STILL), Features(networks), examples)


@pytest.mark.parametrize("config", [PLAIN, REFUSING])
def test_picture_by_picture_is_the_gradient_of_the_mean_over_all_texts(
    networks, world: Path, config: AdapterTraining
) -> None:
    learner = new_learner(networks, world, config)
    batch = learner.batches.of_step(0)
    assert len({len(asked.texts) for asked in batch}) > 1  # pictures weigh differently
    shown = learner.accumulate(batch)
    ours = [parameter.grad.clone() for parameter in learner.adapter.parameters()]
    learner.optimizer.zero_grad()

    masks, objects = [], []  # of every single text, all alive at once
    for asked in batch:
        answers = learner.answers(asked)
        truth = [masks_on(m, asked.example.size_hw, learner.device) for m in asked.masks]
        for place, match in enumerate(match_queries(answers, truth, config)):
            alone = type(answers)(*(part[place : place + 1] for part in vars(answers).values()))
            loss = picture_loss(alone, truth[place : place + 1], [match], config)
            masks += [loss.mask] if match.count else []
            objects.append(loss.presence)
    total = torch.stack(masks).mean() + torch.stack(objects).mean()
    total.backward()
    assert shown["loss"] == pytest.approx(total.item(), rel=1e-5)
    for gradient, parameter in zip(ours, learner.adapter.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)


def test_gradients_pass_through_the_frozen_decoder_and_stop_there(networks, world: Path) -> None:
    learner = new_learner(networks, world)
    learner.advance(0.0)
    for name, parameter in learner.adapter.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    decoder = networks.segmenter.decoder.network
    assert all(p.grad is None and not p.requires_grad for p in decoder.parameters())


def test_object_scores_learn_which_names_are_there(networks, world: Path) -> None:
    learner = new_learner(networks, world, replace(REFUSING, focal_weight=0.0, rate=3e-3))
    losses = [learner.advance(0.0)["presence"] for _ in range(30)]
    assert sum(losses[-8:]) < 0.95 * sum(losses[:8])
    found = Validation(learner.batches.examples, most=2)(learner)
    assert {"val_present_kept", "val_absent_refused"} <= set(found)


def test_everything_decays_but_layer_norms() -> None:
    adapter = Adapter(TINY_ADAPTER)
    decayed, kept = parameter_groups(adapter, PLAIN)
    names = {id(p): name for name, p in adapter.named_parameters()}
    still = {names[id(p)] for p in kept["params"]}
    assert still == {name for name in names.values() if "norm" in name}
    assert len(decayed["params"]) + len(still) == len(names)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.05, 0.0)
    assert "positional_tokens" in {names[id(p)] for p in decayed["params"]}


def test_the_rate_drops_when_the_paper_says(networks, world: Path) -> None:
    learner = new_learner(networks, world, AdapterTraining())
    rates = [learner.rate(progress) for progress in (0, 0.889, 0.89, 0.959, 0.96, 0.999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    released, schedule = settings_of("panoptic", "released")
    steps = [drop * schedule.steps for drop in released.drops]
    assert steps == pytest.approx([327_778, 355_092])
    warm = new_learner(networks, world, AdapterTraining(warmup=4, drops=()))
    rates = []
    for warm.step in range(6):
        rates.append(warm.rate(0.5))
    assert rates == pytest.approx([2.5e-5, 5e-5, 7.5e-5, 1e-4, 1e-4, 1e-4])


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 0.02), ("bfloat16", 0.1)])
def test_low_precision_has_nearly_the_same_gradient(
    networks, world: Path, precision, tolerance
) -> None:
    exact = new_learner(networks, world).advance(0.0)
    low = new_learner(networks, world, replace(PLAIN, precision=precision))
    low.scaler = torch.amp.GradScaler("cpu", init_scale=64, enabled=precision == "float16")
    found = low.advance(0.0)
    assert found["norm"] == pytest.approx(exact["norm"], rel=tolerance)
    assert found["loss"] == pytest.approx(exact["loss"], rel=tolerance)
    assert all(p.dtype == torch.float32 for p in low.adapter.parameters())


def test_a_step_whose_scaled_gradient_overflows_is_skipped(networks, world: Path) -> None:
    learner = new_learner(networks, world, replace(PLAIN, precision="float16"))
    learner.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = [parameter.clone() for parameter in learner.adapter.parameters()]
    assert "norm" not in learner.advance(0.0)
    assert all(map(torch.equal, before, learner.adapter.parameters()))
    assert learner.scaler.get_scale() == 2.0**39 and learner.step == 1


def test_a_gradient_that_is_no_number_stops_with_a_sentence(networks, world: Path) -> None:
    learner = new_learner(networks, world)
    with torch.no_grad():
        learner.adapter.positional_tokens.fill_(float("nan"))
    with pytest.raises(LexisegError, match="gradient of step 0 is no number"):
        learner.advance(0.0)


def test_precision_follows_the_device() -> None:
    cpu = torch.device("cpu")
    assert training_dtype("auto", cpu) == torch.float32
    assert training_dtype("float16", cpu) == torch.float16


def test_kept_maps_and_vectors_change_nothing(networks, world: Path, tmp_path: Path) -> None:
    from lexiseg.training.openworldsam.features import FeatureCaching

    plain = new_learner(networks, world)
    expected = [plain.advance(0.0) for _ in range(5)]
    for caching in (FeatureCaching(None, "memory"), FeatureCaching(tmp_path, "disk")):
        learner = new_learner(networks, world)
        learner.features = Features(networks, caching)
        assert [learner.advance(0.0) for _ in range(5)] == expected
    again = new_learner(networks, world)
    again.features = Features(networks, FeatureCaching(tmp_path, "disk"))
    asked = again.batches.of_step(0)[0]
    assert not again.features.needs_pixels(asked.picture)
    assert [again.advance(0.0) for _ in range(5)] == expected


MEMBER = """
import sys, torch
from pathlib import Path
from dataclasses import replace
from lexiseg.training.engine.process_group import ProcessGroup
from tests.training.openworldsam.test_learner import PLAIN, STILL
from tests.training.openworldsam.tiny import tiny_networks
from lexiseg.training.openworldsam.features import Features
from lexiseg.training.openworldsam.learner import AdapterLearner
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from lexiseg.errors import LexisegError
from lexiseg.models.openworldsam import Adapter
data, words, out = map(Path, sys.argv[1:4])
group = ProcessGroup.join()
examples, _ = open_examples(DataChoice(data, "panoptic"))
torch.manual_seed(1)
config = replace(PLAIN, batch=2)
learner = AdapterLearner(config, Adapter(STILL), Features(tiny_networks(words)), examples, group)
learner.advance(0.0)
torch.save([p.grad for p in learner.adapter.parameters()], out / f"{group.rank}.pt")
torch.save(learner.adapter.state_dict(), out / f"adapter{group.rank}.pt")
torch.distributed.destroy_process_group()
"""


def test_two_processes_have_the_gradient_of_one_with_their_pictures(
    networks, tokenizer, world: Path, tmp_path: Path
) -> None:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(world), str(tokenizer.file.parent), str(tmp_path)],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": "0", "PYTHONPATH": path},
            cwd=root,
        )
        for rank in range(2)
    ]
    alone = new_learner(networks, world)
    alone.advance(0.0)
    assert [member.wait(timeout=300) for member in members] == [0, 0]
    read = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for parameter, one, other in zip(alone.adapter.parameters(), *read, strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, parameter.grad, rtol=1e-4, atol=1e-6)
    first, second = (
        torch.load(tmp_path / f"adapter{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
