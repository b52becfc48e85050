"""A loaded GPT-2: network and tokenizer together."""

from __future__ import annotations

from pathlib import Path

import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.gpt2.network import Gpt2Network
from lexiseg.models.gpt2.tokenizer import Gpt2Tokenizer
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, blaming, read_config
from lexiseg.models.weights import fingerprint, read_state


class Gpt2:
    """A language model with frozen weights.

    Args:
        network: filled.
        tokenizer: its own.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.

    Raises:
        CheckpointError: network and tokenizer have different numbers of tokens.
    """

    def __init__(
        self, network: Gpt2Network, tokenizer: Gpt2Tokenizer, name: str, fingerprint: str
    ) -> None:
        if len(tokenizer) != network.vocabulary:
            raise CheckpointError(
                f"{name} has {network.vocabulary} token embeddings, but its tokenizer has "
                f"{len(tokenizer)} tokens."
            )
        self.network = network
        self.tokenizer = tokenizer
        self.name = name
        self.fingerprint = fingerprint

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.network.parameters()).dtype

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "float32",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> Gpt2:
        """Load a checkpoint.

        Args:
            source: known name ("gpt2-medium", "mini-gpt2"), hub id, or folder in Hugging Face's
                format.
            device: "auto" or a torch device.
            dtype: "float32", or another precision where rounded gradients are acceptable.
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the files do not hold a GPT-2, or keys and shapes do not fit.
        """
        from transformers import GPT2Config

        path = find_weights(source, revision, download)
        folder = path if path.is_dir() else path.parent
        settings = read_config(folder)
        if settings.get("model_type") != "gpt2":
            raise CheckpointError(
                f"{folder / CONFIG}: model_type is {settings.get('model_type')!r}; expected 'gpt2'."
            )
        place = choose_device(device)
        precision = choose_dtype(dtype, place)
        state = read_state(path)
        with blaming(folder / CONFIG, "GPT-2"):
            network = Gpt2Network.from_state_dict(
                state, GPT2Config(**settings), origin=str(path), dtype=precision
            )
        return cls(network.to(place), Gpt2Tokenizer(folder), str(source), fingerprint(path))
