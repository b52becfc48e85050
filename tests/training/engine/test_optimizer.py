"""Steps of the optimizers, beside slow twins written from the papers."""

import copy

import torch
from torch import Tensor, nn

from lexiseg.training.engine.optimizer import Optimizer, decayed, muon_and_adamw

RATE, DECAY, MOMENTUM = 0.02, 0.05, 0.95


def nearest_orthogonal(matrix: Tensor) -> Tensor:
    """Newton-Schulz as Jordan et al. write it, in double precision."""
    x = matrix.double() / matrix.double().norm()
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(5):
        gram = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * gram + 2.0315 * gram @ gram) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


def muon_twin(matrix: Tensor, gradients: list[Tensor]) -> Tensor:
    """Momentum, orthogonalised and as large as an Adam step (Moonshot's 0.2 sqrt(max))."""
    held, weights = torch.zeros_like(matrix).double(), matrix.double()
    for gradient in gradients:
        held = MOMENTUM * held + gradient
        blend = gradient + MOMENTUM * held
        size = 0.2 * max(matrix.shape) ** 0.5
        weights = weights * (1 - RATE * DECAY) - RATE * size * nearest_orthogonal(blend)
    return weights


def test_block_matrices_step_as_muon_and_the_rest_as_adamw() -> None:
    torch.manual_seed(0)
    for shape in ((6, 20), (20, 6)):
        module = nn.ModuleDict({"resblocks": nn.Linear(*shape), "head": nn.Linear(4, 2)})
        before, plain = copy.deepcopy(module), copy.deepcopy(module["head"])
        adam = torch.optim.AdamW(decayed(plain.parameters(), DECAY), lr=RATE, betas=(0.9, 0.98))
        optimizer = muon_and_adamw(module, weight_decay=DECAY)
        seen = []
        for _ in range(3):
            for part, own in ((module["resblocks"], None), (module["head"], plain)):
                for p, twin in zip(part.parameters(), (own or part).parameters(), strict=True):
                    p.grad = torch.randn_like(p)
                    twin.grad = p.grad.clone()
            seen.append(module["resblocks"].weight.grad.clone())
            optimizer.step(RATE)
            adam.step()
        for p, twin in zip(module["head"].parameters(), plain.parameters(), strict=True):
            assert torch.equal(p, twin)
        expected = muon_twin(before["resblocks"].weight.detach(), seen)
        moved = (expected - before["resblocks"].weight).abs().max()
        difference = (module["resblocks"].weight - expected).abs().max()
        assert difference < 0.03 * moved  # torch iterates in bfloat16
        assert all(p.grad is None for p in module.parameters())


def test_only_what_has_two_axes_decays() -> None:
    matrix, scale = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    groups = decayed([matrix, scale], 0.5)
    assert [(g["params"], g["weight_decay"]) for g in groups] == [([matrix], 0.5), ([scale], 0.0)]
    assert decayed([scale], 0.5) == [{"params": [scale], "weight_decay": 0.0}]


def test_a_saved_state_continues_exactly() -> None:
    def run(module: nn.Module, optimizer: Optimizer, steps: range) -> None:
        for step in steps:
            x = torch.randn(3, 4, generator=torch.Generator().manual_seed(step))
            module["head"](module["resblocks"](x)).square().sum().backward()
            optimizer.step(RATE)

    whole = nn.ModuleDict({"resblocks": nn.Linear(4, 4), "head": nn.Linear(4, 2)})
    half = copy.deepcopy(whole)
    run(whole, muon_and_adamw(whole), range(6))
    first = muon_and_adamw(half)
    run(half, first, range(3))
    later = copy.deepcopy(half)
    second = muon_and_adamw(later)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    run(later, second, range(3, 6))
    for p, other in zip(whole.parameters(), later.parameters(), strict=True):
        assert torch.equal(p, other)
