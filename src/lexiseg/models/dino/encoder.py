"""A self-supervised encoder with its weights: pictures in, a feature for every patch out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.dino.config import config_of
from lexiseg.models.dino.layout import to_official
from lexiseg.models.dino.network import DinoNetwork, Facet
from lexiseg.models.dino.preprocess import Statistics
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import CONFIG, read_config, read_preprocessor
from lexiseg.models.weights import empty_weights, fingerprint, load_strictly, read_state


class Dino:
    """DINO, DINOv2 or DINOv3, ready to look at pictures.

    Args:
        network: on its device, in its precision.
        statistics: of the colors it was trained on.
        name: what to call it in results.
        fingerprint: sha256 of its weights.
    """

    def __init__(
        self,
        network: DinoNetwork,
        statistics: Statistics | None = None,
        name: str = "",
        fingerprint: str = "",
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.statistics = statistics or Statistics()
        self.name = name
        self.fingerprint = fingerprint

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> Dino:
        """Load a checkpoint.

        Args:
            source: known name ("dino-vits8", "mini-dino"), hub id, folder in transformers'
                format, or file in the official layout (``dino_deitsmall8_pretrain.pth``).
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the files do not hold such a network, or keys and shapes do not fit.
        """
        path = find_weights(source, revision, download)
        settings = read_config(path) if path.is_dir() else {}
        statistics = Statistics.from_huggingface(read_preprocessor(path))
        dino = cls.from_state_dict(
            read_state(path), device, dtype, settings=settings, origin=str(path)
        )
        dino.statistics, dino.name, dino.fingerprint = statistics, str(source), fingerprint(path)
        return dino

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        settings: Mapping[str, object] | None = None,
        origin: str = "The given weights",
    ) -> Dino:
        """Build from tensors in the official or transformers' key layout.

        Args:
            state: key -> tensor.
            device: "auto" or a torch device.
            dtype: "auto" or a precision.
            settings: content of config.json, which says what no shape tells.
            origin: what to call the tensors in messages.

        Raises:
            CheckpointError: keys or shapes do not fit.
        """
        official = to_official(state)
        chosen = choose_device(device)
        with empty_weights():
            network = DinoNetwork(config_of(official, settings, f"{origin}/{CONFIG}"))
        load_strictly(network, official, origin, choose_dtype(dtype, chosen))
        return cls(network.to(chosen))

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.cls_token.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return self.network.cls_token.dtype

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return self.network.config.patch_size

    @torch.inference_mode()
    def describe_patches(
        self, image: NDArray[np.uint8], stride: int | None = None, facet: Facet = "key"
    ) -> Tensor:
        """A feature for every patch.

        Args:
            image: (H, W, 3) uint8 RGB, at least one patch high and wide.
            stride: pixels from patch to patch, a divisor of the patch size, which is the default.
            facet: the last block's "query", "key" or "value".

        Returns:
            (rows, columns, D) float32.

        Raises:
            UsageError: the picture or the stride does not fit.
        """
        pixels = self.statistics.normalize(image, self.device)
        return self.network.patch_facet(pixels, stride, facet)[0].float()
