"""Divide a pictograph once and for all into a few color-coherent connected regions."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage
from scipy.cluster.vq import kmeans2

COLORS = 6  # color clusters a pictograph is quantised to before merging
MAX_PARTS = 5
MIN_SHARE = 0.04  # smaller regions are merged into the most similar neighbour


def divide(sprite: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Label the opaque pixels of a pictograph with part numbers.

    Args:
        sprite: (H, W, 4) uint8 RGBA.

    Returns:
        (H, W) uint8; 0 where transparent, else 1..n with 2 <= n <= 5, each part connected
        unless the pictograph itself falls into more pieces than that.
    """
    opaque = sprite[..., 3] >= 128
    color = _smooth(sprite)
    regions = _merge(_components(_quantise(color, opaque), opaque), color)
    if regions.max() < 2:
        regions = _halves(opaque)
    return regions.astype(np.uint8)


def spread(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give every transparent pixel the number of the nearest part, so that resampling is safe."""
    near = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    return np.asarray(parts[tuple(near)])


def _smooth(sprite: NDArray[np.uint8]) -> NDArray[np.float64]:
    image = Image.fromarray(sprite[..., :3]).filter(ImageFilter.MedianFilter(5))
    red, green, blue = np.moveaxis(np.asarray(image, np.float64), -1, 0)
    luma = 0.3 * red + 0.59 * green + 0.11 * blue  # opponent colors: hue counts more than shading
    return np.stack([0.6 * luma, red - luma, blue - luma], axis=-1)


def _quantise(color: NDArray[np.float64], opaque: NDArray[np.bool_]) -> NDArray[np.int64]:
    pixels = color[opaque]
    order = np.argsort(pixels @ [1.0, 0.7, 0.4], kind="stable")
    seeds = pixels[order[np.linspace(0, len(order) - 1, COLORS).astype(int)]]
    with warnings.catch_warnings():  # fewer distinct colors than clusters is fine
        warnings.simplefilter("ignore", UserWarning)
        _, label = kmeans2(pixels, seeds, minit="matrix", iter=20)
    clusters = np.zeros(opaque.shape, np.int64)
    clusters[opaque] = label + 1
    return clusters


def _components(clusters: NDArray[np.int64], opaque: NDArray[np.bool_]) -> NDArray[np.int64]:
    regions = np.zeros(clusters.shape, np.int64)
    for value in np.unique(clusters[opaque]):
        pieces, _ = ndimage.label(clusters == value)
        regions[pieces > 0] = pieces[pieces > 0] + regions.max()
    return regions


def _merge(regions: NDArray[np.int64], color: NDArray[np.float64]) -> NDArray[np.int64]:
    """Join the smallest region to its nearest neighbour in color until few and large remain."""
    total = int((regions > 0).sum())
    while True:
        ids, areas = np.unique(regions[regions > 0], return_counts=True)
        small = int(np.argmin(areas))
        if len(ids) <= 1 or (len(ids) <= MAX_PARTS and areas[small] >= MIN_SHARE * total):
            return np.searchsorted(np.concatenate([[0], ids]), regions)
        regions = np.where(regions == ids[small], _host(regions, color, int(ids[small])), regions)


def _host(regions: NDArray[np.int64], color: NDArray[np.float64], piece: int) -> int:
    mask = regions == piece
    ring = ndimage.binary_dilation(mask) & ~mask
    hosts = np.unique(regions[ring & (regions > 0)])
    if len(hosts) == 0:  # an island: the nearest region takes it
        others = (regions > 0) & ~mask
        distance = np.where(others, ndimage.distance_transform_edt(~mask), np.inf)
        return int(regions.flat[int(np.argmin(distance))])
    own = color[mask].mean(axis=0)
    return int(min(hosts, key=lambda h: np.linalg.norm(color[regions == h].mean(axis=0) - own)))


def _halves(opaque: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = np.nonzero(opaque)[0]
    lower = np.arange(opaque.shape[0])[:, None] > np.median(rows)
    return np.where(opaque, 1 + lower, 0)
