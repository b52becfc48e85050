"""Find published checkpoints: known names, the hub's cache, and downloads that were asked for.

Nothing here downloads unless `download=True` is said or `pull` is called; the hub's own cache,
offline switch (HF_HUB_OFFLINE) and cache folder (HF_HOME) are respected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import WeightsNotFoundError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling
from lexiseg.models.bundled import bundled_or_given, bundled_weights
from lexiseg.models.weights import WEIGHT_FILES

SIDE_FILES = (
    "config.json",
    "open_clip_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "beit3.spm",
    "sentencepiece.bpe.model",
)


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint that lexiseg knows by name."""

    name: str
    network: str  # which architecture reads it
    hub: str  # repository id on the Hugging Face hub
    revision: str
    parameters: int
    size_mb: int  # of the weight file as published, in 10**6 bytes, rounded
    license: str
    sha256: str | None  # of the weight file; None where unknown
    source: str  # paper

    def describe(self) -> str:
        """One line: what it is, how large, under which terms."""
        digest = f"sha256 {self.sha256}" if self.sha256 else "sha256 unknown before the download"
        return f"{self.hub}, about {self.size_mb} MB, license {self.license}, {digest}"


@cache
def checkpoints() -> Mapping[str, Checkpoint]:
    """All known published checkpoints by name."""
    text = resources.files(__package__).joinpath("checkpoints.json").read_text(encoding="utf-8")
    return {name: Checkpoint(name=name, **entry) for name, entry in json.loads(text).items()}


def find_weights(source: str | Path, revision: str | None = None, download: bool = False) -> Path:
    """Locate a checkpoint on this machine.

    Args:
        source: a folder, a file, the name of a bundled ("mini-clip-proposal") or published
            ("clip-vit-b16") checkpoint, or a hub id.
        revision: branch, tag or commit on the hub; None for the published default.
        download: fetch from the hub what is not in its cache.

    Returns:
        The folder or file.

    Raises:
        WeightsNotFoundError: it is nowhere; the message says how to get it.
    """
    path = _on_this_machine(source, revision)
    if path:
        return path
    if download:
        return pull(str(source), revision=revision)
    raise WeightsNotFoundError(_absent_message(source))


@dataclass(frozen=True)
class PublishedFile:
    """A checkpoint that its authors publish as a single file outside the hub.

    Args:
        name: in lexiseg.
        file: official file name.
        source: where the authors offer it.
    """

    name: str
    file: str
    source: str

    def find(
        self, weights: str | Path | None, revision: str | None = None, download: bool = False
    ) -> Path:
        """The given file, folder or hub id on this machine.

        Raises:
            WeightsNotFoundError: nothing was given or it is nowhere.
        """
        if weights is None:
            raise WeightsNotFoundError(f"{self.absent('weights')}.")
        return find_weights(weights, revision, download)

    def absent(self, option: str) -> str:
        """A sentence, but for its full stop, that says how to get it and which option takes it."""
        return (
            f"The weights of {self.name} do not come with lexiseg: download {self.file} from "
            f"{self.source} and give its path as {option}="
        )


def check_name(source: str) -> None:
    """Check that a name could be fetched: a known checkpoint or a hub id.

    Raises:
        WeightsNotFoundError: it is neither.
    """
    _hub_place(source, None)


def require_weights(*sources: str | Path | PublishedFile) -> None:
    """Check all checkpoints of a method before any is loaded.

    Args:
        sources: folders, files, names or hub ids; a `PublishedFile` is of the segmenter, and was
            not given.

    Raises:
        WeightsNotFoundError: one message that names every absent one.
    """
    files = [source for source in dict.fromkeys(sources) if isinstance(source, PublishedFile)]
    absent = [
        source
        for source in dict.fromkeys(sources)
        if not isinstance(source, PublishedFile) and not _on_this_machine(bundled_or_given(source))
    ]
    said = [_absent_message(*absent).removesuffix(".")] if absent else []
    said += [file.absent("segmenter_weights") for file in files]
    if said:
        raise WeightsNotFoundError(f"{'; '.join(said)}.")


def _on_this_machine(source: str | Path, revision: str | None = None) -> Path | None:
    path = Path(source).expanduser()
    if path.is_file() or path.is_dir():
        return path
    if str(source) in bundled_weights():
        return bundled_weights()[str(source)]
    return _cached_snapshot(*_hub_place(str(source), revision))


def pull(
    source: str, progress: Callable[[str], None] | None = None, revision: str | None = None
) -> Path:
    """Fetch a checkpoint into the hub's cache.

    Args:
        source: a known checkpoint name or a hub id.
        progress: receives one line of text for each file before the first: name, size, sha256.
        revision: branch, tag or commit; None for the published default.

    Returns:
        The folder in the cache.

    Raises:
        WeightsNotFoundError: the hub cannot be reached or has no such weights.
    """
    from huggingface_hub import HfApi, snapshot_download

    hub, revision = _hub_place(source, revision)
    say = progress or (lambda line: None)
    try:
        info = HfApi().model_info(hub, revision=revision, files_metadata=True)
        published = {entry.rfilename: entry for entry in info.siblings or []}
        chosen = choose_files(published)
        for name in chosen:
            say(f"{hub}/{name}: {_file_terms(published[name])}")
        return Path(snapshot_download(hub, revision=revision, allow_patterns=chosen))
    except WeightsNotFoundError:
        raise
    except Exception as error:  # the hub's client raises errors of several libraries
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsNotFoundError(
            f"Weights {hub!r} could not be fetched ({reason[0][:200]}); check the connection, "
            "HF_HUB_OFFLINE and the name, or give a local folder."
        ) from error


def choose_files(published: Iterable[str]) -> list[str]:
    """Pick the files to fetch out of a repository: side files and one form of the weights.

    Raises:
        WeightsNotFoundError: none of the supported forms is there.
    """
    names = set(published)
    form = next((name for name in WEIGHT_FILES if name in names), None)
    if form is None:
        raise WeightsNotFoundError(
            f"The repository holds none of {', '.join(WEIGHT_FILES)}; choose another one."
        )
    stem, suffix = form.split(".")[0], form.removesuffix(".index.json").rsplit(".", 1)[-1]
    shards = [name for name in sorted(names) if re.fullmatch(rf"{stem}-\d+-of-\d+\.{suffix}", name)]
    sides = [name for name in SIDE_FILES if name in names]
    return [*sides, form, *(shards if form.endswith(".index.json") else [])]


def is_hub_id(source: str) -> bool:
    """Whether a text has the form owner/name of a repository on the hub."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return "/" in source


def _file_terms(entry: RepoSibling) -> str:
    size = f"{entry.size / 1e6:.1f} MB" if entry.size else "size unknown"
    digest = entry.lfs.sha256 if entry.lfs else "not published"
    return f"{size}, sha256 {digest}"


def _hub_place(source: str, revision: str | None) -> tuple[str, str | None]:
    known = checkpoints().get(source)
    if known:
        return known.hub, revision or known.revision
    if is_hub_id(source):
        default = next((c.revision for c in checkpoints().values() if c.hub == source), None)
        return source, revision or default
    near = get_close_matches(source, checkpoints(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`lexiseg models list` shows those known."
    raise WeightsNotFoundError(
        f"{source[:200]!r} is no file or folder here, no known checkpoint and no hub id of the "
        f"form owner/name; {hint}"
    )


def _cached_snapshot(hub: str, revision: str | None) -> Path | None:
    """The hub cache's folder of a repository if it holds weights."""
    from huggingface_hub import try_to_load_from_cache

    for name in WEIGHT_FILES:
        found = try_to_load_from_cache(hub, name, revision=revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _absent_message(*sources: str | Path) -> str:
    hubs = [_hub_place(str(source), None)[0] for source in sources]
    known = {checkpoint.hub: checkpoint for checkpoint in checkpoints().values()}
    names = " ".join(known[hub].name if hub in known else hub for hub in hubs)
    terms = [f"{known[h].size_mb} MB, license {known[h].license}" for h in hubs if h in known]
    described = f" (about {'; '.join(terms)})" if terms else ""
    listed = " and ".join(repr(hub) for hub in hubs)
    return (
        f"Weights {listed} are not on this machine: fetch them with "
        f"`lexiseg models pull {names}`{described}, give a local folder, or try the small models "
        "that are bundled with `--preset mini`."
    )
