from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.ops import mean_field
from lexiseg.ops.crf import CrfConfig, DenseCrf, unary_from_scores, wrapped_bgr
from lexiseg.ops.permutohedral import PermutohedralLattice

OWN = ("numpy", "torch")
ALL = (*OWN, "pydensecrf")
SMALL = CrfConfig(bilateral_sigma=6.0, color_sigma=20.0, image="rgb")


def _scene(height, width, labels, seed=0):
    """Return a picture of smooth blobs with noise, and smooth noisy scores that follow it."""
    rng = np.random.default_rng(seed)
    fields = rng.standard_normal((labels, height, width))
    fields = np.stack([ndimage.gaussian_filter(f, min(height, width) / 8) for f in fields])
    truth = fields.argmax(0)
    colors = rng.integers(0, 256, (labels, 3))
    image = np.clip(colors[truth] + rng.normal(0, 8, (height, width, 3)), 0, 255)
    scores = np.stack([ndimage.gaussian_filter((truth == k) * 1.0, 2) for k in range(labels)])
    scores = np.clip(scores + rng.normal(0, 0.15, scores.shape), 0, 1)
    return image.astype(np.uint8), scores.astype(np.float32)


def _features(image, sigma, color_sigma=None):
    height, width = image.shape[:2]
    rows = []
    for y in range(height):
        for x in range(width):
            position = [x / sigma, y / sigma]
            color = [] if color_sigma is None else [int(c) / color_sigma for c in image[y, x]]
            rows.append(position + color)
    return np.array(rows, np.float32).T


def _normalized(kernel):
    root = 1 / np.sqrt(kernel.sum(1) + 1e-20)
    return root[:, None] * kernel * root


def _slow_mean_field(unary, kernels, iterations):
    """Run mean field with explicit (N, N) kernels in double precision."""
    energies = unary.reshape(len(unary), -1).astype(np.float64)

    def softmax(logits):
        weights = np.exp(logits - logits.max(0))
        return weights / weights.sum(0)

    marginals = softmax(-energies)
    for _ in range(iterations):
        marginals = softmax(-energies + sum(w * marginals @ k.T for w, k in kernels))
    return marginals.reshape(unary.shape)


def _dense_kernels(image, config, as_matrix):
    return [
        (config.spatial_weight, as_matrix(_features(image, config.spatial_sigma))),
        (
            config.bilateral_weight,
            as_matrix(_features(image, config.bilateral_sigma, config.color_sigma)),
        ),
    ]


def _lattice_matrix(features):
    identity = np.eye(features.shape[1], dtype=np.float32)
    return _normalized(PermutohedralLattice(features).filter(identity).T.astype(np.float64))


def _exact_matrix(features):
    squared = ((features[:, :, None] - features[:, None]) ** 2).sum(0)
    return _normalized(np.exp(-0.5 * squared.astype(np.float64)))


@pytest.mark.parametrize("backend", ALL)
@pytest.mark.parametrize("labels", [1, 2, 5])
def test_infer_equals_matrix_twin(backend, labels):
    image, scores = _scene(11, 14, labels)
    unary = unary_from_scores(scores)
    expected = _slow_mean_field(unary, _dense_kernels(image, SMALL, _lattice_matrix), 4)
    config = CrfConfig(4, 1.0, 3.0, 6.0, 20.0, 4.0, "rgb", backend)
    before = image.copy(), unary.copy()
    marginals = DenseCrf(image, config).infer(unary)
    assert marginals.dtype == np.float32
    np.testing.assert_allclose(marginals, expected, atol=3e-5)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(unary, before[1])


@pytest.mark.parametrize("seed", range(4))
def test_labels_agree_with_exact_dense_kernels(seed):
    image, scores = _scene(28, 32, 4, seed)
    unary = unary_from_scores(scores)
    exact = _slow_mean_field(unary, _dense_kernels(image, SMALL, _exact_matrix), 10)
    found = DenseCrf(image, SMALL).infer(unary)
    assert (found.argmax(0) == exact.argmax(0)).mean() >= 0.98
    assert (found.argmax(0) != scores.argmax(0)).any()  # the CRF has changed something at all


@pytest.mark.parametrize("labels", [2, 7])
@pytest.mark.parametrize("config", [CrfConfig(), SMALL, CrfConfig(10, 1, 25, 5, 13, 100, "rgb")])
def test_own_solver_agrees_with_pydensecrf2(labels, config):
    from pydensecrf.densecrf import DenseCRF2D

    image, scores = _scene(60, 80, labels, 5)
    unary = unary_from_scores(scores)
    official = DenseCRF2D(80, 60, labels)
    official.setUnaryEnergy(unary.reshape(labels, -1))
    official.addPairwiseGaussian(sxy=config.spatial_sigma, compat=config.spatial_weight)
    official.addPairwiseBilateral(
        sxy=config.bilateral_sigma,
        srgb=config.color_sigma,
        rgbim=image if config.image == "rgb" else wrapped_bgr(image),
        compat=config.bilateral_weight,
    )
    expected = np.array(official.inference(config.iterations)).reshape(unary.shape)
    marginals = DenseCrf(image, config).infer(unary)
    assert (marginals.argmax(0) == expected.argmax(0)).mean() >= 0.999
    assert np.abs(marginals - expected).max() <= 1e-4


@pytest.mark.parametrize("backend", ALL)
def test_marginals_equal_the_released_code(backend, shared):
    arrays = np.load(shared / "reference" / "car" / "arrays.npz")
    proposals = arrays["run_many.last_proposals"]
    scores = np.concatenate([1 - proposals.max(0, keepdims=True), proposals])
    config = CrfConfig(image="bgr_wrapped", backend=backend)
    marginals = DenseCrf(arrays["image_u8"], config).infer(unary_from_scores(scores))
    assert np.abs(marginals - arrays["crf.q"]).max() <= 2e-3
    assert (marginals.argmax(0) == arrays["crf.label"]).mean() >= 0.999
    np.testing.assert_array_equal(wrapped_bgr(arrays["image_u8"]), arrays["crf.image_bgr_wrapped"])


@pytest.mark.parametrize("backend", ALL)
def test_infer_binary_equals_one_field_at_a_time(backend):
    image, scores = _scene(17, 23, 5)
    unaries = np.stack([unary_from_scores(np.stack([1 - s, s])) for s in scores])
    crf = DenseCrf(image, CrfConfig(backend=backend))
    together = crf.infer_binary(unaries)
    apart = np.stack([DenseCrf(image).infer(unary) for unary in unaries])
    np.testing.assert_allclose(together, apart, atol=5e-5)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("backend", OWN)
def test_channel_chunks_do_not_change_the_result(backend, monkeypatch):
    image, scores = _scene(12, 15, 9)
    unary = unary_from_scores(scores)
    crf = DenseCrf(image, CrfConfig(backend=backend))
    whole = crf.infer(unary)
    monkeypatch.setattr(mean_field, "_CHANNEL_CHUNK", 4)
    np.testing.assert_allclose(crf.infer(unary), whole, atol=1e-5)


@pytest.mark.parametrize("backend", OWN)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 2000)])
def test_extreme_sizes(backend, size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    unary = rng.random((3, *size), dtype=np.float32)
    crf = DenseCrf(image, CrfConfig(backend=backend))
    for marginals in (crf.infer(unary), crf.infer_binary(unary[None, :2])[0]):
        assert marginals.shape[1:] == size
        assert (marginals >= 0).all()
        np.testing.assert_allclose(marginals.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("backend", OWN)
def test_uniform_scores_on_one_color_stay_uniform(backend):
    image = np.full((9, 13, 3), 77, np.uint8)
    marginals = DenseCrf(image, CrfConfig(backend=backend)).infer(np.zeros((4, 9, 13), np.float32))
    np.testing.assert_allclose(marginals, 0.25, atol=1e-5)


def test_isolated_error_on_one_color_is_smoothed_away():
    unary = np.zeros((2, 15, 15), np.float32)
    unary[1] = 1.0
    unary[:, 7, 7] = [1.0, 0.0]
    labels = DenseCrf(np.full((15, 15, 3), 200, np.uint8)).infer(unary).argmax(0)
    assert not labels.any()


def test_zero_iterations_and_zero_weights_leave_the_softmax():
    image, scores = _scene(6, 7, 3)
    unary = unary_from_scores(scores)
    expected = np.exp(-unary) / np.exp(-unary).sum(0)
    for config in (CrfConfig(iterations=0), CrfConfig(spatial_weight=0, bilateral_weight=0)):
        np.testing.assert_allclose(DenseCrf(image, config).infer(unary), expected, atol=1e-6)


@pytest.mark.parametrize("backend", OWN)
def test_shared_spatial_lattice_keeps_configurations_apart(backend):
    image, scores = _scene(8, 9, 2)
    unary = unary_from_scores(scores)
    configs = [CrfConfig(spatial_weight=w, spatial_sigma=s) for w in (1, 9) for s in (1.0, 2.0)]
    for config in configs * 2:
        own = CrfConfig(**{**vars(config), "backend": backend})
        kernels = _dense_kernels(wrapped_bgr(image), config, _lattice_matrix)
        expected = _slow_mean_field(unary, kernels, config.iterations)
        np.testing.assert_allclose(DenseCrf(image, own).infer(unary), expected, atol=1e-4)


@settings(deadline=None, max_examples=100)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_wrapped_bgr_truncates_and_wraps(rgb):
    means = [Fraction("104.008"), Fraction("116.669"), Fraction("122.675")]
    expected = [int(value - mean) % 256 for value, mean in zip(rgb[::-1], means, strict=True)]
    assert wrapped_bgr(np.array([[rgb]], np.uint8))[0, 0].tolist() == expected


def test_unary_is_the_negative_logarithm_of_clipped_scores():
    scores = np.array([[[0.0, 0.5, 1.0, 2.0]]])
    energies = unary_from_scores(scores, floor=0.01)
    assert energies.dtype == np.float32
    np.testing.assert_allclose(energies[0, 0], -np.log([0.01, 0.5, 1.0, 1.0]), rtol=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), "shape"),
        (np.zeros((4, 5, 3), np.float32), "float32"),
        (np.zeros((0, 5, 3), np.uint8), "empty"),
    ],
)
def test_wrong_images_are_refused(image, message):
    with pytest.raises(UsageError, match=message):
        DenseCrf(image)


@pytest.mark.parametrize("shape", [(2, 5, 4), (4, 5), (0, 4, 5)])
def test_wrong_energies_are_refused(shape):
    crf = DenseCrf(np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(UsageError, match="energies of shape"):
        crf.infer(np.zeros(shape, np.float32))


def test_nonfinite_and_misshaped_binary_energies_are_refused():
    crf = DenseCrf(np.zeros((4, 5, 3), np.uint8))
    for hostile in (np.nan, np.inf, -np.inf):
        energies = np.zeros((2, 4, 5), np.float32)
        energies[1, 2, 3] = hostile
        with pytest.raises(UsageError, match="NaN"):
            crf.infer(energies)
        with pytest.raises(UsageError, match="NaN"):
            crf.infer_binary(energies[None])
    for labels in (1, 3):
        with pytest.raises(UsageError, match=f"{labels}; use infer"):
            crf.infer_binary(np.zeros((1, labels, 4, 5), np.float32))
    for shape in ((2, 4, 5), (1, 2, 5, 4), (1, 2, 4, 6), (0, 2, 4, 5), (1, 1, 2, 4, 5)):
        with pytest.raises(UsageError, match=r"give \(S, 2, H, W\) with \(H, W\) = \(4, 5\)"):
            crf.infer_binary(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "wrong",
    [{"color_sigma": 0.0}, {"iterations": -1}, {"image": "hsv"}, {"backend": "cuda"}],
)
def test_wrong_configurations_are_refused(wrong):
    with pytest.raises(UsageError):
        CrfConfig(**wrong)


def test_absent_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydensecrf.densecrf", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[crf\]"):
        DenseCrf(np.zeros((2, 2, 3), np.uint8), CrfConfig(backend="pydensecrf"))
