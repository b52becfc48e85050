"""Load a segmenter by name, hub id, folder or file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lexiseg.errors import CheckpointError
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.hub import find_weights
from lexiseg.models.sam.families import FAMILIES, MODEL_TYPES, Family
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.sam2_files import is_sam2_layout, read_sam2_file
from lexiseg.models.sam.sam_keys import infer_settings, is_sam_layout, sam_to_huggingface
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.side_files import CONFIG, PREPROCESSOR, read_config, read_preprocessor
from lexiseg.models.weights import fingerprint, load_strictly, read_state

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Their numbers stay float32: see `PromptEncoder`.
EXACT_PARTS = ("prompt_encoder", "shared_image_embedding")


def load_segmenter(
    source: str | Path,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    weights: str | Path | None = None,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Segmenter:
    """Load a SAM, SAM-HQ, SAM 2, EdgeTAM or SAM 3 tracker.

    Args:
        source: known name ("sam-vit-b"), hub id, folder in transformers' format, or
            file in the layout of SAM's or SAM 2's own program (``sam_vit_b_01ec64.pth``,
            ``sam2_hiera_large.pt``).
        device: "auto" or a torch device.
        dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
        weights: where the weights lie, if not where `source` says.
        revision: branch, tag or commit on the hub.
        download: allow fetching from the hub what is not in its cache.

    Raises:
        WeightsNotFoundError: nowhere; the message says how to get them.
        CheckpointError: they do not fit.

    Example:
        >>> sam = load_segmenter("sam-vit-b")                              # doctest: +SKIP
        >>> embedding = sam.encode(image)                                  # doctest: +SKIP
        >>> answer = sam.predict(embedding, points=[[[120.0, 80.0]]])      # doctest: +SKIP
        >>> masks = sam.full_size(answer.logits, embedding) > 0            # doctest: +SKIP
    """
    chosen_device = choose_device(device)
    path = find_weights(weights or source, revision, download)
    state, settings = _read(path)
    family = _family(settings, path)
    network = family.build(settings, origin=str(path / CONFIG))
    _check_sizes(network, str(path / CONFIG))
    load_strictly(network, family.fitting_state(network, state), str(path), torch.float32)
    _fill_computed_buffers(network, family, settings)
    place(network, chosen_device, choose_dtype(dtype, chosen_device))
    preprocessing = _preprocessing(path, family, network)
    return family.assemble(network, preprocessing, name=str(source), fingerprint=fingerprint(path))


def place(network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Bring a network to a device and its large parts to a precision."""
    network.to(device)
    for name, part in network.named_children():
        if name not in EXACT_PARTS:
            part.to(dtype)
    for parameter in network.parameters(recurse=False):
        parameter.data = parameter.data.to(dtype)


def _read(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, object]]:
    state = read_state(path)
    if path.is_dir():
        return state, read_config(path)
    if is_sam_layout(state):
        return sam_to_huggingface(state), infer_settings(state)
    if is_sam2_layout(state):
        return read_sam2_file(state, str(path))
    raise CheckpointError(
        f"{path} is not in the layout of SAM's or SAM 2's own program; give the folder with "
        "config.json that belongs to it."
    )


def _family(settings: Mapping[str, object], path: Path) -> Family:
    kind = str(settings.get("model_type"))
    if kind not in MODEL_TYPES:
        raise CheckpointError(
            f"{path / CONFIG}: model_type is {kind!r}; expected one of "
            f"{', '.join(sorted(MODEL_TYPES))}."
        )
    return FAMILIES[MODEL_TYPES[kind]]


def _check_sizes(network: PreTrainedModel, origin: str) -> None:
    """Prompts must lie on the grid that the image encoder makes, which no tensor's shape tells.

    Raises:
        CheckpointError: the parts of the config contradict each other.
    """
    prompts, vision = network.config.prompt_encoder_config, network.config.vision_config
    grid = prompts.image_size // prompts.patch_size
    stated = {"image_embedding_size": getattr(prompts, "image_embedding_size", grid)}
    for key in ("image_size", "patch_size"):
        stated[key] = getattr(vision, key, getattr(prompts, key))
    wanted = {
        "image_embedding_size": grid,
        "image_size": prompts.image_size,
        "patch_size": prompts.patch_size,
    }
    window = getattr(vision, "window_size", 0)
    if isinstance(window, int) and window > grid:
        raise CheckpointError(
            f"{origin}: window_size is {window!r}; expected at most {grid}, the patches per side."
        )
    odd = [key for key, value in stated.items() if value not in (wanted[key], [wanted[key]] * 2)]
    if odd:
        raise CheckpointError(
            f"{origin}: the parts disagree about {odd[0]} ({stated[odd[0]]} and {wanted[odd[0]]}); "
            "use the file that belongs to the weights."
        )


def _fill_computed_buffers(
    network: nn.Module, family: Family, settings: Mapping[str, object]
) -> None:
    """Tensors that no file holds, such as SAM 3's rotation table."""
    absent = [name for name, buffer in network.named_buffers() if buffer.is_meta]
    if not absent:
        return
    twin = family.build(settings, device="cpu")
    for name in absent:
        owner, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, twin.get_buffer(name))


def _preprocessing(path: Path, family: Family, network: PreTrainedModel) -> Preprocessing:
    default = family.preprocessing
    size = int(network.config.prompt_encoder_config.image_size)
    sized = Preprocessing(
        size, default.keep_aspect, default.mean, default.std, default.resample, default.prompt_size
    )
    origin = str(path / PREPROCESSOR)
    return Preprocessing.from_huggingface(read_preprocessor(path), sized, origin)


def _named(name: str) -> Callable[..., Segmenter]:
    return partial(load_segmenter, name)


load_sam_vit_b = _named("sam-vit-b")
load_sam_vit_l = _named("sam-vit-l")
load_sam_vit_h = _named("sam-vit-h")
load_sam_hq_vit_b = _named("sam-hq-vit-b")
load_sam_hq_vit_l = _named("sam-hq-vit-l")
load_sam_hq_vit_h = _named("sam-hq-vit-h")
load_sam2_tiny = _named("sam2-tiny")
load_sam2_small = _named("sam2-small")
load_sam2_base_plus = _named("sam2-base-plus")
load_sam2_large = _named("sam2-large")
load_sam21_tiny = _named("sam2.1-tiny")
load_sam21_small = _named("sam2.1-small")
load_sam21_base_plus = _named("sam2.1-base-plus")
load_sam21_large = _named("sam2.1-large")
load_edgetam = _named("edgetam")
load_sam3_tracker = _named("sam3-tracker")
load_mini_sam = _named("mini-sam")
load_mini_sam2 = _named("mini-sam2")
