"""A recipe holds all that decides an answer: every option, every part, the true precision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.errors import LexisegError, OutputError, UsageError
from lexiseg.evaluation import evaluate
from lexiseg.registry import DATASETS, METHODS
from lexiseg.types import Method, Recipe, Result
from tests.contracts.alternatives import options
from tests.contracts.method_kinds import BUNDLED, KINDS, PUBLISHED, load

PARTS = {"scorer": "scorer", "segmenter": "segmenter", "decoder": "captioner"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def method(kind: str, folder: Path) -> Method:
    return load(kind, folder)


def ask(method: Method, image: Any) -> Result:
    if "label" in method.verbs:
        return method.label(image)
    return method.segment(image, ["dog", "grass", "zebra"])


def test_every_registered_method_is_here() -> None:
    assert {name for name, _ in BUNDLED.values()} | set(PUBLISHED) == set(METHODS)


def test_a_recipe_needs_no_answer_and_an_answer_carries_it(method: Method, image: Any) -> None:
    recipe = method.recipe()
    answer = ask(method, image).recipe
    assert answer == recipe and answer.timing_ms["total"] > 0 and not recipe.timing_ms
    assert recipe.method == method.name and recipe.device == "cpu"
    assert {"torch", "transformers", "pillow", "numpy"} <= set(recipe.versions)


def test_it_is_plain_data_from_which_the_method_is_built_again(method: Method, image: Any) -> None:
    recipe = method.recipe()
    stored = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert stored == recipe
    again = lexiseg.load_recipe(stored)
    assert again.recipe() == recipe and type(again) is type(method)
    assert ask(again, image).instances.items == ask(method, image).instances.items


def changed_options(method: Any) -> Iterator[tuple[str, Recipe]]:
    """The recipe under another value of each option of the method itself."""
    for name, values in options(method.config):
        for value in values:
            try:
                yield name, method.configured(**{name: value}).recipe()
                break
            except UsageError:
                continue
        else:
            raise AssertionError(f"no other value of {name} is accepted: {values}")


def test_any_other_option_of_the_method_is_another_recipe(method: Method) -> None:
    recipe = method.recipe()
    changed = dict(changed_options(method))
    assert changed
    for name, other in changed.items():
        (difference,) = recipe.differences(other)
        assert difference.startswith(f"settings.{name}: ")


def test_any_other_option_of_a_part_is_another_recipe(method: Any, kind: str, folder: Path) -> None:
    recipe = method.recipe()
    for prefix, attribute in PARTS.items():
        part = getattr(method, attribute, None)
        if getattr(part, "config", None) is None:
            continue
        for name, values in options(part.config, f"{prefix}."):
            assert name in recipe.options
            other = _loaded_with(kind, folder, name, values).recipe()
            assert any(name in clause for clause in recipe.differences(other)), name


def _loaded_with(kind: str, folder: Path, name: str, values: list[Any]) -> Method:
    for value in values:
        try:
            return load(kind, folder, **{name: value})
        except LexisegError:
            continue
    raise AssertionError(f"no other value of {name} is accepted: {values}")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_is_that_of_the_weights(kind: str, folder: Path, precision: str) -> None:
    method: Any = load(kind, folder, dtype=precision)
    recipe = method.recipe()
    assert recipe.dtype == precision
    for part, network in method.networks.items():
        held = {str(tensor.dtype).removeprefix("torch.") for tensor in large_tensors(network)}
        assert held == ({recipe.dtypes[part]} if held else set()), part
    assert lexiseg.load_recipe(recipe).recipe() == recipe


def large_tensors(part: Any) -> Iterator[torch.Tensor]:
    """Matrices of the networks that a part holds, however deep."""
    if isinstance(part, torch.nn.Module):
        exact = ("prompt_encoder", "shared_image_embedding")  # float32 whatever was chosen
        yield from (
            tensor
            for name, tensor in part.named_parameters()
            if tensor.ndim > 1 and not any(own in name for own in exact)
        )
        return
    for name in ("model", "network", "clip", "segmenter", "decoder", "encoder"):
        inner = getattr(part, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from large_tensors(inner)
            return


def test_other_weights_are_another_recipe() -> None:
    plain = load("tides", Path())
    other = load("tides", Path(), clip_weights="mini-clip-classifier")
    clauses = plain.recipe().differences(other.recipe())
    assert {clause.split(":")[0] for clause in clauses} == {
        "settings.clip_weights", "weights.scorer",
    }  # fmt: skip


def test_other_steps_are_another_recipe_which_no_call_builds_again(image: Any) -> None:
    from lexiseg.methods.tides.oracles import Truth, with_truth

    tides: Any = load("tides", Path())
    knowing = with_truth(tides, Truth((), ()), ["vocabulary"])
    assert knowing.recipe().differences(tides.recipe()) == (
        "settings.exchanged.classes: TrueVocabulary / none",
    )
    with pytest.raises(UsageError, match="by hand"):
        lexiseg.load_recipe(knowing.recipe())


def test_a_run_goes_on_only_with_the_recipe_it_began_with(tmp_path: Path) -> None:
    dataset = DATASETS["miniworld-instances"](scenes=1)

    def measure(**settings: object) -> None:
        method = load("tides", Path(), scorer="clip-surgery", **settings)
        evaluate(method, dataset, out=tmp_path, quiet=True)

    measure()
    with pytest.raises(OutputError, match=r"another settings\.scorer\.surgery;"):
        measure(**{"scorer.surgery": "single"})
    with pytest.raises(OutputError, match="dtypes"):
        measure(dtype="bfloat16")


def test_weights_that_changed_under_their_name_are_told(folder: Path) -> None:
    recipe = load("clipseg", folder).recipe()
    stale = Recipe.from_json({**recipe.to_json(), "weights": {"clipseg": "old sha256:0"}})
    with pytest.raises(LexisegError, match=r"weights\.clipseg: old sha256:0 / "):
        lexiseg.load_recipe(stale)


def test_versions_that_changed_are_a_warning(folder: Path) -> None:
    recipe = load("clipseg", folder).recipe()
    older = {**recipe.versions, "pillow": "1.0"}
    with pytest.warns(UserWarning, match=r"pillow: 1\.0 / "):
        lexiseg.load_recipe(Recipe.from_json({**recipe.to_json(), "versions": older}))


@pytest.mark.parametrize("wrong", [[], {}, {"method": "car"}, {"method": "car", "preset": 3}])
def test_what_is_no_recipe_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError):
        Recipe.from_json(wrong)
