from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

import lexiseg
from lexiseg.config import (
    check_ranges,
    check_templates,
    look_up,
    option_names,
    override,
    read_overrides,
    split_options,
    to_dict,
)
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.methods.car import CarConfig


@dataclass(frozen=True)
class Inner:
    iterations: int = 10


@dataclass(frozen=True)
class Outer:
    eta: float = 0.4
    prompts: tuple[str, ...] = ("circle",)
    variant: Literal["paper", "released"] = "paper"
    limit: int | None = None
    use_crf: bool = True
    inner: Inner = field(default_factory=Inner)


def test_override_replaces_only_the_named_fields() -> None:
    changed = override(Outer(), {"eta": 1, "inner.iterations": 3, "prompts": ["blur"], "limit": 4})
    assert changed == Outer(eta=1.0, prompts=("blur",), limit=4, inner=Inner(3))


@pytest.mark.parametrize(
    "change",
    [{"eta": "high"}, {"variant": "third"}, {"use_crf": 1}, {"limit": 2.5}, {"prompts": "blur"}],
)
def test_wrong_type_is_one_clear_sentence(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="was given .* expected"):
        override(Outer(), change)


def test_a_wrong_choice_is_told_the_right_ones() -> None:
    with pytest.raises(UsageError, match="'third'; expected 'paper' or 'released'"):
        override(Outer(), {"variant": "third"})


def test_unknown_option_is_named_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="'etta'.*did you mean 'eta'"):
        override(Outer(), {"etta": 1.0})


def test_settings_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("eta: 0.5\ninner:\n  iterations: 2\n")
    assert override(Outer(), read_overrides(path)) == Outer(eta=0.5, inner=Inner(2))


@pytest.mark.parametrize("content", ["- 1\n- 2\n", "a: [", ""])
def test_bad_settings_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(content)
    with pytest.raises(UsageError):
        read_overrides(path)


def test_to_dict_is_plain() -> None:
    assert to_dict(Outer())["inner"] == {"iterations": 10}


def test_tables_are_looked_up_by_name() -> None:
    assert look_up("preset", {"mini": 1, "paper": 2}, "paper") == 2
    with pytest.raises(UnknownNameError, match="Unknown preset 'papr'.*did you mean 'paper'"):
        look_up("preset", {"mini": 1, "paper": 2}, "papr")


def test_options_of_a_part_are_told_apart() -> None:
    own, scorer = split_options({"nms_iou": 0.5, "scorer.surgery": "single"}, "scorer.")
    assert own == {"nms_iou": 0.5}
    assert scorer == {"surgery": "single"}


@pytest.mark.parametrize(
    ("eta", "fits"), [(0, True), (1, True), (-0.1, False), (float("nan"), False)]
)
def test_ranges_hold_their_ends(eta: float, fits: bool) -> None:
    config = Outer(eta=eta)
    if fits:
        check_ranges(config, ("limit", 1, 2), ("eta", 0, 1))  # a limit of None is none
    else:
        with pytest.raises(UsageError, match=f"Option 'eta' was given {eta}; expected 0 to 1"):
            check_ranges(config, ("limit", 1, 2), ("eta", 0, 1))


@pytest.mark.parametrize("templates", [(), ("a photo of a {}.", "a photo")])
def test_templates_need_room_for_a_name(templates: tuple[str, ...]) -> None:
    check_templates(("{}",))
    with pytest.raises(UsageError, match="Every template needs {}"):
        check_templates(templates)


@pytest.mark.parametrize("option", ["etta", "crf.foo", "eta.deeper", "scorer"])
def test_an_unknown_option_is_told_with_all_that_there_are(option: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        lexiseg.load("car", preset="mini", **{option: 1})
    assert error.value.name == option.removeprefix("crf.")
    if option != "crf.foo":
        parts = {"variant", "proposal_weights", "classifier_weights"}
        assert parts | {"eta", "crf.iterations"} <= set(error.value.known)


def test_every_option_that_is_listed_is_taken() -> None:
    config = CarConfig()
    for name in option_names(config):
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        assert override(config, {name: value}) == config
