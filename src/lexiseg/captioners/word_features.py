"""Text features of word lists: encoded once for each CLIP and each list."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from lexiseg.models.clip import Clip
from lexiseg.models.clip.prefix_text import encode_texts

WORDS = 4096  # encoded together
KEPT = 500  # shorter lists are encoded faster than a file is worth


def word_features(
    clip: Clip, words: Sequence[str], templates: Sequence[str], keep: bool = True
) -> Tensor:
    """Unit features of words, averaged over sentences.

    Args:
        clip: whose text tower is asked.
        words: any number; memory grows with the answer alone.
        templates: sentences with {} where the word goes.
        keep: store the features of a long list in the user's cache folder, named by the weights,
            the words and the sentences, and read them from there the next time.

    Returns:
        (N, E) float32 on CLIP's device.
    """
    if not keep or len(words) < KEPT:
        return encode_words(clip, words, templates)
    file = cache_folder() / f"{_key(clip, words, templates)}.safetensors"
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        return load_file(file)["features"].to(clip.device)
    features = encode_words(clip, words, templates)
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
        _store(file, features)
    return features


def encode_words(clip: Clip, words: Sequence[str], templates: Sequence[str]) -> Tensor:
    """The same without a cache; a bar shows the progress of long lists on a terminal."""
    features = torch.empty(len(words), clip.visual.config.embed_dim, device=clip.device)
    quiet = True if len(words) <= WORDS else None  # None: only where nobody watches
    starts = range(0, len(words), WORDS)
    for start in tqdm(starts, "encoding words", unit=f" x {WORDS}", disable=quiet):
        part = words[start : start + WORDS]
        features[start : start + WORDS] = embed_phrases(clip, part, templates)
    return features


def embed_phrases(clip: Clip, phrases: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Unit features (N, E) of phrases, averaged over sentences, in one go."""
    sentences = [template.replace("{}", phrase) for phrase in phrases for template in templates]
    by_phrase = encode_texts(clip, sentences).view(len(phrases), len(templates), -1)
    return F.normalize(by_phrase.mean(dim=1), dim=-1)


def cache_folder() -> Path:
    """Where features of word lists are kept: below XDG_CACHE_HOME, by default ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "lexiseg" / "words"


def _key(clip: Clip, words: Sequence[str], templates: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{clip.fingerprint} {clip.dtype}".encode())
    for text in (*templates, "", *words):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _store(file: Path, features: Tensor) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=file.parent) as folder:  # so that no reader sees half a file
        partial = Path(folder) / file.name
        save_file({"features": features.cpu()}, partial)
        partial.replace(file)
