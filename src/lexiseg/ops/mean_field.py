"""Mean-field inference in a fully connected Potts model with Gaussian edges.

One update is ``Q = softmax(-U + sum_m w_m K_m Q)`` (Kraehenbuehl and Koltun, 2011, algorithm 1)
with symmetrically normalized kernels ``K = D^-1/2 k D^-1/2``, ``D`` the row sums of ``k``, in which
each point's own contribution is kept. Interchangeable solvers give the same marginals; all but
one filter by the permutohedral lattice, which approximates the Gaussians.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.errors import MissingExtraError
from lexiseg.ops.permutohedral import PermutohedralLattice
from lexiseg.ops.permutohedral_torch import TorchLattice
from lexiseg.ops.window_filter import WindowFilter

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
ArrayT = TypeVar("ArrayT", FloatArray, torch.Tensor)

_CHANNEL_CHUNK = 32  # channels filtered at a time, which bounds the memory of many labels
_CACHEABLE_PIXELS = 2**20
_NORM_FLOOR = 1e-20


@dataclass(frozen=True)
class SpatialKernel:
    """Smoothness: a Gaussian over pixel positions.

    Attributes:
        size_hw: height and width of the image.
        sigma: standard deviation in pixels.
        weight: factor of the kernel.
    """

    size_hw: tuple[int, int]
    sigma: float
    weight: float

    def features(self) -> FloatArray:
        """Return the (2, N) x and y coordinates in standard deviations."""
        rows, columns = np.indices(self.size_hw, np.float32).reshape(2, -1)
        return np.stack([columns, rows]) / np.float32(self.sigma)


@dataclass(frozen=True, eq=False)
class BilateralKernel:
    """Appearance: a Gaussian over pixel positions and colors.

    Attributes:
        image: (H, W, 3) uint8.
        sigma: spatial standard deviation in pixels.
        color_sigma: standard deviation in 8-bit levels.
        weight: factor of the kernel.
    """

    image: ByteArray
    sigma: float
    color_sigma: float
    weight: float

    def features(self) -> FloatArray:
        """Return the (5, N) x, y and colors in standard deviations."""
        height, width = self.image.shape[:2]
        positions = SpatialKernel((height, width), self.sigma, 1.0).features()
        colors = self.image.reshape(-1, 3).T.astype(np.float32) / np.float32(self.color_sigma)
        return np.concatenate([positions, colors])


Kernel = SpatialKernel | BilateralKernel


class MeanField(Protocol):
    """A solver prepared for one set of kernels."""

    def __init__(self, kernels: Sequence[Kernel], iterations: int, device: str) -> None: ...

    def infer(self, energies: FloatArray) -> FloatArray:
        """Return the (K, N) marginals of (K, N) energies."""

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        """Return the (S, 2, N) marginals of S independent two-label fields."""


class _Lattice(Protocol[ArrayT]):
    def filter(self, values: ArrayT) -> ArrayT: ...


class _LatticeMeanField(ABC, Generic[ArrayT]):
    """The updates, for arrays of either library; (K, N) throughout."""

    lattices: Sequence[_Lattice[ArrayT]]
    iterations: int

    def infer(self, energies: FloatArray) -> FloatArray:
        if len(energies) == 2:
            pair: FloatArray = self.infer_binary(energies[None])[0]
            return pair
        costs = self._load(energies)
        marginals = self._softmax(-costs)
        for _ in range(self.iterations):
            logits = self._message(marginals)
            logits -= costs
            marginals = self._softmax(logits)
        return self._fetch(marginals)

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        # The two labels sum to one, so that one channel per field is enough:
        # logit(Q_1) = U_0 - U_1 + K Q_1 - K (1 - Q_1).
        margin = self._load(energies[:, 0] - energies[:, 1])
        mass = self._message(self._load(np.ones((1, energies.shape[-1]), np.float32)))
        marginals = self._sigmoid(margin)
        for _ in range(self.iterations):
            marginals = self._sigmoid(2 * self._message(marginals) + (margin - mass))
        second = self._fetch(marginals)
        return np.stack([1 - second, second], axis=1)

    def _message(self, marginals: ArrayT) -> ArrayT:
        """Return the sum of all filtered marginals."""
        message = 0 * marginals
        for start in range(0, len(marginals), _CHANNEL_CHUNK):
            chunk = slice(start, start + _CHANNEL_CHUNK)
            for lattice in self.lattices:
                message[chunk] += lattice.filter(marginals[chunk])
        return message

    @abstractmethod
    def _load(self, values: FloatArray) -> ArrayT: ...

    @abstractmethod
    def _fetch(self, values: ArrayT) -> FloatArray: ...

    @abstractmethod
    def _softmax(self, logits: ArrayT) -> ArrayT: ...

    @abstractmethod
    def _sigmoid(self, logits: ArrayT) -> ArrayT: ...


class NumpyMeanField(_LatticeMeanField[FloatArray]):
    """Mean field with NumPy and SciPy, on the CPU."""

    def __init__(self, kernels: Sequence[Kernel], iterations: int, device: str = "cpu") -> None:
        self.lattices = [_numpy_lattice(kernel) for kernel in kernels]
        self.iterations = iterations

    def _load(self, values: FloatArray) -> FloatArray:
        return values

    def _fetch(self, values: FloatArray) -> FloatArray:
        return values

    def _softmax(self, logits: FloatArray) -> FloatArray:
        logits -= logits.max(axis=0)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=0)
        return logits

    def _sigmoid(self, logits: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):  # exp overflows to infinity: the right limit, 0
            probability: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-logits))
        return probability


class TorchMeanField(_LatticeMeanField[torch.Tensor]):
    """Mean field with torch, on any device."""

    def __init__(self, kernels: Sequence[Kernel], iterations: int, device: str = "cpu") -> None:
        self.lattices = [_torch_lattice(kernel, device) for kernel in kernels]
        self.iterations = iterations
        self.device = device

    def _load(self, values: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def _fetch(self, values: torch.Tensor) -> FloatArray:
        return np.asarray(values.cpu().numpy())

    def _softmax(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.softmax(0)

    def _sigmoid(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid()


class WindowMeanField(TorchMeanField):
    """Mean field with the Gaussians themselves, on any device: slow, for kernels of few pixels.

    It computes in float64, since heavy weights blow up what rounding leaves.
    """

    def __init__(self, kernels: Sequence[Kernel], iterations: int, device: str = "cpu") -> None:
        self.lattices = [_window_filter(kernel, device) for kernel in kernels]
        self.iterations = iterations
        self.device = device

    def _load(self, values: FloatArray) -> torch.Tensor:
        return super()._load(values).double()

    def _fetch(self, values: torch.Tensor) -> FloatArray:
        return super()._fetch(values).astype(np.float32)


class _DenseCrf(Protocol):
    """What is used of pydensecrf's field."""

    def addPairwiseEnergy(self, features: FloatArray, *, compat: float) -> None: ...  # noqa: N802

    def setUnaryEnergy(self, energies: FloatArray, /) -> None: ...  # noqa: N802

    def inference(self, iterations: int, /) -> Sequence[Sequence[float]]: ...


class PydensecrfMeanField:
    """Mean field by the C++ code of the optional package pydensecrf2, on the CPU."""

    def __init__(self, kernels: Sequence[Kernel], iterations: int, device: str = "cpu") -> None:
        try:
            from pydensecrf.densecrf import DenseCRF
        except ImportError as error:
            raise MissingExtraError("The pydensecrf CRF backend", "crf") from error
        self.model = DenseCRF
        self.pairs = [(np.ascontiguousarray(k.features()), k.weight) for k in kernels]
        self.iterations = iterations

    def infer(self, energies: FloatArray) -> FloatArray:
        """See `MeanField`."""
        return self._run(self._prepare(*energies.shape), energies)

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        """See `MeanField`."""
        field = self._prepare(2, energies.shape[-1])
        return np.stack([self._run(field, pair) for pair in energies])

    def _prepare(self, labels: int, points: int) -> _DenseCrf:
        field: _DenseCrf = self.model(points, labels)
        for features, weight in self.pairs:
            field.addPairwiseEnergy(features, compat=weight)
        return field

    def _run(self, field: _DenseCrf, energies: FloatArray) -> FloatArray:
        field.setUnaryEnergy(np.ascontiguousarray(energies))
        return np.array(field.inference(self.iterations), np.float32)


def _numpy_lattice(kernel: Kernel) -> PermutohedralLattice:
    build = _numpy_cached if _is_cacheable(kernel) else _build_numpy
    return build(kernel)


def _build_numpy(kernel: Kernel) -> PermutohedralLattice:
    """Build a normalized and weighted lattice."""
    features = kernel.features()
    lattice = PermutohedralLattice(features)
    row_sums = lattice.filter(np.ones((1, features.shape[1]), np.float32))[0]
    lattice.scale(1 / np.sqrt(row_sums + np.float32(_NORM_FLOOR)), kernel.weight)
    return lattice


def _torch_lattice(kernel: Kernel, device: str) -> TorchLattice:
    build = _torch_cached if _is_cacheable(kernel) else _build_torch
    return build(kernel, device)


def _build_torch(kernel: Kernel, device: str) -> TorchLattice:
    """Build a normalized and weighted lattice."""
    features = torch.from_numpy(kernel.features()).to(device)
    lattice = TorchLattice(features)
    row_sums = lattice.filter(torch.ones_like(features[:1]))[0]
    lattice.scale((row_sums + _NORM_FLOOR).rsqrt(), kernel.weight)
    return lattice


def _window_filter(kernel: Kernel, device: str) -> WindowFilter:
    """Build a normalized and weighted filter."""
    colors = None
    if isinstance(kernel, SpatialKernel):
        height, width = kernel.size_hw
    else:
        height, width = kernel.image.shape[:2]
        image = torch.tensor(kernel.image, dtype=torch.float64, device=device)
        colors = image.permute(2, 0, 1) / kernel.color_sigma
    window = WindowFilter((height, width), kernel.sigma, colors)
    ones = torch.ones(1, height * width, dtype=torch.float64, device=device)
    window.scale((window.filter(ones)[0] + _NORM_FLOOR).rsqrt(), kernel.weight)
    return window


def _is_cacheable(kernel: Kernel) -> bool:
    """Tell whether the lattice depends on the image size alone and is small enough to keep."""
    return (
        isinstance(kernel, SpatialKernel)
        and kernel.size_hw[0] * kernel.size_hw[1] <= _CACHEABLE_PIXELS
    )


_numpy_cached = lru_cache(maxsize=4)(_build_numpy)
_torch_cached = lru_cache(maxsize=4)(_build_torch)


def clear_lattice_cache() -> None:
    """Forget the smoothness lattices kept for later images of the same size."""
    _numpy_cached.cache_clear()
    _torch_cached.cache_clear()
