"""A loaded convolutional CLIP: network, tokenizer and preprocessing together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.models.clip import BpeTokenizer, Preprocessing, Tokenizer
from lexiseg.models.clip.text_features import TextFeatures
from lexiseg.models.clip.vision import encode_in_batches
from lexiseg.models.conv_clip.network import ConvClipNetwork
from lexiseg.models.conv_clip.reading import fingerprint_towers, read_towers
from lexiseg.models.conv_clip.sizes import read_sizes
from lexiseg.models.conv_clip.tower import ConvTower
from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.hub import find_weights
from lexiseg.models.side_files import read_preprocessor
from lexiseg.models.weights import empty_weights, load_strictly


class ConvClip:
    """Image and text encoder with frozen weights, asked like `lexiseg.models.clip.Clip`.

    Args:
        network: filled; it is put into evaluation mode and frozen.
        tokenizer: list of strings -> (N, context) int64.
        preprocessing: what the weights expect of pictures.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.
    """

    def __init__(
        self,
        network: ConvClipNetwork,
        tokenizer: Tokenizer,
        preprocessing: Preprocessing | None = None,
        name: str = "",
        fingerprint: str = "",
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing or Preprocessing(network.visual.image_size)
        self.name = name
        self.fingerprint = fingerprint
        self.logit_scale = float(network.logit_scale.float().exp())
        self._texts = TextFeatures(network.text, lambda texts: self.tokenizer(texts))

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> ConvClip:
        """Load a checkpoint.

        Args:
            source: known name ("convnext-large-d-320"), hub id, folder with an open_clip or our own
                checkpoint, or a file with the state dict of either or of OpenAI's ResNets and the
                tokenizer's files beside it.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the files do not hold such a CLIP, or keys and shapes do not fit.
        """
        path = find_weights(source, revision, download)
        state, place = read_towers(path), choose_device(device)
        config = read_sizes(path, state)
        with empty_weights():
            network = ConvClipNetwork(config)
        load_strictly(network, state, str(path), choose_dtype(dtype, place))
        folder = path if path.is_dir() else path.parent
        words = BpeTokenizer(folder, config.text.context)
        looks = Preprocessing.from_huggingface(read_preprocessor(path), config.vision.image_size)
        return cls(network.to(place), words, looks, str(source), fingerprint_towers(path))

    @property
    def visual(self) -> ConvTower:
        """The image tower."""
        return self.network.visual

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.logit_scale.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.network.visual.parameters()).dtype

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of texts in their order, each distinct string encoded once."""
        return self._texts(texts)

    def image_features(self, pixels: Tensor) -> Tensor:
        """Features (B, E) float32 of normalized pixels (B, 3, H, W)."""
        return encode_in_batches(self.visual, pixels, self.device, self.dtype)
