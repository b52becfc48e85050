"""Pictures that were sent, with what is encoded of them, for as long as they may be asked about."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from time import monotonic
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.types import EncodedImage
from lexiseg.web.refusal import absent

_NO_DATA = (str, bytes, int, float, type(None), type, ModuleType, torch.nn.Module)


@dataclass
class KeptPicture:
    """A picture and what methods know of it.

    Attributes:
        id: what clients call it.
        pixels: (H, W, 3) uint8 RGB.
        scenes: method -> what it encoded.
        used: when it was last asked about, in seconds of a clock that only runs forward.
        size: bytes, as last counted.
    """

    id: str
    pixels: NDArray[np.uint8]
    scenes: dict[str, EncodedImage] = field(default_factory=dict)
    used: float = 0.0
    size: int = 0


class PictureStore:
    """A bounded table of pictures; the one that was not used for longest goes first.

    Not for several threads: the service uses it in that of its worker only.

    Args:
        most_bytes: of all pictures together.
        lifetime: seconds that a picture stays after it was last used.
        clock: gives seconds.
    """

    def __init__(
        self, most_bytes: int, lifetime: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._most_bytes, self._lifetime, self._clock = most_bytes, lifetime, clock
        self._key = secrets.token_bytes(32)  # ids cannot be guessed from pictures
        self._pictures: OrderedDict[str, KeptPicture] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return sum(picture.size for picture in self._pictures.values())

    def take(self, data: bytes, read: Callable[[bytes], NDArray[np.uint8]]) -> KeptPicture:
        """The picture of a file: kept if the very same was sent before, else read.

        Args:
            data: content of the file.
            read: gives its pixels.
        """
        self._drop_old()
        name = hmac.new(self._key, data, hashlib.sha256).hexdigest()[:32]
        picture = self._pictures.get(name) or KeptPicture(name, read(data))
        return self.keep(picture)

    def get(self, name: str) -> KeptPicture:
        """The picture of an id.

        Raises:
            RefusedError: it is unknown or no longer kept.
        """
        self._drop_old()
        if name not in self._pictures:
            raise absent("There is no picture of this id any more; send the picture again.")
        return self.keep(self._pictures[name])

    def keep(self, picture: KeptPicture) -> KeptPicture:
        """Count a picture anew, as the one used last, and make room."""
        picture.used, picture.size = self._clock(), _size_of(picture)
        self._pictures[picture.id] = picture
        self._pictures.move_to_end(picture.id)
        while self._pictures and self.size > self._most_bytes:
            self._pictures.popitem(last=False)
        return picture

    def _drop_old(self) -> None:
        oldest = self._clock() - self._lifetime
        for name in [name for name, one in self._pictures.items() if one.used < oldest]:
            del self._pictures[name]


def _size_of(value: object) -> int:
    """Bytes of all arrays and tensors that a value leads to; networks do not count."""
    blocks = {}
    for block in _blocks(value, set()):
        if isinstance(block, torch.Tensor):
            storage = block.untyped_storage()
            blocks[storage.data_ptr()] = storage.nbytes()
        else:
            base = block if block.base is None else block.base
            blocks[id(base)] = int(getattr(base, "nbytes", block.nbytes))
    return sum(blocks.values())


def _blocks(value: object, seen: set[int]) -> Iterator[torch.Tensor | NDArray[np.generic]]:
    if id(value) in seen or isinstance(value, _NO_DATA) or callable(value):
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor | np.ndarray):
        yield value
        return
    for part in _parts(value):
        yield from _blocks(part, seen)


def _parts(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if is_dataclass(value):
        return [getattr(value, entry.name) for entry in fields(value)]
    return list(vars(value).values()) if hasattr(value, "__dict__") else []
