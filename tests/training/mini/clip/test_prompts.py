import numpy as np
import torch

from lexiseg.methods.car.visual_prompts import draw_prompts, surroundings
from lexiseg.training.mini.clip.prompts import PromptOdds, ring, spotlight


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    pixels = torch.rand(2, 3, 224, 224, generator=generator)
    regions = torch.zeros(2, 1, 224, 224)
    regions[:, :, 60:140, 80:180] = 1
    return pixels, regions


def test_inside_stays_and_outside_changes() -> None:
    pixels, regions = scene()
    odds = PromptOdds(blur=0, grey=0, black=1, circle=0)
    lit = spotlight(pixels, regions, torch.Generator(), odds)
    assert torch.equal(lit, pixels * regions)


def test_without_any_prompt_nothing_changes() -> None:
    pixels, regions = scene()
    assert torch.equal(
        spotlight(pixels, regions, torch.Generator(), PromptOdds(0, 0, 0, 0)), pixels
    )


def test_prompts_look_like_those_of_car() -> None:
    pixels, regions = scene()
    ours = spotlight(
        pixels, regions, torch.Generator(), PromptOdds(blur=1, grey=0, black=0, circle=1)
    )
    image = (pixels[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    mask = regions[0, 0].numpy() > 0
    theirs = draw_prompts(image, surroundings(image, ("blur",)), mask, ("blur", "circle"))
    gap = np.abs(ours[0].permute(1, 2, 0).numpy() * 255 - theirs)
    assert np.median(gap) < 1.0
    assert gap.mean() < 4.0


def test_the_ring_touches_the_box_of_its_region() -> None:
    _, regions = scene()
    line = ring(regions, 1.0)[0, 0] > 0.3
    rows, columns = torch.nonzero(line.any(1))[:, 0], torch.nonzero(line.any(0))[:, 0]
    assert abs(int(rows[0]) - 60) <= 1 and abs(int(rows[-1]) - 139) <= 1
    assert abs(int(columns[0]) - 80) <= 1 and abs(int(columns[-1]) - 179) <= 1
