"""Requests that are answered with a sentence instead of masks."""

from __future__ import annotations

import logging
from http import HTTPStatus

from lexiseg.errors import ImageError, LexisegError, MissingExtraError, UsageError, in_one_line

LOG = logging.getLogger("lexiseg.web")
OF_THE_REQUEST = (ImageError, MissingExtraError, UsageError)
"""Errors whose sentences are about what was sent, and name nothing of the server."""


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        sentence: what was given, what is expected, what to do.
        retry_after: seconds after which it is worth another try; None where it never is.
    """

    def __init__(self, status: HTTPStatus, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP says beside the sentence."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def too_large(sentence: str) -> RefusedError:
    """The picture or the request has more bytes or pixels than allowed."""
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)


def unfit(sentence: str) -> RefusedError:
    """The request cannot be understood, or asks for what there is not."""
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


def absent(sentence: str) -> RefusedError:
    """There is no such thing, or not any more."""
    return RefusedError(HTTPStatus.NOT_FOUND, sentence)


def busy(sentence: str, seconds: int) -> RefusedError:
    """The service cannot take it now."""
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, sentence, seconds)


def refusal_of(error: Exception) -> RefusedError:
    """What a client is told of any error: nothing of the server's files or code."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, OF_THE_REQUEST):
        return unfit(in_one_line(error))
    LOG.error("a request failed", exc_info=error)
    if isinstance(error, LexisegError):
        return RefusedError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The method cannot be used on this server; its log says why.",
        )
    return RefusedError(
        HTTPStatus.INTERNAL_SERVER_ERROR, "This should not happen; the server's log says more."
    )
