"""Choose settings by measuring them, one option after the other."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lexiseg.datasets import AnyDataset
from lexiseg.errors import UsageError
from lexiseg.evaluation.runner import evaluate
from lexiseg.evaluation.summary import Evaluation
from lexiseg.io.output_file import json_text
from lexiseg.io.output_folder import output_folder
from lexiseg.types import Method

TABLE, TRIALS = "tuning.md", "tuning.json"


@dataclass(frozen=True)
class Trial:
    """One choice of settings and what was measured with it.

    Attributes:
        settings: what differs from the settings that the search began with.
        scores: as `Evaluation` has them.
        seconds: per picture, of this call; 0 where the answers were there already.
        kept: it was better than everything before it.
    """

    settings: Mapping[str, object]
    scores: Mapping[str, float]
    seconds: float
    kept: bool


@dataclass(frozen=True)
class Tuning:
    """A search: its trials in order, and the score that decided."""

    method: str
    dataset: str
    split: str
    images: int
    by: str
    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Mapping[str, object]:
        """The best settings, as far as they differ from where the search began."""
        return next(trial for trial in reversed(self.trials) if trial.kept).settings

    def to_markdown(self) -> str:
        """A table of all trials, and what to type."""
        names = tuple(self.trials[0].scores)
        lines = [
            f"{self.method} on {self.images} pictures of {self.dataset} ({self.split}), chosen by "
            f"{self.by}; one option after the other, each beginning with the best so far.",
            "",
            f"| setting | {' | '.join(names)} | seconds a picture | kept |",
            "| --- " * (len(names) + 3) + "|",
            *(self._row(trial, names) for trial in self.trials),
            "",
            f"Chosen: `{_typed(self.chosen)}`",
        ]
        return "\n".join(lines) + "\n"

    def _row(self, trial: Trial, names: Sequence[str]) -> str:
        scores = (f"{100 * trial.scores[name]:.1f}" for name in names)
        cells = (_typed(trial.settings), *scores, f"{trial.seconds:.2f}", "yes" * trial.kept)
        return f"| {' | '.join(cells)} |"


def tune(
    load: Callable[[Mapping[str, object]], Method],
    dataset: AnyDataset,
    choices: Mapping[str, Sequence[object]],
    *,
    by: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    limit: int | None = None,
    quiet: bool = False,
) -> Tuning:
    """Try the values of one option after the other, and keep what is best.

    Each option begins with the best settings so far (coordinate search), so that n values cost n
    measurements, not a product of them. Choose on other pictures than those you report.

    Args:
        load: the method under settings that differ from those where the search begins.
        dataset: what is measured.
        choices: option -> its values, in the order in which they are tried.
        by: the score that decides, larger is better; None takes the first that is measured.
        out: folder for `tuning.md`, `tuning.json` and a folder per trial, from which a second call
            continues; None writes nothing.
        overwrite: files of others are replaced.
        limit: only the first so many pictures.
        quiet: no progress bars.

    Raises:
        UsageError: nothing is to be tried, or there is no such score.
        LexisegError: as `evaluate` and `load` raise them.
    """
    if not choices:
        raise UsageError("Nothing is to be tried; give values, as eta=0.4 and eta=0.5.")
    search = _Search(
        by,
        lambda settings, folder: evaluate(
            load(settings), dataset, out=folder, overwrite=overwrite, limit=limit, quiet=quiet
        ),
        out,
    )
    search.attempt({})
    for option, values in choices.items():
        start = search.chosen
        for value in values:
            search.attempt({**start, option: value})
    tuning = search.result()
    if out is not None:
        _save(tuning, out, overwrite)
    return tuning


class _Search:
    """Trials so far, and the best of them.

    Args:
        by: as of `tune`.
        measure: settings and the folder of the trial -> what was measured.
        out: as of `tune`.
    """

    def __init__(
        self,
        by: str | None,
        measure: Callable[[Mapping[str, object], Path | None], Evaluation],
        out: Path | None,
    ) -> None:
        self._by, self._measure, self._out = by, measure, out
        self._trials: list[Trial] = []
        self._best = -math.inf
        self.chosen: Mapping[str, object] = {}

    def attempt(self, settings: Mapping[str, object]) -> None:
        """Measure settings, unless they were measured before."""
        if any(trial.settings == settings for trial in self._trials):
            return
        folder = self._out and self._out / f"trial-{len(self._trials):02d}"
        began = time.perf_counter()
        outcome = self._measure(settings, folder)
        self._protocol = outcome.protocol
        seconds = (time.perf_counter() - began) / max(1, outcome.protocol.images)
        self._by, score = _score(outcome, self._by)
        better = not self._trials or score > self._best
        self._trials.append(Trial(dict(settings), outcome.summary.scores, seconds, better))
        if better:
            self._best, self.chosen = score, settings

    def result(self) -> Tuning:
        """The whole search."""
        terms = self._protocol
        place = (terms.method, terms.dataset, terms.split, terms.images)
        return Tuning(*place, self._by or "", tuple(self._trials))


def _score(outcome: Evaluation, by: str | None) -> tuple[str, float]:
    scores = outcome.summary.scores
    name = by or next(iter(scores))
    if name not in scores:
        raise UsageError(f"There is no score {name!r}; measured are {', '.join(scores)}.")
    return name, scores[name]


def _typed(settings: Mapping[str, object]) -> str:
    """Settings as options of the command line."""
    if not settings:
        return "as it was"
    return " ".join(f"--set {name}={_plain(value)}" for name, value in settings.items())


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)


def _save(tuning: Tuning, out: Path, overwrite: bool) -> None:
    files = output_folder(out, overwrite=overwrite)
    files.text(out / TABLE, tuning.to_markdown())
    files.text(out / TRIALS, json_text({**asdict(tuning), "chosen": tuning.chosen}, indent=1))
