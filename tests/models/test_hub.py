from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pytest
from huggingface_hub.utils import filter_repo_objects

from lexiseg.errors import WeightsNotFoundError
from lexiseg.models import hub

B16 = "openai/clip-vit-base-patch16"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty hub cache, and no hub behind it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))

    def refuse(*args, **kwargs):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    return tmp_path


def fill(cache: Path, repository: str, files: list[str], revision: str = "main") -> Path:
    place = cache / ("models--" + repository.replace("/", "--"))
    snapshot = place / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    for name in files:
        (snapshot / name).write_bytes(b"x")
    (place / "refs").mkdir()
    (place / "refs" / revision).write_text("c" * 40)
    return snapshot


def test_catalog_holds_the_published_pairs():
    known = hub.checkpoints()
    assert {"clip-vit-b32", "clip-vit-b16", "clip-vit-l14", "clip-vit-l14-336"} <= set(known)
    for checkpoint in known.values():
        assert hub.is_hub_id(checkpoint.hub)
        assert checkpoint.size_mb == round(checkpoint.parameters * 4 / 1e6)
        assert "sha256" in checkpoint.describe() and checkpoint.license in checkpoint.describe()


def test_local_folder_and_file_win(tmp_path, cache):
    assert hub.find_weights(tmp_path) == tmp_path
    file = tmp_path / "a.pt"
    file.write_bytes(b"")
    assert hub.find_weights(str(file)) == file


def test_bundled_weights_have_names(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(hub, "bundled_weights", lambda: {"mini-clip": tmp_path})
    assert hub.find_weights("mini-clip") == tmp_path


@pytest.mark.parametrize("source", ["clip-vit-b16", B16])
def test_absent_weights_name_both_ways_out(cache, source):
    with pytest.raises(WeightsNotFoundError) as caught:
        hub.find_weights(source)
    message = str(caught.value)
    assert "lexiseg models pull clip-vit-b16" in message and "local folder" in message
    assert "598 MB" in message or "599 MB" in message


def test_all_absent_weights_are_named_at_once(cache, tmp_path):
    fill(cache, B16, ["model.safetensors"])
    hub.require_weights(tmp_path, B16, "clip-vit-b16")
    with pytest.raises(WeightsNotFoundError) as caught:
        hub.require_weights("clip-vit-b16", "clip-vit-l14", "someone/model", "clip-vit-l14")
    assert "lexiseg models pull clip-vit-l14 someone/model`" in str(caught.value)
    with pytest.raises(WeightsNotFoundError, match="models list"):
        hub.require_weights("/nowhere")


def test_absent_unlisted_weights_are_named_by_their_id(cache):
    with pytest.raises(WeightsNotFoundError, match="models pull someone/model"):
        hub.find_weights("someone/model")


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("clip vit b16", "did you mean 'clip-vit-b16'"),
        ("/nowhere", "lexiseg models list"),
        ("../x", "lexiseg models list"),
        ("a/../b", "lexiseg models list"),
        ("owner/.git", "lexiseg models list"),
    ],
)
def test_nonsense_source_is_pointed_to_the_choices(cache, source, hint):
    with pytest.raises(WeightsNotFoundError, match=hint):
        hub.find_weights(source)


@pytest.mark.parametrize("source", ["clip-vit-b16", B16])
def test_cached_weights_are_found(cache, source):
    snapshot = fill(cache, B16, ["config.json", "model.safetensors"])
    assert hub.find_weights(source) == snapshot
    assert hub.find_weights(source, download=True) == snapshot


def test_cached_side_files_alone_are_not_enough(cache):
    fill(cache, B16, ["config.json"])
    with pytest.raises(WeightsNotFoundError):
        hub.find_weights(B16)


def test_revisions_are_kept_apart(cache):
    snapshot = fill(cache, B16, ["pytorch_model.bin"], revision="v2")
    assert hub.find_weights(B16, revision="v2") == snapshot
    with pytest.raises(WeightsNotFoundError):
        hub.find_weights(B16)


@pytest.mark.parametrize(
    ("published", "chosen"),
    [
        (["model.safetensors", "pytorch_model.bin", "flax_model.msgpack"], ["model.safetensors"]),
        (["pytorch_model.bin", "tf_model.h5", "README.md"], ["pytorch_model.bin"]),
        (
            ["model.safetensors.index.json", "model-00001-of-00002.safetensors",
             "model-00002-of-00002.safetensors", "pytorch_model.bin"],
            ["model.safetensors.index.json", "model-00001-of-00002.safetensors",
             "model-00002-of-00002.safetensors"],
        ),
        (["config.json", "vocab.json", "pytorch_model.bin"],
         ["config.json", "vocab.json", "pytorch_model.bin"]),
        (["open_clip_pytorch_model.bin", "open_clip_model.safetensors", "open_clip_config.json"],
         ["open_clip_config.json", "open_clip_model.safetensors"]),
    ],
)  # fmt: skip
def test_one_form_of_the_weights_is_chosen(published, chosen):
    assert hub.choose_files(published) == chosen


def test_repository_without_weights_is_refused():
    with pytest.raises(WeightsNotFoundError, match="none of"):
        hub.choose_files(["config.json", "flax_model.msgpack"])


@dataclass
class Lfs:
    sha256: str


@dataclass
class Entry:
    rfilename: str
    size: int
    lfs: Lfs | None


@dataclass
class Info:
    siblings: list[Entry]


def test_pull_says_what_it_fetches_and_fetches_only_that(cache, monkeypatch):
    entries = [
        Entry("config.json", 4000, None),
        Entry("model.safetensors", 598_600_000, Lfs("ab" * 32)),
        Entry("pytorch_model.bin", 598_700_000, Lfs("cd" * 32)),
    ]
    snapshot = fill(cache, B16, [])
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: Info(entries))

    def download(repository, revision=None, allow_patterns=None):
        names = [entry.rfilename for entry in entries]
        for name in filter_repo_objects(names, allow_patterns=allow_patterns):
            (snapshot / name).write_bytes(b"x")
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    lines: list[str] = []
    assert hub.pull("clip-vit-b16", lines.append) == snapshot
    assert len(lines) == 2 and "598.6 MB" in lines[1] and "ab" * 32 in lines[1]
    assert not (snapshot / "pytorch_model.bin").exists()


def test_pull_when_the_hub_is_out_of_reach_explains(cache, monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("offline mode is enabled")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(WeightsNotFoundError, match="offline mode is enabled.*HF_HUB_OFFLINE"):
        hub.pull("clip-vit-b16")
    with pytest.raises(WeightsNotFoundError, match="HF_HUB_OFFLINE"):
        hub.find_weights("clip-vit-b16", download=True)
