import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.models import device


def test_named_precisions_are_taken_literally():
    assert device.choose_dtype("float32") == torch.float32
    assert device.choose_dtype("bfloat16") == torch.bfloat16
    assert device.choose_dtype(torch.float64) == torch.float64


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_follows_the_processor(monkeypatch, native, dtype):
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: native)
    assert device.choose_dtype("auto", torch.device("cpu")) == dtype


def test_processor_flags_answer_where_torch_does_not(monkeypatch):
    answer = device._cpu_has_bfloat16()
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert device._cpu_has_bfloat16() in (answer, False)  # no /proc outside Linux


def test_auto_device_exists():
    chosen = device.choose_device("auto")
    assert torch.zeros(1, device=chosen).device.type == chosen.type


@pytest.mark.parametrize(("kind", "batch"), [("cpu", 1), ("mps", 1), ("cuda", 4)])
def test_pictures_go_together_on_cuda_only(monkeypatch, kind, batch):
    monkeypatch.setattr(device, "choose_device", lambda name: torch.device(kind))
    assert device.usual_batch("auto") == batch


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "tpu", "meta"])
def test_unusable_device_explains(name):
    with pytest.raises(UsageError, match="choose auto"):
        device.choose_device(name)


def test_unknown_precision_explains():
    with pytest.raises(UsageError, match="int8.*float32"):
        device.choose_dtype("int8")
