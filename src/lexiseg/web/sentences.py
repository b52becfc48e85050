"""Routes whose every error is one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from lexiseg.web.asking import misfit
from lexiseg.web.guard import refusal_response
from lexiseg.web.model_worker import ClientGoneError, Gone
from lexiseg.web.refusal import RefusedError, refusal_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
CLIENT_LEFT = 499  # what several servers note where nobody waits any more


class ErrorBody(BaseModel):
    """What went wrong."""

    error: str


def saying(response_of: Callable[[RefusedError], Response]) -> type[APIRoute]:
    """A kind of route that turns errors into answers.

    Args:
        response_of: the answer to a refused request.
    """

    class SentenceRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def handle_or_say(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    return response_of(misfit(error.errors()))
                except ClientGoneError:
                    return Response(status_code=CLIENT_LEFT)
                except Exception as error:  # of any kind: a client gets a sentence
                    return response_of(refusal_of(error))

            return handle_or_say

    return SentenceRoute


Plain = saying(refusal_response)
REFUSED_FOR = {
    401: "The token is missing or wrong.",
    403: "A page of another site asks.",
    404: "The picture is not kept any more.",
    408: "The request did not arrive in time.",
    413: "Too many bytes or pixels.",
    421: "Another machine asks.",
    422: "The request does not fit.",
    429: "Too many questions of one client.",
    503: "Too many questions, or the answer takes too long.",
}


def refusals(body: type[BaseModel] = ErrorBody) -> dict[int | str, dict[str, Any]]:
    """What a route's description says of its errors."""
    return {status: {"model": body, "description": text} for status, text in REFUSED_FOR.items()}


def gone(request: Request) -> Gone:
    """What comes back when the client of a request has left; its body must have been read."""

    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            await asyncio.sleep(0)

    return wait
