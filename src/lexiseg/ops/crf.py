"""Fully connected CRF with Gaussian edges, solved by mean field (Kraehenbuehl and Koltun, 2011).

Each pixel is tied to every other one by two Gaussian kernels: one over the position alone
(smoothness) and one over position and color (appearance). The permutohedral lattice applies them
in time linear in the number of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.ops.mean_field import (
    BilateralKernel,
    Kernel,
    MeanField,
    NumpyMeanField,
    PydensecrfMeanField,
    SpatialKernel,
    TorchMeanField,
    WindowMeanField,
)

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
Backend = Literal["auto", "numpy", "torch", "pydensecrf", "window"]

# Mean color of the DeepLab preprocessing in thousandths, blue first.
_MEAN_BGR_MILLI = np.array([104_008, 116_669, 122_675])


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
        backend: "torch" (any device, several threads), "numpy" (CPU, one thread), "pydensecrf"
            (CPU, optional C++ package), or "auto", which is "torch"; all give the same result.
            "window" (any device) does without the lattice's approximation, which takes long
            unless the deviations are of few pixels.
    """

    iterations: int = 10
    spatial_sigma: float = 1.0
    spatial_weight: float = 3.0
    bilateral_sigma: float = 67.0
    color_sigma: float = 3.0
    bilateral_weight: float = 4.0
    image: Literal["bgr_wrapped", "rgb"] = "bgr_wrapped"
    backend: Backend = "auto"

    def __post_init__(self) -> None:
        sigmas = (self.spatial_sigma, self.bilateral_sigma, self.color_sigma)
        if not all(sigma > 0 for sigma in sigmas) or self.iterations < 0:
            raise UsageError(
                f"The CRF got standard deviations {sigmas} and {self.iterations} iterations; give "
                "standard deviations above 0 and at least 0 iterations."
            )
        for field, known in (("image", _IMAGES), ("backend", ("auto", *_SOLVERS))):
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


class DenseCrf:
    """A dense CRF on one image, with everything that depends on the image alone prepared.

    Example:
        >>> image = np.zeros((4, 6, 3), np.uint8)
        >>> scores = np.full((2, 4, 6), 0.5, np.float32)
        >>> DenseCrf(image).infer(unary_from_scores(scores)).shape
        (2, 4, 6)
    """

    def __init__(
        self, image_u8: ByteArray, config: CrfConfig | None = None, device: str = "cpu"
    ) -> None:
        """Prepare the kernels.

        Args:
            image_u8: (H, W, 3) uint8 RGB.
            config: parameters, CaR's by default.
            device: where "torch" and "window" compute; the others stay on the CPU.

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
        backend = "torch" if config.backend == "auto" else config.backend
        kernels = _kernels(_IMAGES[config.image](image_u8), config)
        self._solver = _SOLVERS[backend](kernels, config.iterations, device)

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
        return self._solver.infer(np.ascontiguousarray(flat, np.float32)).reshape(unary.shape)

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
        return self._solver.infer_binary(flat).reshape(unaries.shape)

    def _check(self, energies: FloatArray, layout: str, ndim: int) -> None:
        if energies.ndim != ndim or energies.shape[-2:] != self.size_hw or 0 in energies.shape:
            raise UsageError(
                f"The CRF got energies of shape {energies.shape}; give {layout} with (H, W) = "
                f"{self.size_hw} and at least one label."
            )
        if not np.isfinite(energies).all():
            raise UsageError("The CRF got energies that are infinite or NaN; clip them first.")


_IMAGES: dict[str, Callable[[ByteArray], ByteArray]] = {
    "rgb": np.asarray,
    "bgr_wrapped": wrapped_bgr,
}
_SOLVERS: dict[str, type[MeanField]] = {
    "numpy": NumpyMeanField,
    "torch": TorchMeanField,
    "pydensecrf": PydensecrfMeanField,
    "window": WindowMeanField,
}


def _kernels(image: ByteArray, config: CrfConfig) -> list[Kernel]:
    height, width = image.shape[:2]
    kernels: list[Kernel] = []
    if config.spatial_weight:
        kernels.append(SpatialKernel((height, width), config.spatial_sigma, config.spatial_weight))
    if config.bilateral_weight:
        kernels.append(
            BilateralKernel(
                image, config.bilateral_sigma, config.color_sigma, config.bilateral_weight
            )
        )
    return kernels
