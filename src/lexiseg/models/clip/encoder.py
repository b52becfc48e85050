"""A loaded CLIP: network, tokenizer and preprocessing together, for those who ask it questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.models.clip.layout import infer_configs, to_openai
from lexiseg.models.clip.model import ClipNetwork
from lexiseg.models.clip.preprocess import Preprocessing
from lexiseg.models.clip.pretrained import Pretrained, read_pretrained, save_pretrained
from lexiseg.models.clip.text_features import TextFeatures
from lexiseg.models.clip.tokenizer import BpeTokenizer, Tokenizer
from lexiseg.models.clip.vision import (
    PLAIN_POSITIONS,
    PositionTable,
    VisionTower,
    encode_in_batches,
)
from lexiseg.models.device import choose_device
from lexiseg.models.hub import find_weights
from lexiseg.models.weights import fingerprint


class Clip:
    """Image and text encoder with frozen weights.

    Features come in float32 whatever the precision of the network, and are not normalized.

    Args:
        network: filled; it is put into evaluation mode and frozen.
        tokenizer: list of strings -> (N, context) int64.
        preprocessing: what the weights expect of pictures.
        name: what to call the weights in results.
        fingerprint: sha256 of the weights.
    """

    def __init__(
        self,
        network: ClipNetwork,
        tokenizer: Tokenizer,
        preprocessing: Preprocessing,
        name: str,
        fingerprint: str,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
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
        position: PositionTable = PLAIN_POSITIONS,
        tokenizer: Tokenizer | None = None,
    ) -> Clip:
        """Load a checkpoint.

        Args:
            source: known name ("clip-vit-b16"), hub id, folder in Hugging Face's CLIP format, or
                file with an OpenAI-layout state dict and its tokenizer files beside it.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            revision: branch, tag or commit on the hub.
            download: allow fetching from the hub what is not in its cache.
            position: how position tables are fitted to other image sizes.
            tokenizer: replaces the checkpoint's own.

        Raises:
            WeightsNotFoundError: not on this machine.
            CheckpointError: the files do not hold a CLIP, or keys and shapes do not fit.
        """
        path = find_weights(source, revision, download)
        pretrained = read_pretrained(path)
        network = pretrained.build(choose_device(device), dtype, position)
        folder = path if path.is_dir() else path.parent
        words = tokenizer or BpeTokenizer(folder, pretrained.text.context)
        return cls(network, words, pretrained.preprocessing, str(source), fingerprint(path))

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        tokenizer: Tokenizer,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        *,
        head_dim: int = 64,
        activation: str = "quick_gelu",
        position: PositionTable = PLAIN_POSITIONS,
    ) -> Clip:
        """Build from tensors in OpenAI's (or Hugging Face's) key layout; sizes follow from shapes.

        Raises:
            CheckpointError: keys or shapes do not fit.

        Example:
            >>> from lexiseg.models.clip import ClipNetwork, TextConfig, VisionConfig
            >>> vision = VisionConfig(64, 2, heads=1, patch_size=8, image_size=32, embed_dim=16)
            >>> text = TextConfig(64, 2, heads=1, context=9, vocabulary=99, embed_dim=16)
            >>> state = ClipNetwork(vision, text).state_dict()
            >>> clip = Clip.from_state_dict(state, lambda texts: torch.ones(len(texts), 9).long())
            >>> clip.text_features(["a cat", "a dog"]).shape
            torch.Size([2, 16])
        """
        tensors = to_openai(state)
        vision, text = infer_configs(tensors, head_dim, activation)
        pretrained = Pretrained(
            vision, text, Preprocessing(vision.image_size), tensors, "the state dict"
        )
        network = pretrained.build(choose_device(device), dtype, position)
        return cls(network, tokenizer, pretrained.preprocessing, "state dict", fingerprint(state))

    @property
    def visual(self) -> VisionTower:
        """The image tower."""
        return self.network.visual

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.visual.proj.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return self.visual.proj.dtype

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of texts in their order, each distinct string encoded once."""
        return self._texts(texts)

    def image_features(self, pixels: Tensor) -> Tensor:
        """Features (B, E) float32 of normalized pixels (B, 3, H, W)."""
        return encode_in_batches(self.visual, pixels, self.device, self.dtype)

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> Path:
        """Write a folder in Hugging Face's CLIP format, tokenizer included if it has files.

        Args:
            folder: created if needed.
            dtype: precision to store in; None keeps the present one.
        """
        written = save_pretrained(self.network, folder, self.preprocessing, dtype)
        if isinstance(self.tokenizer, BpeTokenizer):
            self.tokenizer.save(written)
        return written
