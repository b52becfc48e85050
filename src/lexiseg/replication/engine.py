"""A paper's tables in miniature: ask what is missing, here or in several processes, write a page.

Records are kept per setting, so an interrupted or extended run only does what is missing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from tqdm import tqdm

from lexiseg.io.output_folder import output_folder
from lexiseg.io.writer import Destination
from lexiseg.registry import METHODS
from lexiseg.types import Method

FOLDER = "replication-records"
TaskT = TypeVar("TaskT")
AnswerT = TypeVar("AnswerT")
MethodT = TypeVar("MethodT", bound=Method)
ReportT = TypeVar("ReportT")
TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
AnswerT_co = TypeVar("AnswerT_co", covariant=True)
AnswerT_contra = TypeVar("AnswerT_contra", contravariant=True)
ReportT_co = TypeVar("ReportT_co", covariant=True)


class Worker(Protocol[TaskT_contra, AnswerT_co]):
    """Works off the tasks of a replication, here or in another process."""

    def run(self, task: TaskT_contra, /) -> AnswerT_co:
        """Records of a task."""
        ...

    def fresh(self) -> Worker[TaskT_contra, AnswerT_co]:
        """The same without anything loaded, to be sent to another process."""
        ...


class Records(Protocol[TaskT, AnswerT_contra, ReportT_co]):
    """The records of a replication: what is missing, and what the page says."""

    def tasks(self) -> list[TaskT]:
        """What is missing, scene by scene."""
        ...

    def add(self, task: TaskT, answer: AnswerT_contra, /) -> None:
        """Store the records of a task."""
        ...

    def report(self, command: str) -> ReportT_co:
        """The page's content, once nothing is missing."""
        ...


@dataclass(frozen=True)
class BundledMethod(Generic[MethodT]):
    """A method with the bundled weights, to be asked about held-out Miniworld.

    Args:
        method: registry name.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        scenes: number of scenes.
    """

    method: str
    device: str
    dtype: str
    scenes: int

    def fresh(self) -> Self:
        """The same without anything loaded, to be sent to another process."""
        return type(self)(self.method, self.device, self.dtype, self.scenes)

    def load(self, **options: object) -> MethodT:
        """The method as bundled but for some options of its `load`; each choice is loaded once."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._loaded:
            self._loaded[key] = METHODS[self.method].load(
                preset="mini", device=self.device, dtype=self.dtype, **options
            )
        return self._loaded[key]

    @cached_property
    def _loaded(self) -> dict[str, MethodT]:
        return {}


@dataclass(frozen=True)
class Replication(Generic[TaskT, AnswerT, ReportT]):
    """A replication that is called to measure all rows and write its page.

    Args:
        method: registry name.
        page: name of the page's file.
        worker: method, device, dtype and number of scenes -> who answers.
        records: worker, where the files go and the stack that closes them -> the records.
        to_markdown: report and where the page goes -> its text.
        plots: names of the files beside the page.
        command: of lexiseg that generates the page; by default ``evaluate METHOD``.
    """

    method: str
    page: str
    worker: Callable[[str, str, str, int], Worker[TaskT, AnswerT]]
    records: Callable[..., Records[TaskT, AnswerT, ReportT]]
    to_markdown: Callable[[ReportT, Destination], str]
    plots: tuple[str, ...] = ()
    command: str = ""

    def __call__(
        self,
        *,
        scenes: int = 200,
        out: Path | None = None,
        overwrite: bool = False,
        device: str = "auto",
        dtype: str = "auto",
        jobs: int | None = None,
        quiet: bool = False,
    ) -> str:
        """Measure all rows and write the page.

        Args:
            scenes: number of scenes of the test split.
            out: folder for the page and the records; by default ``replication``.
            overwrite: files of others in it are replaced, and so are records of other terms.
            device: "auto" or a torch device.
            dtype: "auto" or a precision.
            jobs: number of processes; None takes one per core.
            quiet: no progress bar.

        Returns:
            The page in Markdown.

        Raises:
            WeightsNotFoundError: the bundled weights are not in this installation.
            OutputError: the folder cannot be written, or holds files of others.
        """
        folder = Path(out) if out else Path("replication")
        files = output_folder(folder, overwrite=overwrite)
        files.check(*(folder / name for name in (self.page, *self.plots)))
        kept = output_folder(folder / FOLDER, overwrite=overwrite)
        worker = self.worker(self.method, device, dtype, scenes)
        with ExitStack() as stack:
            records = self.records(worker, kept, stack)
            tasks = records.tasks()
            answers = answer_all(worker, tasks, jobs or (os.cpu_count() or 1))
            silent = quiet or not sys.stderr.isatty()
            bar = tqdm(answers, total=len(tasks), unit="scene", disable=silent)
            for task, answer in zip(tasks, bar, strict=True):
                records.add(task, answer)
            asked = self.command or f"evaluate {self.method}"
            report = records.report(f"lexiseg {asked} --replicate --scenes {scenes} -o {folder}")
        page = self.to_markdown(report, files)
        files.text(folder / self.page, page)
        return page


def answer_all(
    worker: Worker[TaskT, AnswerT], tasks: Sequence[TaskT], jobs: int
) -> Iterator[AnswerT]:
    """What a worker answers to tasks, in their order, from this process or from several."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(worker.run, tasks)
        return
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=start_worker, initargs=(worker.fresh(),)
    ) as pool:
        yield from pool.map(run_in_worker, tasks)


_own: list[Worker[Any, Any]] = []  # of a worker process: filled once, when it starts


def start_worker(worker: Worker[TaskT, AnswerT]) -> None:
    """Prepare a process of a pool; the pool is what runs in parallel, not its parts."""
    torch.set_num_threads(1)
    _own[:] = [worker]


def run_in_worker(task: object) -> Any:
    """`Worker.run` of this process."""
    return _own[0].run(task)
