"""What Ray is asked for: actors with a GPU each where there are GPUs, else with a core each."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from lexiseg.integrations.ray_cluster import needs_of, spread

pyarrow = pytest.importorskip("pyarrow", reason="extra parquet")


class Actor:
    """What the work is done with."""


@pytest.fixture
def asked(monkeypatch):
    """A stand-in for Ray that notes what it is handed, with the resources that a test gives it."""
    noted = SimpleNamespace(room={}, options={}, tables=[])

    class Dataset:
        def __init__(self, tables):
            noted.tables = tables

        def map_batches(self, actor, **options):
            noted.actor, noted.options = actor, options
            return self

        def iter_batches(self, **options):
            return iter(noted.tables)

    ray, data = ModuleType("ray"), ModuleType("ray.data")
    ray.cluster_resources = lambda: noted.room
    ray.data = data
    data.from_arrow = Dataset
    data.ActorPoolStrategy = lambda **options: SimpleNamespace(**options)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    return noted


def actors(asked, room, device, workers=None, shares=9):
    asked.room = room
    work = [{"part": number} for number in range(shares)]
    list(spread(work, Actor, "work", needs_of(device), workers))
    return asked.options["compute"].size, {
        name: asked.options[name] for name in ("num_gpus", "num_cpus") if name in asked.options
    }


GPUS, CORES = {"CPU": 16.0, "GPU": 3.0}, {"CPU": 4.0}


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_an_actor_per_gpu_has_one_to_itself(asked, device):
    assert actors(asked, GPUS, device) == (3, {"num_gpus": 1})


@pytest.mark.parametrize("room", [GPUS, CORES])
def test_on_the_processor_an_actor_per_core(asked, room):
    assert actors(asked, room, "cpu", shares=99) == (int(room["CPU"]), {"num_cpus": 1})


def test_without_gpus_an_actor_per_core(asked):
    assert actors(asked, CORES, "auto") == (4, {"num_cpus": 1})


@pytest.mark.parametrize(
    ("workers", "shares", "size"), [(2, 9, 2), (None, 1, 1), (7, 9, 7), (7, 2, 2)]
)
def test_as_many_as_were_asked_for_but_none_without_work(asked, workers, shares, size):
    assert actors(asked, CORES, "auto", workers, shares)[0] == size


def test_a_cluster_that_says_nothing_of_cores_has_one_actor(asked):
    assert actors(asked, {}, "auto") == (1, {"num_cpus": 1})


def test_each_actor_is_made_of_the_work_and_handed_one_share(asked):
    actors(asked, CORES, "auto", shares=3)
    assert asked.actor is Actor
    assert asked.options["fn_constructor_args"] == ("work",)
    assert asked.options["batch_size"] == 1
    assert [table.to_pylist() for table in asked.tables] == [[{"part": n}] for n in range(3)]
