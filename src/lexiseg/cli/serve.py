"""``lexiseg serve``: the page and the service on HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, grouped
from lexiseg.cli.options import Batch, Quiet, read_settings
from lexiseg.errors import MissingExtraError


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much the service takes on."""

    max_mb: Annotated[float, typer.Option(help="Megabytes of a request.")] = 20
    max_megapixels: Annotated[float, typer.Option(help="Of a picture.")] = 16
    max_names: Annotated[int, typer.Option(help="Names in a question.")] = 200
    max_seconds: Annotated[float, typer.Option(help="That an answer may take.")] = 120
    max_open: Annotated[int, typer.Option(help="Questions at a time.")] = 16
    max_open_per_client: Annotated[int, typer.Option(help="The same of one address.")] = 8
    store_mb: Annotated[float, typer.Option(help="Megabytes of encoded pictures.")] = 512
    lifetime: Annotated[float, typer.Option(help="Seconds that a picture is kept.")] = 900
    batch: Batch = None


@grouped
def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 takes one that is free.")] = 8000,
    preset: Annotated[
        str, typer.Option("--preset", help="mini, paper, ... of all methods.")
    ] = "mini",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="To offer, the usual one first. Repeatable."),
    ] = None,
    token: Annotated[
        str, typer.Option("--token", envvar="LEXISEG_TOKEN", help="That clients must send.")
    ] = "",
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", help="A site whose pages may ask. Repeatable."),
    ] = None,
    loading: Loading,
    bounds: Bounds,
    quiet: Quiet = False,
) -> None:
    """Serve a page for trying segmentation, and the same over HTTP.

    Example: lexiseg serve --preset mini
    """
    console.state.quiet = quiet
    try:
        from lexiseg.web.app import create_app
        from lexiseg.web.limits import ServiceLimits
        from lexiseg.web.server import listen, run
        from lexiseg.web.settings import ServiceSettings
    except ImportError as error:
        raise MissingExtraError("The web service", "web") from error
    limits = ServiceLimits(
        megabytes=bounds.max_mb,
        megapixels=bounds.max_megapixels,
        names=bounds.max_names,
        seconds=bounds.max_seconds,
        open_requests=bounds.max_open,
        open_per_client=bounds.max_open_per_client,
        store_megabytes=bounds.store_mb,
        lifetime=bounds.lifetime,
        batch=bounds.batch,
    )
    options = {"device": loading.device, "dtype": loading.dtype}
    settings = ServiceSettings(
        methods=tuple(method or ()),
        preset=preset,
        loading=options | read_settings(loading.set, loading.config),
        host=host,
        token=token,
        origins=tuple(allow_origin or ()),
        limits=limits,
    )
    with listen(host, port) as place:
        app = create_app(settings)
        app.state.service.shelf.load_first()
        address = _address(host, place.getsockname()[1])
        run(app, place, lambda: console.say(f"Serving on {address} - Ctrl-C stops."))
    console.tell("Stopped.")


def _address(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
