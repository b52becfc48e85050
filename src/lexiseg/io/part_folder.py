"""A folder or bucket of Parquet parts that many machines fill; what is written is what is done.

Each picture belongs to one part for good, by the hash that is its id, and a part is one file, which
is replaced as a whole. So a part that is worked on twice, after a crash or because an earlier
program has not quite ended, holds every picture once all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.addresses import is_address, open_store, reaching
from lexiseg.io.output_file import json_text, write_bytes
from lexiseg.io.parquet import Row, parquet_bytes, picture_id, table_in, table_of
from lexiseg.io.record import RECORDS
from lexiseg.io.run_folder import Job
from lexiseg.types import Recipe

if TYPE_CHECKING:
    import pyarrow

JOB = "_lexiseg.json"  # readers of folders of Parquet pass over names that begin so
_MOST = 256  # pictures of a part
_PARTS = 64  # that there are at least, so that many machines have something to do
_ATTEMPT = b"lexiseg.attempt"


@dataclass(frozen=True)
class Part:
    """Some of the pictures of a job, by id."""

    number: int
    pictures: Mapping[str, str]


@dataclass(frozen=True)
class PartFolder:
    """Where a job's rows go.

    Args:
        address: folder of this machine, or an address that fsspec opens.
    """

    address: str

    def bind(self, job: Job, recipe: Recipe, count: int, *, overwrite: bool = False) -> int:
        """Say what the folder is for, or see that it is for this.

        Args:
            job: what is asked.
            recipe: of the method that answers.
            count: pictures; of the first call, it decides the number of parts.
            overwrite: what an earlier job wrote here goes.

        Returns:
            The number of parts.

        Raises:
            OutputError: the folder is for something else, or cannot be written.
        """
        if overwrite:
            self._clear()
        stored = self._read(JOB)
        if stored is not None:
            return self._check(stored, job, recipe)
        self._refuse_others()
        parts = -(-count // min(_MOST, max(1, count // _PARTS)))
        entry = {**job.to_json(), "recipe": recipe.to_json(), "parts": parts}
        self._publish(JOB, json_text(entry, indent=1).encode("utf-8", "surrogatepass"))
        return parts

    def _check(self, stored: bytes, job: Job, recipe: Recipe) -> int:
        try:
            entry = json.loads(stored)
            parts, made_by = int(entry.pop("parts")), Recipe.from_json(entry.pop("recipe"))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError, UsageError) as e:
            raise self._other(f"a job whose {JOB} is damaged") from e
        if entry != job.to_json():
            raise self._other("a job with other names or settings")
        if others := made_by.differences(recipe):
            raise self._other(f"a job made with another recipe ({'; '.join(others[:3])})")
        return parts

    def _refuse_others(self) -> None:
        taken = [name for name in self._names() if name.endswith((".parquet", RECORDS))]
        if taken:
            raise self._other(f"{taken[0]} of another program or run")

    def _other(self, what: str) -> OutputError:
        return OutputError(
            f"Folder {self.address} holds {what}; choose another with -o, or add --overwrite."
        )

    def rows(self, part: int, attempt: str) -> pyarrow.Table:
        """The rows of a part that stay: answers, and failures of this very attempt.

        Raises:
            OutputError: the file is damaged.
        """
        content = self._read(_name(part))
        if content is None:
            return table_of([])
        try:
            table = table_in(content)
        except ValueError as error:
            raise self._other(f"a damaged {_name(part)}") from error
        if (table.schema.metadata or {}).get(_ATTEMPT) == attempt.encode():
            return table
        return table.filter(table["error"].is_null())

    def write(
        self, part: int, kept: pyarrow.Table, rows: Sequence[Row], recipe: Recipe, attempt: str
    ) -> None:
        """Replace the file of a part.

        Args:
            part: its number.
            kept: rows that stay.
            rows: new ones.
            recipe: of the method that answered.
            attempt: this call of the program.

        Raises:
            OutputError: it cannot be written.
        """
        notes = {_ATTEMPT: attempt.encode()}
        self._publish(_name(part), parquet_bytes(kept, rows, [recipe], notes))

    def _clear(self) -> None:
        store, root = open_store(self.address)
        with reaching(self.address):
            for name in self._names():
                if name.startswith("part-") and name.endswith(".parquet"):
                    store.rm_file(f"{root}/{name}")
            if store.exists(f"{root}/{JOB}"):
                store.rm_file(f"{root}/{JOB}")

    def _names(self) -> list[str]:
        store, root = open_store(self.address)
        with reaching(self.address):
            try:
                return [str(path).rpartition("/")[2] for path in store.ls(root, detail=False)]
            except FileNotFoundError:
                return []

    def _read(self, name: str) -> bytes | None:
        store, root = open_store(self.address)
        with reaching(self.address):
            try:
                content: bytes = store.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
        return content

    def _publish(self, name: str, content: bytes) -> None:
        """Write a file that appears complete or not at all."""
        if not is_address(self.address):
            write_bytes(Path(self.address) / name, content)
            return
        store, root = open_store(self.address)
        with reaching(self.address):
            store.pipe_file(f"{root}/{name}", content)


def _name(part: int) -> str:
    return f"part-{part:06d}.parquet"


def parts_of(paths: Iterable[str], count: int) -> list[Part]:
    """Pictures by the parts they belong to; parts without any are left out.

    Args:
        paths: paths or addresses.
        count: of parts.
    """
    dealt: dict[int, dict[str, str]] = {}
    for path in paths:
        name = picture_id(path)
        dealt.setdefault(int(name[:12], 16) % count, {})[name] = path
    return [Part(number, dealt[number]) for number in sorted(dealt)]
