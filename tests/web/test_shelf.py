"""Methods that cannot be loaded do not keep the others from being offered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.registry import METHODS
from lexiseg.web.limits import ServiceLimits
from lexiseg.web.refusal import RefusedError
from lexiseg.web.service import SegmentationService
from lexiseg.web.settings import ServiceSettings
from lexiseg.web.shelf import MethodShelf
from tests.web.colours import Colours, registered


class Broken(Colours):
    """Needs what is not there."""

    name = "broken"

    @classmethod
    def load(cls, preset: str = "paper", device: str = "auto", dtype: str = "auto", **_: object):
        raise ImportError("no module named nowhere")


@pytest.fixture(autouse=True)
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with registered():
        monkeypatch.setitem(METHODS._targets, "broken", Broken)
        yield


def states(service: SegmentationService) -> dict[str, str]:
    return {name: offer.state for name, offer in service.shelf.offers.items()}


def test_others_are_loaded_all_the_same() -> None:
    shelf = MethodShelf(["broken", "colours"], "mini", {}, required=False)
    service = SegmentationService(shelf, ServiceLimits())
    assert states(service) == {"broken": "waiting", "colours": "waiting"}
    asyncio.run(service.load_all())
    assert states(service) == {"broken": "absent", "colours": "ready"}
    assert shelf.offer(None, "segment").name == "colours"
    with pytest.raises(RefusedError, match="cannot be loaded here"):
        shelf.load("broken")
    with pytest.raises(RefusedError, match="known: colours"):
        shelf.named("nobody")
    service.worker.stop()


def test_what_somebody_asked_for_must_load() -> None:
    shelf = MethodShelf(["colours", "broken"], "mini", {})
    with pytest.raises(ImportError, match="nowhere"):
        shelf.load_first()


def test_the_small_weights_bring_every_method_of_the_registry() -> None:
    offered = ServiceSettings().offered
    assert offered[:3] == ("car", "tides", "zero-guidance")
    assert set(offered) == set(METHODS)
    assert ServiceSettings(preset="paper").offered == ("car",)
    assert ServiceSettings(("sclip", "car", "sclip")).offered == ("sclip", "car")


def test_a_method_that_is_none() -> None:
    with pytest.raises(UnknownNameError, match="nobody"):
        MethodShelf(["nobody"], "mini", {})
