"""What a service is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lexiseg.registry import METHODS
from lexiseg.types.recipe import SMALL_MODELS
from lexiseg.web.limits import ServiceLimits

FIRST = ("car", "tides", "zero-guidance")  # one for each kind of question


@dataclass(frozen=True)
class ServiceSettings:
    """Who listens, what is offered, and to whom.

    Attributes:
        methods: names in the registry, the usual one first; none for those that the preset has.
        preset: of all methods.
        loading: ``device``, ``dtype`` and other options of `lexiseg.load`.
        host: address that is listened on.
        token: that clients must send; "" for none.
        origins: of pages of other sites that may ask, such as ``https://example.org``.
        limits: how much is taken on.
    """

    methods: tuple[str, ...] = ()
    preset: str = "mini"
    loading: Mapping[str, object] = field(default_factory=dict)
    host: str = "127.0.0.1"
    token: str = ""
    origins: tuple[str, ...] = ()
    limits: ServiceLimits = field(default_factory=ServiceLimits)

    @property
    def offered(self) -> tuple[str, ...]:
        """The methods by name: those chosen; of the small weights all, of large ones the first."""
        if self.methods:
            return tuple(dict.fromkeys(self.methods))
        return tuple(dict.fromkeys([*FIRST, *METHODS])) if self.bundled else FIRST[:1]

    @property
    def bundled(self) -> bool:
        """Whether the weights are those that travel with the package."""
        return self.preset == "mini"

    @property
    def caution(self) -> str:
        """What one must know before one believes the answers."""
        return SMALL_MODELS if self.bundled else ""
