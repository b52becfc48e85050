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

import lexiseg
from lexiseg.io.writer import write_text

RECORDS = "replication-records"
TaskT = TypeVar("TaskT")
AnswerT = TypeVar("AnswerT")
ReportT = TypeVar("ReportT")
AskedT = TypeVar("AskedT", contravariant=True)
ToldT = TypeVar("ToldT", covariant=True)
KeptT = TypeVar("KeptT", contravariant=True)
PageT = TypeVar("PageT", covariant=True)


class Answers(Protocol[AskedT, ToldT]):
    """Whatever works off the tasks of a replication, here or in another process."""

    def run(self, task: AskedT, /) -> ToldT:
        """Records of a task."""
        ...

    def fresh(self) -> Answers[AskedT, ToldT]:
        """The same without anything loaded, to be sent to another process."""
        ...


class Bench(Protocol[TaskT, KeptT, PageT]):
    """The files of a replication: what is missing, and what the page says."""

    def tasks(self) -> list[TaskT]:
        """What is missing, scene by scene."""
        ...

    def keep(self, task: TaskT, answer: KeptT, /) -> None:
        """Store the records of a task."""
        ...

    def report(self, command: str) -> PageT:
        """The page's content, once nothing is missing."""
        ...


@dataclass(frozen=True)
class BundledMethod:
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

    def load(self, **options: Any) -> Any:
        """The method as bundled but for some options of its `load`; each choice is loaded once."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._loaded:
            self._loaded[key] = lexiseg.load(
                self.method, preset="mini", device=self.device, dtype=self.dtype, **options
            )
        return self._loaded[key]

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Replication(Generic[TaskT, AnswerT, ReportT]):
    """A replication that is called to measure all rows and write its page.

    Args:
        method: registry name.
        page: name of the page's file.
        replicant: method, device, dtype and number of scenes -> who answers.
        bench: replicant, folder of the records and the stack that closes them -> the files.
        to_markdown: report and folder of the page -> its text.
    """

    method: str
    page: str
    replicant: Callable[[str, str, str, int], Answers[TaskT, AnswerT]]
    bench: Callable[[Any, Path, ExitStack], Bench[TaskT, AnswerT, ReportT]]
    to_markdown: Callable[[ReportT, Path], str]

    def __call__(
        self,
        *,
        scenes: int = 200,
        out: Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        jobs: int | None = None,
        quiet: bool = False,
    ) -> str:
        """Measure all rows and write the page.

        Args:
            scenes: number of scenes of the test split.
            out: folder for the page and the records; by default ``replication``.
            device: "auto" or a torch device.
            dtype: "auto" or a precision.
            jobs: number of processes; None takes one per core.
            quiet: no progress bar.

        Returns:
            The page in Markdown.

        Raises:
            WeightsNotFoundError: the bundled weights are not in this installation.
            OutputError: the folder cannot be written.
        """
        folder = Path(out) if out else Path("replication")
        replicant = self.replicant(self.method, device, dtype, scenes)
        with ExitStack() as stack:
            bench = self.bench(replicant, folder / RECORDS, stack)
            tasks = bench.tasks()
            answers = answer_all(replicant, tasks, jobs or (os.cpu_count() or 1))
            silent = quiet or not sys.stderr.isatty()
            bar = tqdm(answers, total=len(tasks), unit="scene", disable=silent)
            for task, answer in zip(tasks, bar, strict=True):
                bench.keep(task, answer)
            report = bench.report(
                f"lexiseg evaluate {self.method} --replicate --scenes {scenes} -o {folder}"
            )
        page = self.to_markdown(report, folder)
        write_text(folder / self.page, page)
        return page


def answer_all(
    replicant: Answers[TaskT, AnswerT], tasks: Sequence[TaskT], jobs: int
) -> Iterator[AnswerT]:
    """What a replicant answers to tasks, in their order, from this process or from several."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(replicant.run, tasks)
        return
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=start_worker, initargs=(replicant.fresh(),)
    ) as pool:
        yield from pool.map(run_in_worker, tasks)


_own: list[Answers[Any, Any]] = []  # of a worker process: filled once, when it starts


def start_worker(replicant: Answers[Any, Any]) -> None:
    """Prepare a process of a pool; the pool is what runs in parallel, not its parts."""
    torch.set_num_threads(1)
    _own[:] = [replicant]


def run_in_worker(task: Any) -> Any:
    """`Answers.run` of this process."""
    return _own[0].run(task)
