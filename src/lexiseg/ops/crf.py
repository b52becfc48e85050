"""Fully connected CRF with Gaussian edges, solved by mean field (Kraehenbuehl and Koltun, 2011).

Each pixel is tied to every other one by two Gaussian kernels: one over the position alone
(smoothness) and one over position and color (appearance). With the Potts model, an iteration is
``Q = softmax(-U + sum_m w_m K_m Q)`` with symmetrically normalized kernels
``K = D^-1/2 k D^-1/2`` (``D`` the row sums of ``k``), which the permutohedral lattice applies in
linear time. The pixel's own contribution is part of the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.ops.permutohedral import PermutohedralLattice

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

# Mean color of the DeepLab preprocessing in thousandths, blue first.
_MEAN_BGR_MILLI = np.array([104_008, 116_669, 122_675])
_CHANNEL_CHUNK = 32
_CACHEABLE_PIXELS = 2**20


@dataclass(frozen=True)
class CrfConfig:
    """Parameters of the dense CRF; the defaults are those of CaR (and of DeepLab's script).

    Attributes:
        iterations: mean-field updates.
        spatial_sigma: standard deviation of the smoothness kernel in pixels.
        spatial_weight: weight of the smoothness kernel; 0 drops it.
        bilateral_sigma: spatial standard deviation of the appearance kernel in pixels.
        color_sigma: color standard deviation of the appearance kernel, in 8-bit levels.
        bilateral_weight: weight of the appearance kernel; 0 drops it.
        image: what the appearance kernel sees: "rgb", the picture, or "bgr_wrapped", the
            mean-shifted picture with integer wrap-around of CaR's released code.
        backend: "numpy" (CPU), "torch" (any device), "pydensecrf" (optional C++ package), or
            "auto".
    """

    iterations: int = 10
    spatial_sigma: float = 1.0
    spatial_weight: float = 3.0
    bilateral_sigma: float = 67.0
    color_sigma: float = 3.0
    bilateral_weight: float = 4.0
    image: Literal["bgr_wrapped", "rgb"] = "bgr_wrapped"
    backend: Literal["auto", "numpy", "torch", "pydensecrf"] = "auto"

    def __post_init__(self) -> None:
        sigmas = (self.spatial_sigma, self.bilateral_sigma, self.color_sigma)
        if not all(sigma > 0 for sigma in sigmas) or self.iterations < 0:
            raise UsageError(
                f"The CRF got standard deviations {sigmas} and {self.iterations} iterations; give "
                "standard deviations above 0 and at least 0 iterations."
            )
        for field, known in (("image", _IMAGES), ("backend", ("auto", *_FIELDS))):
            if getattr(self, field) not in known:
                raise UsageError(
                    f"Unknown CRF {field} {getattr(self, field)!r}; choose one of {sorted(known)}."
                )


def wrapped_bgr(image_u8: ByteArray) -> ByteArray:
    """Shift a picture by DeepLab's mean color the way CaR's released code does.

    The difference is truncated toward zero and wraps around modulo 256, which is what a float to
    uint8 cast does on x86; here it is spelled out in integers so that it holds everywhere.

    Args:
        image_u8: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    milli = 1000 * np.arange(256)[:, None] - _MEAN_BGR_MILLI
    table = (np.sign(milli) * (np.abs(milli) // 1000) % 256).astype(np.uint8)
    return np.stack([table[image_u8[..., 2 - c], c] for c in range(3)], axis=-1)


def unary_from_scores(scores: FloatArray, floor: float = 1e-5) -> FloatArray:
    """Turn scores in 0..1 into energies, ``-log(clip(scores, floor, 1))``.

    The scores need not sum to one over the labels.

    Args:
        scores: (K, H, W) float.
        floor: smallest score, which bounds the energy.

    Returns:
        (K, H, W) float32.
    """
    return -np.log(np.clip(scores, floor, 1.0)).astype(np.float32)


class _Field(Protocol):
    """One way to run mean field on one image."""

    def __init__(self, image: ByteArray, config: CrfConfig) -> None: ...

    def infer(self, energies: FloatArray) -> FloatArray:
        """Return the marginals (K, N) for energies (K, N)."""

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        """Return the marginals (S, 2, N) of independent binary fields."""


class DenseCrf:
    """A dense CRF on one image, with everything that depends on the image alone prepared.

    Example:
        >>> image = np.zeros((4, 6, 3), np.uint8)
        >>> scores = np.full((2, 4, 6), 0.5, np.float32)
        >>> DenseCrf(image).infer(unary_from_scores(scores)).shape
        (2, 4, 6)
    """

    def __init__(self, image_u8: ByteArray, config: CrfConfig | None = None) -> None:
        """Prepare the kernels.

        Args:
            image_u8: (H, W, 3) uint8 RGB.
            config: parameters, CaR's by default.

        Raises:
            UsageError: if the image has another shape or type.
            MissingExtraError: if the chosen backend is not installed.
        """
        config = config or CrfConfig()
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
            raise UsageError(
                f"The CRF got an image of shape {image_u8.shape} and type {image_u8.dtype}; give "
                "(height, width, 3) of type uint8."
            )
        if image_u8.size == 0:
            raise UsageError(f"The CRF got an empty image of shape {image_u8.shape}.")
        self.size_hw = image_u8.shape[:2]
        backend = _best_backend() if config.backend == "auto" else config.backend
        self._field = _FIELDS[backend](_IMAGES[config.image](image_u8), config)

    def infer(self, unary: FloatArray) -> FloatArray:
        """Run mean field over K labels.

        Args:
            unary: (K, H, W) energies, lower is likelier.

        Returns:
            (K, H, W) float32 marginals, summing to 1 over the labels.

        Raises:
            UsageError: if the energies do not fit the image or are not finite.
        """
        self._check(unary, "(K, H, W)", 3)
        flat = unary.reshape(len(unary), -1)
        return self._field.infer(np.ascontiguousarray(flat, np.float32)).reshape(unary.shape)

    def infer_binary(self, unaries: FloatArray) -> FloatArray:
        """Run mean field on S independent two-label problems that share this image.

        Args:
            unaries: (S, 2, H, W) energies.

        Returns:
            (S, 2, H, W) float32 marginals.

        Raises:
            UsageError: if the energies do not fit the image or are not finite.
        """
        self._check(unaries, "(S, 2, H, W)", 4)
        if unaries.shape[1] != 2:
            raise UsageError(
                f"A binary CRF needs energies of 2 labels but got {unaries.shape[1]}; use infer."
            )
        flat = unaries.reshape(len(unaries), 2, -1)
        flat = np.ascontiguousarray(flat, np.float32)
        return self._field.infer_binary(flat).reshape(unaries.shape)

    def _check(self, energies: FloatArray, layout: str, ndim: int) -> None:
        if energies.ndim != ndim or energies.shape[-2:] != self.size_hw or 0 in energies.shape:
            raise UsageError(
                f"The CRF got energies of shape {energies.shape}; give {layout} with (H, W) = "
                f"{self.size_hw} and at least one label."
            )
        if not np.isfinite(energies).all():
            raise UsageError("The CRF got energies that are infinite or NaN; clip them first.")


class _NumpyField:
    """Mean field on the CPU."""

    def __init__(self, image: ByteArray, config: CrfConfig) -> None:
        self.iterations = config.iterations
        self.kernels = []
        if config.spatial_weight:
            build = _cached_spatial if image[..., 0].size <= _CACHEABLE_PIXELS else _spatial
            self.kernels.append(build(image.shape[:2], config.spatial_sigma, config.spatial_weight))
        if config.bilateral_weight:
            features = np.concatenate(
                [
                    _positions(image.shape[:2], config.bilateral_sigma),
                    image.reshape(-1, 3).T.astype(np.float32) / np.float32(config.color_sigma),
                ]
            )
            self.kernels.append(_normalized(features, config.bilateral_weight))

    def infer(self, energies: FloatArray) -> FloatArray:
        marginals = _softmax(-energies)
        for _ in range(self.iterations):
            marginals = _softmax(self._message(marginals) - energies)
        return marginals

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        # Two labels sum to one, so the message to the second label follows from the first's:
        # logit(Q_1) = U_0 - U_1 + K Q_1 - K (1 - Q_1).
        ones = np.ones((1, energies.shape[-1]), np.float32)
        margin = energies[:, 0] - energies[:, 1] - self._message(ones)
        marginals = _sigmoid(energies[:, 0] - energies[:, 1])
        for _ in range(self.iterations):
            marginals = _sigmoid(2 * self._message(marginals) + margin)
        return np.stack([1 - marginals, marginals], axis=1)

    def _message(self, marginals: FloatArray) -> FloatArray:
        """Filter (K, N) marginals, in chunks of channels that bound the memory."""
        message = np.zeros_like(marginals)
        for start in range(0, len(marginals), _CHANNEL_CHUNK):
            chunk = slice(start, start + _CHANNEL_CHUNK)
            values = np.ascontiguousarray(marginals[chunk].T)
            for kernel in self.kernels:
                message[chunk] += kernel.filter(values).T
        return message


class _PydensecrfField:
    """Mean field by the pydensecrf package."""

    def __init__(self, image: ByteArray, config: CrfConfig) -> None:
        try:
            from pydensecrf.densecrf import DenseCRF2D
        except ImportError as error:
            raise MissingExtraError("The pydensecrf CRF backend", "crf") from error
        self.model = DenseCRF2D
        self.image = np.ascontiguousarray(image)
        self.config = config

    def infer(self, energies: FloatArray) -> FloatArray:
        return self._run(self._prepare(len(energies)), energies)

    def infer_binary(self, energies: FloatArray) -> FloatArray:
        field = self._prepare(2)
        return np.stack([self._run(field, pair) for pair in energies])

    def _prepare(self, labels: int) -> Any:
        config = self.config
        field = self.model(self.image.shape[1], self.image.shape[0], labels)
        if config.spatial_weight:
            field.addPairwiseGaussian(sxy=config.spatial_sigma, compat=config.spatial_weight)
        if config.bilateral_weight:
            field.addPairwiseBilateral(
                sxy=config.bilateral_sigma,
                srgb=config.color_sigma,
                rgbim=self.image,
                compat=config.bilateral_weight,
            )
        return field

    def _run(self, field: Any, energies: FloatArray) -> FloatArray:
        field.setUnaryEnergy(np.ascontiguousarray(energies))
        return np.array(field.inference(self.config.iterations), np.float32)


_IMAGES: dict[str, Callable[[ByteArray], ByteArray]] = {
    "rgb": np.asarray,
    "bgr_wrapped": wrapped_bgr,
}
_FIELDS: dict[str, type[_Field]] = {"numpy": _NumpyField, "pydensecrf": _PydensecrfField}


def _best_backend() -> str:
    return "numpy"


def _positions(size_hw: tuple[int, int], sigma: float) -> FloatArray:
    """Return the (2, N) x and y coordinates in standard deviations."""
    rows, columns = np.indices(size_hw, np.float32).reshape(2, -1)
    return np.stack([columns, rows]) / np.float32(sigma)


def _spatial(size_hw: tuple[int, int], sigma: float, weight: float) -> PermutohedralLattice:
    return _normalized(_positions(size_hw, sigma), weight)


_cached_spatial = lru_cache(maxsize=4)(_spatial)


def _normalized(features: FloatArray, weight: float) -> PermutohedralLattice:
    """Build a kernel with symmetric normalization."""
    lattice = PermutohedralLattice(features)
    ones = np.ones((features.shape[1], 1), np.float32)
    row_sums = lattice.filter(ones)[:, 0]
    lattice.scale(1 / np.sqrt(row_sums + np.float32(1e-20)), weight)
    return lattice


def _softmax(logits: FloatArray) -> FloatArray:
    """Softmax over axis 0; overwrites its argument."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


def _sigmoid(logits: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):  # exp overflows to infinity, which gives the right limit 0
        probability: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-logits))
    return probability
