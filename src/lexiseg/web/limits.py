"""How much a service takes on."""

from __future__ import annotations

from dataclasses import dataclass, fields

from lexiseg.errors import UsageError


@dataclass(frozen=True)
class ServiceLimits:
    """Bounds of a service; what goes beyond is refused with a sentence.

    Attributes:
        megabytes: of one request, in 10**6 bytes.
        megapixels: of one picture.
        names: names or sentences in one question.
        letters: of one name or sentence.
        seconds: from the arrival of a request to its answer.
        open_requests: questions at a time, the one that is computed included.
        open_per_client: the same of one address.
        store_megabytes: of pictures and what is encoded of them, in 10**6 bytes.
        lifetime: seconds that a picture is kept after its last question.
        batch: pictures that wait and are encoded together; None for one on a processor and
            four on CUDA.
    """

    megabytes: float = 20
    megapixels: float = 16
    names: int = 200
    letters: int = 500
    seconds: float = 120
    open_requests: int = 16
    open_per_client: int = 8
    store_megabytes: float = 512
    lifetime: float = 900
    batch: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value <= 0:
                raise UsageError(f"Limit {field.name} is {value:g}; expected more than 0.")

    @property
    def body_bytes(self) -> int:
        """Most bytes of one request."""
        return int(self.megabytes * 1e6)

    @property
    def bytes_at_a_time(self) -> int:
        """Most bytes of all requests that are open."""
        return self.body_bytes * 4

    @property
    def pixels(self) -> int:
        """Most pixels of a picture."""
        return int(self.megapixels * 1e6)

    @property
    def store_bytes(self) -> int:
        """Most bytes that are kept of pictures."""
        return int(self.store_megabytes * 1e6)
