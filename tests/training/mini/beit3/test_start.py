import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lexiseg.models.beit3 import Beit3Config, Beit3Network
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig
from lexiseg.training.mini.beit3.network import prepare
from lexiseg.training.mini.beit3.start import begin_with_clip, fit_norm, resized

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "", "dog", "cat"]


@pytest.fixture(scope="module")
def clip() -> Clip:
    torch.manual_seed(0)
    vision = VisionConfig(64, 2, 1, 16, image_size=48, embed_dim=64, activation="gelu")
    text = TextConfig(64, 1, 1, context=9, vocabulary=99, embed_dim=64)
    network = ClipNetwork(vision, text)

    def tokenize(texts: list[str]) -> torch.Tensor:
        return torch.tensor(
            [[len(word), sum(map(ord, word)) % 90, 98, 0, 0, 0, 0, 0, 0] for word in texts]
        )

    state = network.state_dict()
    return Clip.from_state_dict(state, tokenize, "cpu", "float32", activation="gelu")


def test_the_vision_half_follows_clip(clip: Clip) -> None:
    config = Beit3Config(64, 2, 1, 256, 48, 16, vocabulary=len(WORDS), text_positions=16)
    network = Beit3Network(config)
    pixels = torch.rand(12, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    begin_with_clip(network, clip, WORDS, pixels)
    with torch.no_grad():
        ours = network.eval()(2 * pixels - 1)[:, 0] @ clip.visual.proj
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in _statistics())
        theirs = clip.visual((pixels - mean) / std)
    assert F.cosine_similarity(ours, theirs).mean() > 0.9
    for block in network.encoder.layers:
        assert torch.equal(block.ffn.A.fc1.weight, block.ffn.B.fc1.weight)
    rows = network.text_embed.weight.square().mean(dim=1)
    torch.testing.assert_close(rows, rows[0].expand_as(rows))


def _statistics() -> tuple[tuple[float, ...], tuple[float, ...]]:
    from lexiseg.models.clip.preprocess import MEAN, STD

    return MEAN, STD


def test_a_fitted_norm_changes_least() -> None:
    chance = torch.Generator().manual_seed(0)
    values = torch.randn(300, 6, generator=chance) * torch.arange(1, 7) + 3
    norm = nn.LayerNorm(6)
    with torch.no_grad():
        fit_norm(norm, values)
        normal = F.layer_norm(values, (6,))
        for column in range(6):
            design = np.stack([normal[:, column].numpy(), np.ones(300)], axis=1)
            (scale, offset), *_ = np.linalg.lstsq(design, values[:, column].numpy(), rcond=None)
            assert abs(float(norm.weight[column]) - scale) < 1e-3
            assert abs(float(norm.bias[column]) - offset) < 1e-3


@pytest.mark.parametrize("patch", [8, 16, 32])
def test_a_kernel_of_another_size_keeps_its_answer_to_flat_color(patch: int) -> None:
    kernel = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    fitted = resized(kernel, patch)
    assert fitted.shape == (5, 3, patch, patch)
    if patch >= 16:  # enlarging keeps sums; shrinking bilinearly samples
        torch.testing.assert_close(fitted.sum((2, 3)), kernel.sum((2, 3)), atol=0.3, rtol=0.05)


def test_pictures_come_as_the_real_preprocessing_gives_them() -> None:
    from lexiseg.models.beit3.preprocess import prepare_picture

    image = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    ours = prepare(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    torch.testing.assert_close(ours, prepare_picture(image, ours.shape[-1]))
