import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lexiseg.models.beit3 import Beit3Config, Beit3Network
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.clip.preprocess import MEAN, STD
from lexiseg.training.mini.beit3.network import prepare
from lexiseg.training.mini.beit3.start import (
    begin_with_clip,
    fit_norm,
    name_directions,
    resized,
    take_block,
    take_patches,
    trace,
)

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "", "dog", "cat"]


SIDE, WIDTH = 48, 128


@pytest.fixture(scope="module")
def clip() -> Clip:
    torch.manual_seed(0)
    vision = VisionConfig(WIDTH, 6, 2, 16, image_size=SIDE, embed_dim=WIDTH, activation="gelu")
    text = TextConfig(WIDTH, 1, 2, context=9, vocabulary=99, embed_dim=WIDTH)
    state = ClipNetwork(vision, text).state_dict()
    return Clip.from_state_dict(state, _tokenize, "cpu", "float32", activation="gelu")


def _tokenize(texts: list[str]) -> torch.Tensor:
    rows = [[len(text), sum(map(ord, text)) % 90, 98, 0, 0, 0, 0, 0, 0] for text in texts]
    return torch.tensor(rows)


def new_network() -> Beit3Network:
    config = Beit3Config(WIDTH, 6, 2, 4 * WIDTH, SIDE, 16, vocabulary=len(WORDS), text_positions=16)
    return Beit3Network(config).eval()


@torch.no_grad()
def test_the_vision_half_follows_clip(clip: Clip) -> None:
    network = new_network()
    pixels = torch.rand(12, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    tokens = take_patches(network, clip.visual, pixels)
    for ours, theirs in zip(network.encoder.layers, clip.visual.blocks, strict=True):
        tokens = take_block(ours, theirs, tokens)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    normal = clip.visual.embed((pixels - mean) / std)
    torch.testing.assert_close(tokens, clip.visual.run(normal), atol=1e-4, rtol=1e-4)
    reached = trace(network, 2 * pixels - 1)[1]
    wanted = clip.visual.run(normal, stop=1)
    assert F.cosine_similarity(reached, wanted, dim=-1).mean() > 0.9


@torch.no_grad()
def test_words_of_names_begin_with_their_directions(clip: Clip) -> None:
    network = new_network()
    pixels = torch.rand(12, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    begin_with_clip(network, clip, WORDS, pixels)
    rows = network.text_embed.weight
    spread = rows.std(dim=1, correction=0)
    torch.testing.assert_close(spread, torch.ones(len(WORDS)), atol=5e-3, rtol=0)
    directions = torch.linalg.svd(name_directions(clip), full_matrices=False).Vh[:64]
    compared = (rows @ directions.T).norm(dim=1)
    named = torch.tensor([word in ("dog", "cat") for word in WORDS])
    assert compared[named].min() > 3 * compared[~named].max()
    # Words pass the language half as they are.
    streams = network.embed_picture(2 * pixels[:1] - 1), rows[None]
    passed = network.encoder.layers[0](streams, None)[1]
    torch.testing.assert_close(passed[0], rows)


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
