"""The proposal generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.methods.car import CaR
from lexiseg.methods.car.config import RELEASED, CarConfig
from lexiseg.methods.car.proposals import ProposalGenerator, enlarge
from lexiseg.methods.car.scene import fit_to_patches
from lexiseg.models.clip import Clip
from lexiseg.ops.affinity import symmetric_affinity
from lexiseg.ops.stopwatch import Stopwatch

Paint = Callable[..., NDArray[np.uint8]]


def test_one_query_without_background_finds_nothing(car: CaR, picture: Paint) -> None:
    generator = ProposalGenerator(car.proposal, car.config)
    assert not generator(car.encode(picture()), ["cat"], [], 0, Stopwatch()).any()


def test_sentences_compete_with_the_background_alone(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    separate = ProposalGenerator(car.proposal, car.config, separate=True)
    names, background = ["cat", "boat", "lamp"], ["sky", "water"]
    together = separate(scene, names, background, 0, Stopwatch())
    joint = ProposalGenerator(car.proposal, car.config)
    for name, row in zip(names, together, strict=True):
        alone = joint(scene, [name], background, 0, Stopwatch())[0]
        torch.testing.assert_close(row, alone, atol=1e-4, rtol=0)


def test_a_map_that_the_background_swallows_is_made_without_it(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    generator = ProposalGenerator(car.proposal, car.config)
    queries = generator.text_embeddings(["cat", "boat"], "{}")
    certain = torch.nn.functional.normalize(scene.last_block.embedding, dim=0)[None]
    scale, car.proposal.logit_scale = car.proposal.logit_scale, 1e4
    try:
        maps, retried = generator.activation_maps(scene, queries, certain)
        alone, _ = generator.activation_maps(scene, queries, certain[:0])
    finally:
        car.proposal.logit_scale = scale
    assert retried.all()
    torch.testing.assert_close(maps, alone)


def test_only_maps_that_are_empty_are_made_again() -> None:
    """Three directions of the embedding are three patches, so that gradients can be read off.

    The second query's gradient (-0.5, 0.5) is below the mean of all texts in both directions of the
    tangent plane; against the first query alone its second one is above.
    """
    embedding = torch.tensor([1.0, 0.0, 0.0])
    tangents = torch.tensor([[0.5, 0.0], [-0.5, 0.5], *[[0.0, 0.8]] * 3])
    along = (1 - tangents.square().sum(dim=1)).sqrt()
    texts = torch.cat([along[:, None], tangents], dim=1)
    block = SimpleNamespace(
        embedding=embedding, activation=torch.eye(3), channel_weights=lambda gradients: gradients
    )
    generator = ProposalGenerator(SimpleNamespace(logit_scale=1.0), CarConfig())  # type: ignore[arg-type]
    scene = SimpleNamespace(last_block=block)
    maps, retried = generator.activation_maps(scene, texts[:2], texts[2:])  # type: ignore[arg-type]
    assert retried.tolist() == [False, True]
    torch.testing.assert_close(maps, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))


def test_first_step_words_differ_only_in_the_released_code(proposal: Clip, car: CaR) -> None:
    paper = ProposalGenerator(proposal, car.config)
    released = ProposalGenerator(proposal, replace(car.config, procedure=RELEASED))
    assert paper.template(0) == paper.template(1) == released.template(1)
    assert released.template(0) == "{}"


def test_braces_in_a_name_are_kept(car: CaR) -> None:
    generator = ProposalGenerator(car.proposal, car.config)
    assert generator.text_embeddings(["a {} {0}"], "photo of {}").shape == (1, 24)


def test_enlarging_is_bilinear_at_pixel_centers() -> None:
    maps = torch.tensor([[0.0, 1.0]])
    wide = enlarge(maps, (1, 2), (1, 4))
    torch.testing.assert_close(wide[0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0]))


def test_patches_that_do_not_divide_the_multiple_are_cut(picture: Paint) -> None:
    assert fit_to_patches(picture(52, 75), 14, 16).shape == (56, 70, 3)
    assert fit_to_patches(picture(52, 75), 16, 16).shape == (64, 80, 3)
    assert fit_to_patches(picture(5, 3), 32, 16).shape == (32, 32, 3)
    assert fit_to_patches(picture(52, 75), 16, 8).shape == (48, 80, 3)  # of 56 x 80


def test_the_affinity_is_of_the_last_blocks_and_of_all_where_there_are_fewer(
    proposal: Clip, car: CaR, picture: Paint
) -> None:
    scene = car.configured(attention_blocks=1).encode(picture())
    expected = symmetric_affinity(scene.last_block.attention[1:, 1:])
    torch.testing.assert_close(scene.affinity, expected)
    blocks = len(proposal.visual.blocks)
    more, all_of_them, default = (
        car.configured(attention_blocks=count).encode(picture()).affinity
        for count in (blocks + 5, blocks, 8)
    )
    torch.testing.assert_close(more, all_of_them)
    assert not torch.allclose(default, all_of_them)
