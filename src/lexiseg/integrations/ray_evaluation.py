"""Data sets judged by the machines of a Ray cluster; records and report are written as ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import LexisegError
from lexiseg.evaluation.collecting import Judged, record_or_reason
from lexiseg.evaluation.runner import Measurement
from lexiseg.integrations.ray_cluster import (
    check_recipe,
    cluster,
    columns,
    needs_of,
    settle,
    spread,
)
from lexiseg.types import Method, Recipe

if TYPE_CHECKING:
    import pyarrow

_AT_ONCE = 8  # images that an actor is handed; their records are lost with it


@dataclass(frozen=True)
class OnCluster:
    """Judges images for `lexiseg.evaluation.evaluate`, whose `elsewhere` it is.

    Args:
        load: loads the method; it is sent to the actors.
        recipe: of the same method as it is loaded here: the actors' must be equal.
        device: as for `lexiseg.integrations.ray_data.answer_pictures`.
        workers: actors; by default as many as there are GPUs or cores.
    """

    load: Callable[[], Method]
    recipe: Recipe
    device: str = "auto"
    workers: int | None = None

    def __call__(self, measurement: Measurement, images: Sequence[int]) -> Iterator[Judged]:
        """Judge images, given by their numbers.

        Raises:
            LexisegError: a machine cannot load the method, or loads another.
            MissingExtraError: Ray is not installed.
        """
        if not images:
            return
        with cluster():
            begins = range(0, len(images), _AT_ONCE)
            shares = [{"index": list(images[begin : begin + _AT_ONCE])} for begin in begins]
            work = _Work(self, measurement, str(Path.cwd()))
            for batch in spread(shares, _Judge, work, needs_of(self.device), self.workers):
                for row in batch.to_pylist():
                    if row["stop"] is not None:
                        raise LexisegError(row["stop"])
                    record = row["record"]
                    yield row["index"], row["reason"] if record is None else json.loads(record)


@dataclass(frozen=True)
class _Work:
    """What every actor is told."""

    how: OnCluster
    measurement: Measurement
    place: str  # where relative paths begin


class _Judge:
    """An actor: judges a few images after the other."""

    def __init__(self, work: _Work) -> None:
        self._stop: str | None = None
        try:
            settle(work.place)
            method = work.how.load()
            check_recipe(work.how.recipe, method.recipe())
            self._judge = work.measurement.judge(method)
        except LexisegError as error:
            self._stop = str(error)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        """Records as JSON, or why there is none."""
        (images,) = batch["index"].to_pylist()
        none: list[dict[str, object] | str] = [""] * len(images)
        found = none if self._stop else [record_or_reason(self._judge, each) for each in images]
        return columns(
            index=images,
            record=[None if isinstance(each, str) else json.dumps(each) for each in found],
            reason=[each if isinstance(each, str) else None for each in found],
            stop=[self._stop] * len(images),
        )
