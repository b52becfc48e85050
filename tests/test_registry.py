from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

import lexiseg.registry as registry_module
from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.registry import (
    CONVERTERS,
    DATASETS,
    METHODS,
    READERS,
    REPLICATIONS,
    SCORERS,
    WRITERS,
    Registry,
)


def test_lazy_target_is_imported_on_first_use() -> None:
    registry = Registry("thing", "lexiseg.test-none", {"join": "posixpath:join"})
    assert registry["join"]("a", "b") == "a/b"


def test_unknown_name_lists_choices_and_suggests() -> None:
    registry = Registry("method", "lexiseg.test-none", {"car": "posixpath:join"})
    with pytest.raises(UnknownNameError, match="did you mean 'car'"):
        registry["cra"]


def test_register_twice_is_refused() -> None:
    registry = Registry("thing", "lexiseg.test-none", {})
    registry.register("a")(object())
    with pytest.raises(UsageError, match="already registered"):
        registry.register("a")(object())


def test_third_party_entry_point_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("other", "posixpath:basename", "lexiseg.test-group")
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [point])
    registry = Registry("thing", "lexiseg.test-group", {})
    assert list(registry) == ["other"]
    assert registry["other"]("a/b") == "b"


@pytest.mark.parametrize(
    "registry",
    [METHODS, SCORERS, WRITERS, READERS, CONVERTERS, DATASETS, REPLICATIONS],
    ids=lambda r: r.kind,
)
def test_every_builtin_name_resolves(registry: Registry) -> None:
    assert len(registry) > 0
    assert all(registry[name] is not None for name in registry)
