"""Where and in which precision a network runs."""

from __future__ import annotations

from pathlib import Path

import torch

from lexiseg.errors import UsageError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
CUDA_BATCH = 4


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device to run on; "auto" prefers CUDA, then Apple's GPU, then the CPU.

    Raises:
        UsageError: the name is unknown or the machine has no such device.
    """
    if device == "auto":
        return torch.device(_best_device())
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"Device {str(device)!r} cannot be used here; choose {_usable_devices()}."
        ) from error
    return chosen


def usual_batch(device: str | torch.device = "auto") -> int:
    """How many pictures are encoded together where nobody says.

    One, but on CUDA: a processor has enough to do with one, and its answers are then the same to
    the bit however pictures are dealt out.

    Raises:
        UsageError: as for `choose_device`.
    """
    return CUDA_BATCH if choose_device(device).type == "cuda" else 1


def _usable_devices() -> str:
    """Those this machine has."""
    devices = ["auto", "cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return f"{', '.join(devices[:-1])} or {devices[-1]}"


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_dtype(
    dtype: str | torch.dtype = "auto", device: torch.device | None = None
) -> torch.dtype:
    """The precision to compute in.

    "auto" is bfloat16 where the processor multiplies it natively (AMX or AVX512-BF16, CUDA from
    the Ampere generation on), else float32, which is the reference.

    Raises:
        UsageError: the name is unknown.
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype == "auto":
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32
    if dtype not in DTYPES:
        raise UsageError(f"Precision {dtype!r} is unknown; choose auto, {', '.join(DTYPES)}.")
    return DTYPES[dtype]


def has_native_bfloat16(device: torch.device | None = None) -> bool:
    """Whether bfloat16 matrix products are faster than float32 ones on the device."""
    kind = "cpu" if device is None else device.type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" and _cpu_has_bfloat16()


def _cpu_has_bfloat16() -> bool:
    """Ask torch; its two questions are private, so read the processor's flags where they moved."""
    questions = [
        getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16")
    ]
    if all(questions):
        return any(question() for question in questions if question)
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
