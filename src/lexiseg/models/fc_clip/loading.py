"""Read FC-CLIP and MAFT+ out of whatever file holds their numbers, and write them."""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import save_file
from torch import Tensor

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.clip import BpeTokenizer
from lexiseg.models.conv_clip import (
    ConvClipConfig,
    ConvClipNetwork,
    fingerprint_towers,
    infer_config,
    read_sizes,
    read_towers,
    to_ours,
    with_stated,
)
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.fc_clip.config import HeadConfig, config_of
from lexiseg.models.fc_clip.layout import (
    CLIP,
    PIXELS,
    PREDICTOR,
    TRANSFER,
    VOID,
    CheckpointParts,
    split_parts,
    to_published,
    to_transformers,
)
from lexiseg.models.fc_clip.proposals import ProposalModel, ProposalNetwork
from lexiseg.models.fc_clip.transfer import ContentTransfer, Form
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.weights import (
    PICKLES,
    empty_weights,
    fingerprint,
    load_strictly,
    read_state,
    weight_files,
)

WEIGHTS = "model.safetensors"
# Any CLIP of the published vocabulary has the same tokenizer.
USUAL_TOKENIZERS = ("openai/clip-vit-base-patch16", "openai/clip-vit-large-patch14")
MODEL_TYPE = "fc_clip"
TRANSFER_HEADS = 8


def load_proposal_model(
    source: str | Path,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    *,
    backbone: str | Path | None = None,
    form: Form | None = None,
) -> ProposalModel:
    """Load a checkpoint.

    Args:
        source: file or folder: detectron2's dictionary with the weights under ``model``, the same
            as safetensors, a repacked head without CLIP, or what `save_proposal_model` wrote.
        device: "auto" or a torch device.
        dtype: precision of CLIP's towers; the decoders compute in float32.
        backbone: where CLIP comes from if the file lacks it or has but what differs, and the
            tokenizer if none is beside the file: known name, hub id, folder or file.
        form: of MAFT+'s transfer, which its tensors do not tell, where nothing beside them does;
            None for "panoptic".

    Raises:
        WeightsNotFoundError: not on this machine, or there is no tokenizer.
        CheckpointError: the file does not hold such a model, or keys and shapes do not fit.
    """
    path, place = find_weights(source), choose_device(device)
    parts = split_parts(read_state(path), str(path))
    _tell_of_training_state(path)
    clip, sizes, used = _clip_of(parts, path, backbone)
    head = _head_config(parts, path)
    with empty_weights():
        transfer = _transfer(head.embed_dim, form, path) if parts.transfer else None
        network = ProposalNetwork(sizes, head, transfer)
    _fill(network, parts, clip, str(path), choose_dtype(dtype, place))
    words = _tokenizer(path, sizes.text.context, backbone)
    return ProposalModel(network.to(place), words, str(source), _fingerprint(path, used))


def _clip_of(
    parts: CheckpointParts, path: Path, backbone: str | Path | None
) -> tuple[Mapping[str, Tensor], ConvClipConfig, Path | None]:
    """CLIP's tensors and sizes, and the file they came from if it is another one."""
    changed = _stated(path, "backbone").get("changed", 0)
    if parts.clip and not changed:
        state = to_ours(parts.clip)
        config = infer_config(state)
        if path.is_dir() and (path / CONFIG).is_file():
            stated = read_config(path)
            config = with_stated(config, stated, ("text", "vision"), path / CONFIG)
        return state, config, None
    if backbone is None:
        raise WeightsNotFoundError(
            f"{path} holds a head without CLIP; say where its CLIP is with backbone=."
        )
    if len(parts.clip) != changed:
        raise CheckpointError(
            f"{path} has {len(parts.clip)} tensors of CLIP, where its {CONFIG} speaks of {changed} "
            "that differ from the backbone's; take the files that belong together."
        )
    other = find_weights(backbone)
    state = read_towers(other)
    return {**state, **parts.clip}, read_sizes(other, state), other


def _head_config(parts: CheckpointParts, path: Path) -> HeadConfig:
    """Sizes of the head; only a config.json of ours tells how many heads its decoder has."""
    return config_of(parts.head, _stated(path, "decoder").get("heads", HeadConfig.decoder_heads))


def _transfer(width: int, form: Form | None, path: Path) -> ContentTransfer:
    stated = _stated(path, "transfer")
    heads = stated.get("heads", TRANSFER_HEADS)
    chosen = stated.get("form", form or "panoptic")
    if chosen not in get_args(Form) or width % heads:
        raise CheckpointError(
            f"{path / CONFIG}: transfer is {stated}; expected one of {' and '.join(get_args(Form))}"
            f" as its form and a number of heads that divides {width}."
        )
    return ContentTransfer(width, chosen, heads)


def _stated(path: Path, section: str) -> dict[str, Any]:
    """A section of the config.json beside the weights; empty if there is none."""
    stated = read_config(path).get(section) if (path / CONFIG).is_file() else None
    return stated if isinstance(stated, dict) else {}


def _fill(
    network: ProposalNetwork,
    parts: CheckpointParts,
    clip: Mapping[str, Tensor],
    origin: str,
    dtype: torch.dtype,
) -> None:
    load_strictly(network.clip, clip, f"CLIP in {origin}", dtype)
    pixels, predictor = PIXELS.split(".", 1)[1], PREDICTOR.split(".", 1)[1]
    head = parts.head
    own = {k.removeprefix(pixels): t for k, t in head.items() if k.startswith(pixels)}
    rest = {k.removeprefix(predictor): t for k, t in head.items() if k.startswith(predictor)}
    exact = torch.float32
    load_strictly(network.pixel_decoder.decoder, to_transformers(own), origin, exact)
    load_strictly(network.mask_decoder, rest, origin, exact)
    load_strictly(network.void_embedding, {"weight": parts.void}, origin, exact)
    if network.transfer is not None:
        load_strictly(network.transfer, parts.transfer, origin, exact)


def _tokenizer(path: Path, context: int, backbone: str | Path | None) -> BpeTokenizer:
    """The tokenizer beside the weights, else the backbone's, else any published CLIP's."""
    beside = path if path.is_dir() else path.parent
    for source in (beside, *([backbone] if backbone else []), *USUAL_TOKENIZERS):
        try:
            place = find_weights(source)
        except WeightsNotFoundError:
            continue
        folder = place if place.is_dir() else place.parent
        if BpeTokenizer.is_in(folder):
            return BpeTokenizer(folder, context)
    raise WeightsNotFoundError(
        f"There is no tokenizer for {path}: put CLIP's vocab.json and merges.txt beside it, or "
        f"fetch {USUAL_TOKENIZERS[0]} with `lexiseg models pull {USUAL_TOKENIZERS[0]}`."
    )


def _fingerprint(path: Path, other: Path | None) -> str:
    """The sha256 of the weights; of a head and the CLIP that it lacks, of both together."""
    if other is None:
        return fingerprint(path)
    both = fingerprint(path) + fingerprint_towers(other)
    return hashlib.sha256(both.encode()).hexdigest()


def _tell_of_training_state(path: Path) -> None:
    """Say what a training program stored beside the weights; it is left out."""
    file = weight_files(path)[0]
    if file.suffix not in PICKLES:
        return
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError):
        return  # of an older form that cannot be mapped; its weights were read all the same
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict) and len(loaded) > 1:
        more = ", ".join(sorted(str(key) for key in loaded if key != "model"))
        warnings.warn(f"{file} holds more than weights, which is left out: {more}.", stacklevel=3)


def published_state(network: ProposalNetwork) -> dict[str, Tensor]:
    """All tensors of a network by their names in published checkpoints."""
    transfer = network.transfer.state_dict() if network.transfer is not None else {}
    named: dict[str, Mapping[str, Tensor]] = {
        CLIP: network.clip.state_dict(),
        PIXELS: to_published(network.pixel_decoder.decoder.state_dict()),
        PREDICTOR: network.mask_decoder.state_dict(),
        TRANSFER: transfer,
    }
    state = {prefix + key: t for prefix, own in named.items() for key, t in own.items()}
    return {**state, VOID: network.void_embedding.weight}


def save_proposal_model(
    network: ProposalNetwork,
    folder: Path,
    dtype: torch.dtype | None = None,
    *,
    backbone: ConvClipNetwork | None = None,
) -> None:
    """Write a network as safetensors in the published names, with what no shape tells beside it.

    Args:
        network: any.
        folder: made if absent.
        dtype: precision to store in; None keeps the present one, scalars always do.
        backbone: a CLIP that is stored elsewhere: of the network's only what differs from it is
            written, and the file is read with ``backbone=``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = network.clip.config
    kept = {CLIP + key: tensor for key, tensor in backbone.state_dict().items()} if backbone else {}
    state = {
        key: tensor.detach().cpu().to(dtype if dtype and tensor.ndim else tensor.dtype).contiguous()
        for key, tensor in published_state(network).items()
        if key not in kept or not torch.equal(tensor.cpu(), kept[key].cpu())
    }
    stated: dict[str, object] = {
        "model_type": MODEL_TYPE,
        "decoder": {"heads": network.head.decoder_heads},
    }
    if backbone is None:
        stated["text"] = {"heads": config.text.heads}
        stated["vision"] = {"image_size": config.vision.image_size}
    elif changed := sum(key.startswith(CLIP) for key in state):
        stated["backbone"] = {"changed": changed}
    if network.transfer is not None:
        heads, form = network.transfer.multihead_attn.heads, network.transfer.form
        stated["transfer"] = {"heads": heads, "form": form}
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(stated, indent=2) + "\n", "utf-8")
