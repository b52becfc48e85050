"""ZeroCap: captions from a language model that CLIP steers (Tewel et al., CVPR 2022).

Zero-guidance (section 3.3 there) lets it caption the embeddings of segments. Nothing is trained.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.captioners.caption_choice import choose
from lexiseg.captioners.caption_search import CaptionSearch
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.embeddings import unit_rows
from lexiseg.captioners.text_scores import TextScores
from lexiseg.captioners.token_rules import TokenRules, forbidden_tokens
from lexiseg.config import override
from lexiseg.errors import CheckpointError, UsageError
from lexiseg.models.clip import Clip
from lexiseg.models.clip.prefix_text import PrefixTextEncoder
from lexiseg.models.gpt2 import Gpt2
from lexiseg.types import Description

END = "."
SEGMENTS = 20  # that are captioned together; bounds the memory


class ZeroCap:
    """Writes a caption for each segment.

    Args:
        clip: the one that embeds the segments; its text tower is asked.
        language_model: a loaded one, or a known name, hub id or folder of a GPT-2.
        options: fields of `ZeroCapConfig`.

    Raises:
        UnknownNameError: no such option.
        WeightsNotFoundError: the language model is not on this machine.
        UsageError: prompt and caption are longer than the language model can read.

    Example:
        >>> from lexiseg.registry import CAPTIONERS
        >>> clip = Clip.load("clip-vit-l14-336")                           # doctest: +SKIP
        >>> captioner = CAPTIONERS["zerocap"](clip, beams=3)               # doctest: +SKIP
        >>> captioner.describe(torch.randn(1, 768))[0].text                # doctest: +SKIP
        'small cat'
    """

    def __init__(
        self, clip: Clip, language_model: Gpt2 | str | Path = "gpt2-medium", **options: object
    ) -> None:
        self.clip = clip
        self.config = override(ZeroCapConfig(), options)
        self.model = (
            language_model
            if isinstance(language_model, Gpt2)
            else Gpt2.load(language_model, clip.device)
        )
        self._texts = PrefixTextEncoder(clip)
        self._search = self._build_search()
        self._prompt = self._encode_prompt()

    @property
    def name(self) -> str:
        """What the language model's weights are called."""
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """The sha256 of the language model's weights."""
        return self.model.fingerprint

    @property
    def dtype(self) -> torch.dtype:
        """The precision the language model computes in."""
        return self.model.dtype

    def _build_search(self) -> CaptionSearch:
        network, tokenizer = self.model.network, self.model.tokenizer
        if END not in tokenizer.pieces:
            raise CheckpointError(f"{self.model.name} has no token {END!r}, which ends captions.")
        rules = TokenRules(
            tokenizer.pieces.index(END),
            forbidden_tokens(tokenizer.pieces),
            network.vocabulary,
            self.config,
            network.device,
        )
        return CaptionSearch(network, TextScores(tokenizer, self._texts), rules, self.config)

    def _encode_prompt(self) -> Tensor:
        tokenizer = self.model.tokenizer
        tokens = [tokenizer.start, *tokenizer.encode(self.config.prompt)]
        readable = self.model.network.config.n_positions
        if len(tokens) + self.config.max_tokens > readable:
            raise UsageError(
                f"A prompt of {len(tokens)} tokens and captions of {self.config.max_tokens} do not "
                f"fit the {readable} tokens that {self.model.name} can read; shorten one."
            )
        return torch.tensor(tokens, device=self.model.network.device)

    def describe(self, embeddings: Tensor) -> list[Description]:
        """Caption segments.

        Args:
            embeddings: (K, D) float, in CLIP's common space.

        Returns:
            For each segment its best caption as a label, and the labels of the other beams.
        """
        with torch.inference_mode(False):  # gradients flow inside
            images = unit_rows(embeddings, self.clip).to(self.model.network.device, copy=True)
            groups = torch.split(images, SEGMENTS) if len(images) else ()
            return list(chain.from_iterable(self._describe_group(group) for group in groups))

    def _describe_group(self, images: Tensor) -> list[Description]:
        captions = self.captions(images)
        sentences = [f"{self.config.prompt} {text}." for texts in captions for text in texts]
        features = self._texts(sentences).view(len(images), -1, images.shape[1])
        cosines = torch.einsum("sbd,sd->sb", features, images.to(features)).clamp(-1, 1)
        return [
            choose(texts, scores, self.config.clean_up)
            for texts, scores in zip(captions, cosines.tolist(), strict=True)
        ]

    def captions(self, images: Tensor) -> list[list[str]]:
        """The raw captions of each unit embedding (K, D), by their rank in the beam search."""
        decode = self.model.tokenizer.decode
        found = self._search(self._prompt, images)
        return [[decode(tokens) for tokens in beams.captions()[0]] for beams in found]
