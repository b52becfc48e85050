"""BEiT-3 with its weights and tokenizer: one vector for every pair of picture and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.models.beit3.config import Beit3Config, config_of
from lexiseg.models.beit3.layout import read_layout
from lexiseg.models.beit3.network import Beit3Network
from lexiseg.models.beit3.preprocess import prepare_picture
from lexiseg.models.beit3.tokenizer import Beit3Tokenizer
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, read_config
from lexiseg.models.weights import fingerprint, load_strictly, read_state

PAIRS_AT_ONCE = 16  # of picture and text in one pass, on an accelerator


class Beit3:
    """BEiT-3, ready to read.

    Args:
        network: on its device, in its precision.
        tokenizer: None where only tokens are given.
        name: what to call it in results.
        fingerprint: sha256 of its weights.
        ignored: beginnings of keys in its file that are not its own.
    """

    def __init__(
        self,
        network: Beit3Network,
        tokenizer: Beit3Tokenizer | None = None,
        name: str = "",
        fingerprint: str = "",
        ignored: tuple[str, ...] = (),
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.name, self.fingerprint, self.ignored = name, fingerprint, ignored

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        tokenizer: str | Path | None = None,
        revision: str | None = None,
        download: bool = False,
    ) -> Beit3:
        """Load a checkpoint.

        Args:
            source: known name, hub id, folder, or file: ``beit3_*.pth``, an EVF-SAM or
                OpenWorldSAM checkpoint, or safetensors in the same layout.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            tokenizer: beit3.spm or tokenizer.json; by default what lies beside the weights.
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: weights or tokenizer are not on this machine.
            CheckpointError: the files do not hold a BEiT-3, config.json makes no sense, or keys and
                shapes do not fit.
        """
        path = find_weights(source, revision, download)
        folder = path if path.is_dir() else path.parent
        settings = read_config(path) if (path / CONFIG).is_file() else {}
        beit3 = cls.from_state_dict(
            read_state(path), device, dtype, heads=settings.get("heads"), origin=str(path)
        )
        longest = min(Beit3Tokenizer(tokenizer or folder).longest, beit3.config.longest_text)
        beit3.tokenizer = Beit3Tokenizer(tokenizer or folder, longest)
        beit3.name, beit3.fingerprint = str(source), fingerprint(path)
        return beit3

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        heads: int | None = None,
        origin: str = "The given weights",
    ) -> Beit3:
        """Build from tensors in a published key layout.

        Args:
            state: key -> tensor.
            device: "auto" or a torch device.
            dtype: "auto" or a precision.
            heads: number of attention heads; None for heads 64 wide.
            origin: what to call the tensors in messages.

        Raises:
            CheckpointError: keys or shapes do not fit.
        """
        layout = read_layout(state, origin)
        chosen = choose_device(device)
        with torch.device("meta"):
            network = Beit3Network(config_of(layout.state, heads))
        load_strictly(network, layout.state, origin, choose_dtype(dtype, chosen))
        return cls(network.to(chosen), ignored=layout.ignored)

    @property
    def config(self) -> Beit3Config:
        """Sizes of the network."""
        return self.network.config

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.text_embed.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network."""
        return self.network.text_embed.weight.dtype

    @property
    def width(self) -> int:
        """Length of the vectors."""
        return self.config.width

    def prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """Normalised pixels (1, 3, s, s) float32 of an (H, W, 3) uint8 RGB picture."""
        return prepare_picture(image, self.config.image_size, self.device)

    @torch.inference_mode()
    def pair_features(self, pixels: Tensor | None, texts: Sequence[str]) -> Tensor:
        """What stands for each pair of one picture and a text, after both looked at each other.

        Texts of similar length go together, but for a processor, which has enough to do with a
        single one: there a vector is the same to the last bit whatever else is asked. The same text
        twice is read once.

        Args:
            pixels: from `prepare`; None reads the texts alone.
            texts: any number.

        Returns:
            (N, D) float32.
        """
        distinct = list(dict.fromkeys(texts))
        assert self.tokenizer is not None
        tokens, padding = self.tokenizer(distinct)
        lengths = (~padding).sum(dim=1)
        vectors = torch.empty(len(distinct), self.width, device=self.device)
        at_once = 1 if self.device.type == "cpu" else PAIRS_AT_ONCE
        for rows in torch.split(lengths.argsort(), at_once):
            longest = int(lengths[rows].max())
            part = tokens[rows, :longest].to(self.device), padding[rows, :longest].to(self.device)
            vectors[rows.to(self.device)] = self.network(pixels, *part)[:, 0].float()
        where = {text: row for row, text in enumerate(distinct)}
        return vectors[torch.tensor([where[text] for text in texts], device=self.device)]
