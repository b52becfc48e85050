"""Which checkpoints have proved themselves on this machine, so that lists can say so."""

from __future__ import annotations

import json
from pathlib import Path

from lexiseg.io.output_file import write_text
from lexiseg.models.weights import weight_files


def _place() -> Path:
    """Beside the hub's cache, which is where the weights of this machine are."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "lexiseg" / "verified.json"


def note_verified(name: str, path: Path, told: str) -> None:
    """Remember how a checkpoint's checks went, for as long as its files stay as they are.

    Args:
        name: of the checkpoint.
        path: its weights.
        told: what to say of them.

    Raises:
        OutputError: it cannot be written.
    """
    entry = {"files": _state(path), "told": told}
    write_text(_place(), json.dumps(_read() | {name: entry}, indent=1), overwrite=True)


def verified(name: str, path: Path) -> str:
    """How the checks of a checkpoint went; "" if there were none since its files changed."""
    entry = _read().get(name)
    if not isinstance(entry, dict) or entry.get("files") != _state(path):
        return ""
    return str(entry["told"])


def _state(path: Path) -> list[list[object]]:
    """Place, size and time of every file of weights."""
    files = [(file, file.stat()) for file in weight_files(path)]
    return [[str(file.resolve()), state.st_size, state.st_mtime_ns] for file, state in files]


def _read() -> dict[str, object]:
    try:
        loaded = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
