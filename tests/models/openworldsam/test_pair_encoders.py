"""The other encoders of Table 4 in the adapter's slot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.models.beit3 import Beit3, Beit3Config, Beit3Network
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.openworldsam.pair_encoders import LateFusion, TextAlone

TEXTS = ["dog", "a cat", "dog"]


@pytest.fixture
def clip() -> Clip:
    torch.manual_seed(0)
    vision = VisionConfig(64, 2, heads=1, patch_size=8, image_size=32, embed_dim=16)
    text = TextConfig(64, 2, heads=1, context=9, vocabulary=99, embed_dim=16)

    def tokens(texts):
        rows = [[len(text), *map(ord, text)] for text in texts]
        return torch.tensor([[n % 90 for n in row][:8] + [98] * (9 - len(row[:8])) for row in rows])

    return Clip.from_state_dict(ClipNetwork(vision, text).state_dict(), tokens, "cpu", "float32")


@pytest.fixture
def beit3() -> Beit3:
    torch.manual_seed(0)
    network = Beit3Network(Beit3Config(32, 2, 4, 48, 48, 16, vocabulary=60, text_positions=20))

    class Letters:
        def __call__(self, texts):
            rows = [[0, *(4 + ord(letter) % 50 for letter in text), 2] for text in texts]
            width = max(map(len, rows))
            tokens = torch.tensor([row + [1] * (width - len(row)) for row in rows])
            return tokens, tokens == 1

    return Beit3(network, Letters(), name="tiny", fingerprint="f")


def pictures():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(2)]


def test_text_alone_does_not_look(clip: Clip, beit3: Beit3) -> None:
    for encoder, width in ((clip, 16), (beit3, 32)):
        slot = TextAlone(encoder)
        one, other = (slot.pair_features(slot.prepare(image), TEXTS) for image in pictures())
        assert torch.equal(one, other) and one.shape == (3, width) == (3, slot.width)
        assert torch.equal(one[0], one[2]) and not torch.equal(one[0], one[1])
    torch.testing.assert_close(
        TextAlone(beit3).pair_features(None, TEXTS), beit3.pair_features(None, TEXTS)
    )


def test_late_fusion_puts_both_vectors_side_by_side(clip: Clip) -> None:
    slot = LateFusion(clip)
    for image in pictures():
        vectors = slot.pair_features(slot.prepare(image), TEXTS)
        assert vectors.shape == (3, 32) == (3, slot.width)
        assert torch.equal(vectors[:, :16], clip.text_features(TEXTS))
        seen = clip.image_features(clip.preprocessing.squares([image]))
        assert torch.equal(vectors[:, 16:], seen.expand(3, -1))


def test_each_use_of_the_same_weights_has_a_name_of_its_own(clip: Clip) -> None:
    prints = {clip.fingerprint, TextAlone(clip).fingerprint, LateFusion(clip).fingerprint}
    assert len(prints) == 3
