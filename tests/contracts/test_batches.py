"""Pictures encoded together give the scenes and the answers of pictures encoded one by one."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch

from lexiseg.types import Method, Result
from tests.contracts.method_kinds import DENSE, KINDS, load

NAMES = "dog, grass, sky"
SMALL = {"short_side": 64, "long_side": 128, "window": 48, "stride": 24}  # less to compute
# In double precision, but for what some networks compute in single whatever is asked.
BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-4}


def picture(height: int, width: int, seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


# The first and the last are of one size.
PICTURES = [picture(6, 10, 0), picture(5, 6, 1), picture(6, 10, 2)]
ENCODERS = [kind for kind in KINDS if ", " not in kind]  # those differ in what follows


def tensors(thing: Any, seen: set[int]) -> list[torch.Tensor]:
    """Every tensor of a scene, in the order of its fields; not those of its networks."""
    if isinstance(thing, torch.Tensor):
        return [thing]
    if id(thing) in seen or isinstance(thing, torch.nn.Module):
        return []
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        parts = thing
    elif is_dataclass(thing):
        parts = [getattr(thing, part.name) for part in fields(thing)]
    elif type(thing).__name__ in ("LastBlock", "PairVectors", "PromptedMasks"):
        parts = [vars(thing)[name] for name in sorted(vars(thing))]
    else:
        return []
    return [one for part in parts for one in tensors(part, seen)]


def ask(method: Method, scene: Any) -> Result:
    return method.label(scene) if "label" in method.verbs else method.segment(scene, NAMES)


@pytest.fixture(scope="module", params=ENCODERS)
def method(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    small = SMALL if request.param in DENSE else {}
    return load(request.param, tmp_path_factory.mktemp("weights"), dtype=torch.float64, **small)


def test_pictures_of_a_batch_are_seen_and_answered_as_alone(method: Any) -> None:
    together = method.encode_many(PICTURES)
    assert len(together) == len(PICTURES)
    for image, scene in zip(PICTURES, together, strict=True):
        alone = method.encode(image)
        assert np.array_equal(scene.image, image)
        assert scene.encoded_with == alone.encoded_with
        expected, found = tensors(alone, set()), tensors(scene, set())
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            bound = BOUNDS.get(other.dtype, 0.0)
            torch.testing.assert_close(one, other, atol=bound, rtol=bound)
    ours, theirs = ask(method, together[-1]), ask(method, alone)  # it shared a pass
    assert [one.mask for one in ours.instances] == [one.mask for one in theirs.instances]
    assert ours.names == theirs.names
    assert [ours.presence[name].kept for name in ours.names] == [
        theirs.presence[name].kept for name in theirs.names
    ]
