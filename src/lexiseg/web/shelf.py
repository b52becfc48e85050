"""The methods that a service offers, loaded one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import lexiseg
from lexiseg.errors import UnknownNameError, in_one_line
from lexiseg.registry import METHODS
from lexiseg.types import Method, Task, Verb
from lexiseg.web.refusal import LOG, RefusedError, busy, unfit

State = Literal["waiting", "ready", "absent"]


@dataclass
class Offer:
    """A method of the registry, as this service has it.

    Attributes:
        name: in the registry.
        task: what it answers.
        verbs: how it may be asked.
        title: its class's first sentence.
        state: whether it is loaded, or cannot be.
        method: what answers, once loaded.
    """

    name: str
    task: Task
    verbs: tuple[Verb, ...]
    title: str
    state: State = "waiting"
    method: Method | None = None

    @classmethod
    def of(cls, name: str) -> Offer:
        """What the registry says of a method.

        Raises:
            UnknownNameError: there is no such method.
        """
        kind = METHODS[name]
        title = (kind.__doc__ or name).strip().split("\n\n")[0].split("\n")[0].rstrip(".")
        return cls(name, kind.task, tuple(kind.verbs), title)

    def to_json(self) -> dict[str, object]:
        """What clients are told."""
        verbs = [verb for verb in self.verbs if verb != "video"]
        return {
            "name": self.name,
            "task": self.task,
            "verbs": verbs,
            "title": self.title,
            "state": self.state,
        }


class MethodShelf:
    """Methods under one preset, on one device.

    Args:
        names: of methods, the usual one first.
        preset: of all of them.
        loading: ``device``, ``dtype`` and other options of `lexiseg.load`.
        required: whether all of them have to load.

    Raises:
        UnknownNameError: there is no such method.
    """

    def __init__(
        self,
        names: Sequence[str],
        preset: str,
        loading: Mapping[str, object],
        *,
        required: bool = True,
    ) -> None:
        self.preset, self._loading, self._required = preset, loading, required
        self.offers = {name: Offer.of(name) for name in names}

    @property
    def usual(self) -> str:
        """The method that answers where none is named."""
        return next(iter(self.offers))

    def offer(self, name: str | None, verb: Verb) -> Offer:
        """A method that can do something: the one of a name, or the first that can.

        Raises:
            RefusedError: it is unknown here, or cannot.
        """
        if name is None:
            able = [one for one in self._there() if verb in one.verbs]
            if not able:
                raise unfit(f"No method of this service can {verb}; GET /v1/models lists them.")
            return able[0]
        found = self.named(name)
        if verb not in found.verbs:
            raise unfit(f"Method {name!r} cannot {verb}; it can {' and '.join(found.verbs)}.")
        return found

    def named(self, name: str) -> Offer:
        """The method of a name.

        Raises:
            RefusedError: it is unknown here.
        """
        if name not in self.offers:
            raise unfit(str(UnknownNameError("method", name, [one.name for one in self._there()])))
        return self.offers[name]

    def _there(self) -> list[Offer]:
        return [one for one in self.offers.values() if one.state != "absent"]

    def load_first(self) -> None:
        """Load what has to be there before the service begins.

        Raises:
            Exception: of any kind; it cannot be loaded.
            RefusedError: the usual method cannot be loaded, which nobody asked for.
        """
        for name in self.offers if self._required else (self.usual,):
            self.load(name)

    def load(self, name: str) -> Method:
        """The method of a name, which is loaded if it was not yet.

        Raises:
            Exception: of any kind; it cannot be loaded, and is required.
            RefusedError: it cannot be loaded.
        """
        offer = self.offers[name]
        if offer.state == "absent":
            raise self._absent(name)
        if offer.method is None:
            try:
                offer.method = lexiseg.load(name, preset=self.preset, **self._loading)
            except Exception as error:  # a third party's method may fail in any way
                offer.state = "absent"
                LOG.info("method %s is not offered: %s", name, in_one_line(error))
                if self._required:
                    raise
                raise self._absent(name) from error
            offer.state = "ready"
        return offer.method

    def _absent(self, name: str) -> RefusedError:
        return busy(f"Method {name!r} cannot be loaded here; the server's log says why.", 60)
