"""The page and its example scenes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from mimetypes import guess_type

from fastapi import APIRouter, Response

from lexiseg.web.examples import SCENES, example_scene
from lexiseg.web.refusal import absent
from lexiseg.web.sentences import Plain

FILES = ("page.css", "page.js", "overlay.js", "masks.js", "names.js", "service.js", "icon.svg")


def routes() -> APIRouter:
    """The page, its files and its examples."""
    router = APIRouter(route_class=Plain, include_in_schema=False)

    @router.get("/")
    def index() -> Response:
        return _file("index.html")

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in FILES:
            raise absent("The page has no such file.")
        return _file(name)

    @router.get("/examples")
    def examples() -> list[dict[str, object]]:
        return [example_scene(number).to_json(number) for number in range(len(SCENES))]

    @router.get("/examples/{number}.png")
    def example(number: int) -> Response:
        if not 0 <= number < len(SCENES):
            raise absent("There is no such example.")
        return Response(example_scene(number).png, media_type="image/png")

    return router


def _file(name: str) -> Response:
    return Response(_content(name), media_type=guess_type(name)[0])


@cache
def _content(name: str) -> bytes:
    return (files("lexiseg.web") / "static" / name).read_bytes()
