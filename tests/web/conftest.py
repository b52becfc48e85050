"""A service over a method that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from lexiseg.web.app import create_app
from tests.web import colours


@pytest.fixture
def serve() -> Iterator[Callable[..., TestClient]]:
    """Makes clients of services; takes limits and settings by name."""
    with ExitStack() as stack:
        stack.enter_context(colours.registered())

        def start(**changes: object) -> TestClient:
            return stack.enter_context(TestClient(create_app(colours.settings(**changes))))

        yield start


@pytest.fixture
def client(serve: Callable[..., TestClient]) -> TestClient:
    """Of a service with the usual limits."""
    return serve()
