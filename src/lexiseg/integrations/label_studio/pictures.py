"""Where the pictures of tasks come from: a folder, Label Studio itself, or hosts one names."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from lexiseg.errors import ImageError, UsageError, in_one_line
from lexiseg.io.label_studio import local_name, name_before_upload
from lexiseg.io.read_context import PictureAccess

_SECONDS = 30


@dataclass
class TaskPictures:
    """Reads the picture that a task names.

    Args:
        folder: searched first, for local files and for uploads under their own names.
        address: of Label Studio, such as ``http://localhost:8080``; "" fetches nothing from it.
        key: an access token of it: a legacy one, or a personal one (a refresh token).
        hosts: other hosts that pictures may be fetched from, without a token.
        most_bytes: of one picture.
    """

    folder: Path | None = None
    address: str = ""
    key: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    most_bytes: int = 100_000_000

    def read(self, named: str) -> bytes:
        """Content of the file.

        Args:
            named: as it stands in the task's data.

        Raises:
            ImageError: it cannot be had.
            UsageError: it lies where nothing may be fetched from.
        """
        if named.startswith("data:"):
            return _embedded(named)
        found = self._in_folder(named)
        if found is not None:
            try:
                return found.read_bytes()
            except OSError as error:
                raise ImageError(f"{found} cannot be read ({error.strerror}).") from error
        return self._fetched(named)

    def _in_folder(self, named: str) -> Path | None:
        if self.folder is None:
            return None
        name = local_name(named)
        access = PictureAccess((self.folder,))
        for part in (name, Path(name).name, name_before_upload(name)):
            path = self.folder / part.lstrip("/") if part else self.folder
            if path.is_file() and access.allows(path):
                return path
        return None

    def _fetched(self, named: str) -> bytes:
        parts, home = urlsplit(named), urlsplit(self.address)
        if self.address and (not parts.netloc or parts[:2] == home[:2]):
            path = named if not parts.netloc else named.removeprefix(f"{home[0]}://{home[1]}")
            return self._get(self.address.rstrip("/") + path, self._authorization())
        if parts.scheme in ("http", "https") and parts.hostname in self.hosts:
            return self._get(named, {})
        raise UsageError(
            f"The picture {named[:200]!r} is neither in the folder of pictures nor at an address "
            "that may be fetched; give --images, --label-studio-url or --allow-host."
        )

    def _authorization(self) -> Mapping[str, str]:
        """Personal tokens are exchanged for one that lives some minutes; legacy ones are sent."""
        if self.key.count(".") != 2:
            return {"Authorization": f"Token {self.key}"} if self.key else {}
        body = json.dumps({"refresh": self.key}).encode()
        request = Request(
            self.address.rstrip("/") + "/api/token/refresh",
            body,
            {"Content-Type": "application/json"},
        )
        answer = json.loads(self._open(request))
        return {"Authorization": f"Bearer {answer['access']}"}

    def _get(self, address: str, headers: Mapping[str, str]) -> bytes:
        request = Request(address)
        for name, value in headers.items():
            request.add_unredirected_header(name, value)  # storage elsewhere gets no token
        return self._open(request)

    def _open(self, request: Request) -> bytes:
        try:
            with urlopen(request, timeout=_SECONDS) as stream:
                content: bytes = stream.read(self.most_bytes + 1)
        except (URLError, OSError, ValueError) as error:
            where = request.full_url[:200]
            raise ImageError(f"{where} cannot be fetched ({in_one_line(error)}).") from error
        if len(content) > self.most_bytes:
            raise ImageError(f"{request.full_url[:200]} is larger than {self.most_bytes} bytes.")
        return content


def _embedded(address: str) -> bytes:
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"An embedded picture is damaged ({error}).") from error
