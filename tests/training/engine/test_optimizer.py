import torch

from lexiseg.training.engine.optimizer import Optimizer, orthogonalize


def test_singular_values_become_near_one_and_directions_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((6, 20), (20, 6)):
        matrix = torch.randn(shape, generator=generator)
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        new = orthogonalize(matrix)
        values = torch.linalg.svdvals(new)
        assert values.min() > 0.5 and values.max() < 1.3
        core = left.T @ new @ right.T
        torch.testing.assert_close(core, torch.diag(torch.diag(core)), atol=2e-2, rtol=0)


def test_only_block_matrices_are_orthogonalized_and_all_parameters_move() -> None:
    linear = torch.nn.Linear
    module = torch.nn.ModuleDict({"resblocks": linear(4, 4), "head": linear(4, 2)})
    optimizer = Optimizer(module)
    assert list(optimizer.matrices) == ["resblocks.weight"]
    before = [p.detach().clone() for p in module.parameters()]
    module["head"](module["resblocks"](torch.ones(3, 4))).square().sum().backward()
    optimizer.step(0.01)
    assert all(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert all(p.grad is None for p in module.parameters())
