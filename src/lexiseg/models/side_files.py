"""config.json and preprocessor_config.json beside weights, every entry checked when it is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lexiseg.errors import CheckpointError, LexisegError
from lexiseg.models.weights import read_json

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
OPEN_CLIP_CONFIG = "open_clip_config.json"
# What the published configs call their sizes: pattern of the key -> the largest that makes sense.
COUNTS = {
    re.compile(r"(num_hidden|num|n|encoder|decoder)_layers?|depth|iou_head_depth"): 1_000,
    re.compile(r"(num_attention|encoder_attention|decoder_attention|num|n)_heads?|heads"): 1_000,
    re.compile(
        r"(hidden|intermediate|patch|image|vocab|image_embedding)_size|projection_dim|mlp_dim|d_model"
        r"|max_position_embeddings|num_channels|output_channels|mask_input_channels|n_embd"
        r"|n_positions|iou_head_hidden_dim|num_multimask_outputs|num_point_embeddings"
        r"|attention_downsample_rate|num_pos_feats|encoder_width|width|hidden|tie_breakers"
    ): 1_000_000,
}
POSITIVE = re.compile(r"layer_norm_eps(ilon)?|rope_theta|mlp_ratio")
IDS = re.compile(r"(bos|eos|pad|unk|sep|cls|mask)_token_id")
SHARES = re.compile(r"(attn|embd|resid)_pdrop|dropout")
WORDS = re.compile(r"hidden_act|activation_function")
MOST_TOKENS = 10_000_000
MOST_STATED = 10_000
# Width and number of heads in one section: the first has to be a multiple of the second.
SPLIT = (("hidden_size", "num_attention_heads"), ("n_embd", "n_head"))


def read_config(folder: Path) -> dict[str, Any]:
    """The settings of a network, config.json.

    Args:
        folder: holds it.

    Raises:
        CheckpointError: it cannot be read, or an entry that sizes the network makes no sense; the
            message names file, entry and what is expected.
    """
    file = folder / CONFIG
    settings = read_json(file)
    for section, entries in _sections(settings):
        for key, value in entries.items():
            _check_entry(f"{file}: {section}{key}", key, value)
        for width, heads in SPLIT:
            _check_split(f"{file}: {section}", entries, width, heads)
    return settings


def read_preprocessor(folder: Path) -> dict[str, Any]:
    """How pictures are prepared, preprocessor_config.json; empty where there is none.

    Args:
        folder: holds it.

    Returns:
        Its entries; colors that are null are left out.

    Raises:
        CheckpointError: it cannot be read, or its colors are no three numbers each.
    """
    file = folder / PREPROCESSOR
    return check_colors(file, read_json(file) if file.is_file() else {})


def check_colors(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings without colors that are null.

    Args:
        file: for messages.
        settings: with ``image_mean`` and ``image_std``, or without.

    Raises:
        CheckpointError: the colors are no three numbers each.
    """
    for key in ("image_mean", "image_std"):
        if settings.get(key) is None:
            settings.pop(key, None)
            continue
        colors = settings[key]
        fits = isinstance(colors, list) and len(colors) == 3 and all(map(_is_number, colors))
        if not fits or (key == "image_std" and min(colors) <= 0):
            wanted = "positive numbers" if key == "image_std" else "numbers"
            raise CheckpointError(
                f"{file}: {key} is {_shown(colors)}; expected three {wanted}. Take the file that "
                "belongs to the weights."
            )
    return settings


def stated_count(stated: object, section: str, name: str, file: Path) -> int | None:
    """A count that a section of open_clip's file may state; None where it does not.

    Args:
        stated: content of ``model_cfg``.
        section: for instance "text_cfg".
        name: of the entry.
        file: for messages.

    Raises:
        CheckpointError: it is no count.
    """
    within = stated.get(section) if isinstance(stated, Mapping) else None
    value = within.get(name) if isinstance(within, Mapping) else None
    if value is not None and not (type(value) is int and 1 <= value <= MOST_STATED):
        raise CheckpointError(
            f"{file}: {section}.{name} is {value!r:.60}; expected a whole number from 1 to "
            f"{MOST_STATED}. Take the file that belongs to the weights."
        )
    return value


@contextmanager
def blaming(origin: Path | str, title: str) -> Iterator[None]:
    """Turn what transformers raises while it makes a network into one sentence about the file.

    Args:
        origin: where its settings come from.
        title: what network they should describe.

    Raises:
        CheckpointError: they describe none.
    """
    try:
        yield
    except (LexisegError, ImportError):
        raise
    except Exception as error:  # its configs check themselves with errors of several libraries
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise CheckpointError(f"{origin} describes no {title} network ({reason[:200]}).") from error


def _sections(
    settings: Mapping[str, object], name: str = ""
) -> Iterator[tuple[str, Mapping[str, object]]]:
    yield name, settings
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _sections(value, f"{name}{key}.")


def _check_entry(place: str, key: str, value: object) -> None:
    most = next((limit for pattern, limit in COUNTS.items() if pattern.fullmatch(key)), None)
    if most is not None and not all(_is_count(side, most) for side in _sides(value)):
        _refuse(place, value, f"a whole number from 1 to {most}")
    if POSITIVE.fullmatch(key) and not (_is_number(value) and value > 0):  # type: ignore[operator]
        _refuse(place, value, "a positive number")
    if key == "n_inner" and not (value is None or _is_count(value, 1_000_000)):
        _refuse(place, value, "a whole number or null")
    if SHARES.fullmatch(key) and not (_is_number(value) and 0 <= value <= 1):  # type: ignore[operator]
        _refuse(place, value, "a number from 0 to 1")
    if IDS.fullmatch(key) and not (value is None or _is_count(value, MOST_TOKENS, least=-1)):
        _refuse(place, value, "the number of a token")
    if WORDS.fullmatch(key) and not isinstance(value, str):
        _refuse(place, value, "the name of an activation")
    if key.endswith("_config") and not isinstance(value, dict | None):
        _refuse(place, value, "an object")


def _sides(value: object) -> list[object]:
    """One side, or height and width."""
    return value if isinstance(value, list) and value else [value]


def _check_split(place: str, entries: Mapping[str, object], width: str, heads: str) -> None:
    whole, parts = entries.get(width), entries.get(heads)
    if isinstance(whole, int) and isinstance(parts, int) and whole % parts:
        raise CheckpointError(
            f"{place}{heads} is {parts}, which does not divide {width} = {whole}; take "
            "the file that belongs to the weights."
        )


def _refuse(place: str, value: object, expected: str) -> None:
    raise CheckpointError(
        f"{place} is {_shown(value)}; expected {expected}. Take the file that belongs to the "
        "weights."
    )


def _shown(value: object) -> str:
    return repr(value)[:60]


def _is_count(value: object, most: int, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
