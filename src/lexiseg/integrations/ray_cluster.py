"""Ray as the rest of lexiseg uses it: a cluster, and actors that take shares of some work."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lexiseg.errors import LexisegError, MissingExtraError
from lexiseg.types import Recipe

if TYPE_CHECKING:
    import pyarrow

IN_FLIGHT = 4
"""Shares that Ray hands to an actor beforehand."""


@contextmanager
def cluster() -> Iterator[None]:
    """The cluster that Ray finds (RAY_ADDRESS), one that is in use already, or this machine.

    Nothing about the use of Ray is reported to anybody unless RAY_USAGE_STATS_ENABLED says so.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.data import DataContext
    except ImportError as error:
        raise MissingExtraError("A run on many machines", "ray") from error
    mine = not ray.is_initialized()
    if mine:
        ray.init(logging_level=logging.ERROR, log_to_driver=False)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        yield
    finally:
        context.enable_progress_bars = bars
        if mine:
            ray.shutdown()


def needs_of(device: str) -> Mapping[str, float]:
    """What an actor takes of a machine: a GPU, if there are any and it may be one; else a core."""
    import ray

    gpus = ray.cluster_resources().get("GPU", 0) and not device.startswith("cpu")
    return {"num_gpus": 1} if gpus else {"num_cpus": 1}


def spread(
    shares: Sequence[Mapping[str, object]],
    actor: type,
    work: object,
    needs: Mapping[str, float],
    workers: int | None,
) -> Iterator[pyarrow.Table]:
    """What actors make of shares of some work.

    Args:
        shares: of plain values; one at a time is handed to an actor.
        actor: a class of a module, made from `work` and called with a table of one row, a share.
        work: sent to every actor.
        needs: what an actor needs, as Ray's ``map_batches`` takes it.
        workers: actors; by default as many as the cluster has room for.
    """
    import pyarrow
    import ray
    from ray.data import ActorPoolStrategy

    tables = [pyarrow.table({name: [one] for name, one in share.items()}) for share in shares]
    room = ray.cluster_resources()
    most = int(room.get("GPU", 0) if "num_gpus" in needs else room.get("CPU", 1))
    answers = ray.data.from_arrow(tables).map_batches(
        actor,
        fn_constructor_args=(work,),
        batch_size=1,  # a share
        batch_format="pyarrow",
        compute=ActorPoolStrategy(
            size=min(workers or max(1, most), len(tables)),
            max_tasks_in_flight_per_actor=IN_FLIGHT,
        ),
        **needs,
    )
    yield from answers.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


def columns(**values: Iterable[object]) -> pyarrow.Table:
    """A table of texts, but for columns whose names say otherwise."""
    import pyarrow

    kinds = {"index": pyarrow.int64(), "earlier": pyarrow.bool_()}
    return pyarrow.table(
        {
            name: pyarrow.array(list(column), kinds.get(name, pyarrow.string()))
            for name, column in values.items()
        }
    )


def settle(place: str) -> None:
    """Let relative paths begin, in an actor, where they do in the program that asks."""
    with suppress(OSError):  # this machine has no such folder
        os.chdir(place)


def check_recipe(agreed: Recipe, here: Recipe) -> None:
    """See that an actor's method is the one agreed upon.

    Raises:
        LexisegError: it is not, with what differs.
    """
    if others := agreed.differences(here):
        raise LexisegError(
            f"A machine of the cluster answers by another recipe ({'; '.join(others[:3])}); give "
            "all of them the same packages, weights and kind of device."
        )
