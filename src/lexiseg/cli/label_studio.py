"""``lexiseg label-studio``: a machine-learning backend for Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lexiseg.cli import console
from lexiseg.cli.option_groups import Loading, grouped
from lexiseg.cli.options import MethodName, Preset, Quiet
from lexiseg.cli.segment import require_verb
from lexiseg.errors import MissingExtraError, UsageError


@grouped
def label_studio(
    *,
    method: MethodName = "car",
    preset: Preset = None,
    segmenter: Annotated[
        str, typer.Option("--segmenter", help="What answers points and boxes: sam2.1-tiny, ...")
    ] = "sam2.1-tiny",
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder in which pictures are looked for first.")
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            "--label-studio-url", envvar="LABEL_STUDIO_URL", help="Where pictures are fetched from."
        ),
    ] = "",
    key: Annotated[
        str, typer.Option(envvar="LABEL_STUDIO_API_KEY", help="Access token for it.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Another host of pictures. Repeatable."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="To listen on.")] = 9090,
    user: Annotated[
        str, typer.Option("--user", envvar="BASIC_AUTH_USER", help="That must be sent.")
    ] = "",
    password: Annotated[
        str, typer.Option("--password", envvar="BASIC_AUTH_PASS", help="That must be sent.")
    ] = "",
    loading: Loading,
    quiet: Quiet = False,
) -> None:
    """Serve a method to Label Studio: pre-annotation, and prompts while one draws.

    Example: lexiseg label-studio --label-studio-url http://localhost:8080
    """
    console.state.quiet = quiet
    try:
        import uvicorn

        from lexiseg.integrations.label_studio.app import create_app
    except ImportError as error:
        raise MissingExtraError("The backend for Label Studio", "label-studio") from error
    from lexiseg.integrations.label_studio.backend import LabelStudioBackend
    from lexiseg.integrations.label_studio.pictures import TaskPictures
    from lexiseg.methods.parts import load_segmenter
    from lexiseg.registry import SEGMENTERS

    require_verb(method, "segment")
    SEGMENTERS[segmenter]  # an unknown one is told now
    if images is not None and not images.is_dir():
        raise UsageError(f"{images} is no folder; expected the folder of the pictures.")
    model = loading.model(method, preset).load()
    backend = LabelStudioBackend(
        model,
        lambda: load_segmenter(segmenter, None, loading.device, loading.dtype),
        TaskPictures(images, address, key, tuple(allow_host or ())),
    )
    console.tell(f"{backend.version} for Label Studio on http://{host}:{port} - Ctrl-C stops.")
    uvicorn.run(create_app(backend, user, password), host=host, port=port, log_level="warning")
