"""What goes wrong in practice, asked of the finished product with the bundled weights.

Each row is a correct answer or one clear sentence; nothing else may come out.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import (
    CheckpointError,
    ImageError,
    LexisegError,
    UnknownNameError,
    UsageError,
    WeightsNotFoundError,
)

NAMES = ["dog", "grass", "zebra"]


@pytest.fixture(scope="module")
def car() -> Any:
    return lexiseg.load("car", preset="mini", device="cpu", dtype="float32")


def gradient(height: int, width: int) -> np.ndarray:
    rows = np.linspace(0, 255, height)[:, None, None]
    return np.broadcast_to(rows, (height, width, 3)).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def rotated(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(path.with_suffix(".jpg"), Image.fromarray(gradient(20, 40)), exif=exif)


def animated(path: Path) -> Path:
    frames = [Image.fromarray(gradient(20, 30)), Image.new("RGB", (30, 20), "red")]
    return saved(path.with_suffix(".gif"), frames[0], save_all=True, append_images=frames[1:])


GOOD: dict[str, tuple[Callable[[Path], Path], tuple[int, int]]] = {
    "grey": (lambda p: saved(p, Image.fromarray(gradient(20, 30)).convert("L")), (20, 30)),
    "palette with transparency": (
        lambda p: saved(p, Image.fromarray(gradient(20, 30)).convert("P"), transparency=3),
        (20, 30),
    ),
    "16 bit": (
        lambda p: saved(p, Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)),
        (20, 30),
    ),
    "CMYK": (
        lambda p: saved(p.with_suffix(".jpg"), Image.new("CMYK", (30, 20), (9, 99, 0, 0))),
        (20, 30),
    ),
    "turned by EXIF": (rotated, (40, 20)),
    "animated": (animated, (20, 30)),
    "one pixel": (lambda p: saved(p, Image.new("RGB", (1, 1), "green")), (1, 1)),
    "very long": (lambda p: saved(p, Image.fromarray(gradient(10, 20000))), (10, 20000)),
    "very high": (lambda p: saved(p, Image.fromarray(gradient(20000, 10))), (20000, 10)),
    "single colour": (lambda p: saved(p, Image.new("RGB", (64, 48), "blue")), (48, 64)),
}


@pytest.mark.parametrize("kind", GOOD)
def test_odd_pictures_give_masks_of_their_size(car: Any, tmp_path: Path, kind: str) -> None:
    make, size_hw = GOOD[kind]
    result = car.segment(make(tmp_path / "picture.png"), NAMES)
    assert result.size_hw == size_hw == result.semantic.ids.shape
    assert all(item.mask.size_hw == size_hw for item in result.instances)
    assert set(result.presence) == set(NAMES)


def png_bytes() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        stream, "PNG"
    )
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG header that promises more pixels than any memory holds."""
    content = bytearray(png_bytes())
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


BAD_FILES: dict[str, bytes] = {
    "empty": b"",
    "text": b"this is not a picture",
    "truncated": png_bytes()[:200],
    "bomb": bomb(100_000, 100_000),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_one_sentence(car: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(BAD_FILES[kind])
    with pytest.raises(ImageError, match="picture.png") as caught:
        car.segment(path, NAMES)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_named(car: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(ImageError) as caught:
            car.segment(path, NAMES)
        assert path.name in str(caught.value)


@pytest.mark.parametrize("names", [[], "", ["dog", ""], ["  "], [None], 7, {"dog": " "}])
def test_bad_names_are_one_sentence(car: Any, names: Any) -> None:
    with pytest.raises(UsageError):
        car.segment(gradient(32, 32), names)


def test_odd_names_come_back_byte_for_byte(car: Any) -> None:
    names = ["🐕 dog", "كلب", "x" * 10_000, "a\tb", "Straße", "DOG"]
    result = car.segment(gradient(48, 64), names)
    assert result.names == tuple(names) == tuple(result.presence)


def test_duplicates_are_merged_with_a_warning(car: Any) -> None:
    with pytest.warns(UserWarning, match="twice"):
        assert car.segment(gradient(32, 32), ["dog", "dog"]).names == ("dog",)


def test_five_thousand_names(car: Any) -> None:
    quick = car.configured(prefilter=1.0)
    result = quick.segment(gradient(64, 64), [f"thing {index}" for index in range(5000)])
    assert len(result.presence) == 5000


def test_order_of_names_does_not_matter(car: Any) -> None:
    image = np.random.default_rng(3).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    one = car.segment(image, NAMES)
    other = car.segment(image, NAMES[::-1])
    assert set(one.presence.kept) == set(other.presence.kept)
    for name in NAMES:
        assert one.presence[name].score == pytest.approx(other.presence[name].score, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lexiseg.load("cra"), UnknownNameError, "did you mean 'car'"),
        (lambda: lexiseg.load("car", preset="minni"), UnknownNameError, "mini"),
        (
            lambda: lexiseg.load("car", preset="mini", etta=1),
            UnknownNameError,
            "did you mean 'eta'",
        ),
        (lambda: lexiseg.load("car", preset="mini", eta=7.0), UsageError, "eta"),
        (lambda: lexiseg.load("car", preset="mini", device="gpu9"), UsageError, "gpu9"),
        (lambda: lexiseg.load("car", preset="mini", dtype="int3"), UsageError, "int3"),
        (lambda: lexiseg.load("car", preset="mini", variant="x"), UnknownNameError, "released"),
    ],
)
def test_wrong_loads_are_one_sentence(
    call: Callable[[], Any], error: type[LexisegError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_absent_paper_weights_name_both_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsNotFoundError) as caught:
        lexiseg.load("car", preset="paper")
    message = str(caught.value)
    assert "lexiseg models pull clip-vit-b16 clip-vit-l14`" in message and "local folder" in message


PAPER = {
    "car": "clip-vit-b16 clip-vit-l14",
    "tides": "clip-vit-b16 sam-vit-h",
    "tides-raw": "clip-vit-b16 sam-vit-h",
    "zero-guidance": "dino-vits8 clip-vit-l14-336 gpt2-medium",
    "sclip": "clip-vit-b16",
    "sam+clip": "clip-vit-b16 sam-vit-b",
    "grounded-sam": "grounding-dino-base sam-vit-h",
    "owlv2+sam": "owlv2-large sam-vit-h",
    "clipseg": "clipseg-rd64-refined",
}


@pytest.mark.parametrize("method", PAPER)
def test_all_absent_weights_of_a_method_are_told_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for loader in ("clip.Clip", "dino.Dino"):
        monkeypatch.setattr(f"lexiseg.models.{loader}.load", pytest.fail)
    choice = {"decoder": "zerocap"} if method == "zero-guidance" else {}
    with pytest.raises(WeightsNotFoundError) as caught:
        lexiseg.load(method, preset="paper", **choice)
    assert f"lexiseg models pull {PAPER[method]}`" in str(caught.value)
    assert "--preset mini" in str(caught.value) and "\n" not in str(caught.value)


def test_a_segmenter_that_sharpens_is_among_the_absent_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsNotFoundError, match="pull clip-vit-b16 clip-vit-l14 sam-hq-vit-h`"):
        lexiseg.load("car", preset="paper", segmenter="sam-hq-vit-h")


def test_checkpoint_that_does_not_fit_says_what_is_wrong(tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from lexiseg.models.bundled import bundled_folder

    folder = tmp_path / "weights"
    shutil.copytree(bundled_folder("mini-clip-proposal"), folder)
    state = load_file(folder / "model.safetensors")
    del state["logit_scale"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="missing.*logit_scale"):
        lexiseg.load("car", preset="mini", proposal_weights=str(folder))


def test_nothing_warns_on_the_usual_path(car: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # libraries about themselves
        assert list(car.segment(gradient(40, 40), NAMES).presence) == NAMES
