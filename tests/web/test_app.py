"""Odd requests of every kind, made by a program from the description of the interface."""

from __future__ import annotations

import base64
from collections.abc import Callable

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.colours import flag

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


STEADY = {"deadline": None, "derandomize": True}


def give_picture(case: schemathesis.Case) -> None:
    """Makes a request that would be refused for its picture one about a picture."""
    file = flag("red", "green")
    is_form = case.media_type == "multipart/form-data"
    text = base64.b64encode(file).decode()
    as_theirs = {"type": "base64", "value": text} if "sam3" in case.path else text
    case.body["image"] = file if is_form else as_theirs
    case.body.pop("image_id", None)


def test_no_request_makes_the_service_fail(serve: Callable[..., TestClient]) -> None:
    app = serve(open_per_client=16).app
    description = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def answers(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        answers()
