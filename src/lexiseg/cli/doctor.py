"""``lexiseg doctor``: what this installation has, and what to run for what it lacks."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

CORE = ("torch", "transformers", "numpy", "scipy", "pillow", "safetensors", "huggingface_hub")
EXTRAS = {
    "crf": "pydensecrf2",
    "tables": "pandas",
    "supervision": "supervision",
    "video": "av",
    "tiff": "tifffile",
    "heic": "pi-heif",
    "plots": "matplotlib",
    "edgetam": "timm",
    "openworldsam": "sentencepiece",
    "tensorboard": "tensorboard",
    "web": "fastapi",
    "parquet": "pyarrow",
    "label-studio": "starlette",
    "cvat": "cvat-sdk",
    "fiftyone": "fiftyone",
    "ray": "ray",
    "s3": "s3fs",
}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, devices, weights and missing extras.

    Example: lexiseg doctor
    """
    report = _report()
    if json:
        import json as json_module

        typer.echo(json_module.dumps(report))
        return
    for section, rows in report.items():
        typer.echo(section)
        for name, value in rows.items():
            typer.echo(f"  {name:<24} {value}")


def _report() -> dict[str, dict[str, str]]:
    return {
        "system": {"python": platform.python_version(), "platform": platform.platform()},
        "packages": {name: _version(name) for name in ("lexiseg", *CORE)},
        "extras": {extra: _extra(extra, package) for extra, package in EXTRAS.items()},
        "devices": _devices(),
        "weights": _weights(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _extra(extra: str, package: str) -> str:
    found = _version(package)
    return f"missing; pip install 'lexiseg[{extra}]'" if found == "missing" else found


def _devices() -> dict[str, str]:
    import torch

    from lexiseg.models.device import choose_device, choose_dtype

    devices = {"cpu": f"{torch.get_num_threads()} threads"}
    for index in range(torch.cuda.device_count()):
        devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        devices["mps"] = "available"
    device = choose_device("auto")
    devices["chosen by 'auto'"] = f"{device}, {choose_dtype('auto', device)}"
    return devices


def _weights() -> dict[str, str]:
    from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE

    from lexiseg.cli.models import weight_places

    return {"hub cache": HF_HUB_CACHE, "hub offline": str(bool(HF_HUB_OFFLINE)), **weight_places()}
