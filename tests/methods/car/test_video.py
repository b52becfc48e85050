"""Frame by frame, with and without memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lexiseg.methods.car import CaR, CarConfig
from lexiseg.methods.car.recurrence import Step, Trace
from lexiseg.methods.car.video import TemporalSmoother

Paint = Callable[..., NDArray[np.uint8]]
NAMES = ["cat", "boat", "lamp"]


def test_without_smoothing_every_frame_stands_alone(car: CaR, picture: Paint) -> None:
    frames = [picture(seed=seed) for seed in range(2)]
    together = list(car.video(frames, NAMES))
    alone = [car.segment(frame, NAMES) for frame in frames]
    assert [r.instances for r in together] == [r.instances for r in alone]
    assert [r.presence for r in together] == [r.presence for r in alone]


def test_frames_are_read_one_at_a_time(car: CaR, picture: Paint) -> None:
    read = 0

    def stream() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield picture()

    results = car.video(stream(), NAMES, smoothing=0.5)
    assert read == 0
    next(results)
    next(results)
    assert read == 2


def test_a_still_video_does_not_drift(car: CaR, picture: Paint) -> None:
    first, *_, last = car.video([picture()] * 4, NAMES, smoothing=0.8)
    assert first.instances.labels == last.instances.labels
    for one, other in zip(first.instances, last.instances, strict=True):
        assert (one.mask.to_array() == other.mask.to_array()).mean() > 0.99


def test_frames_of_another_size_start_afresh(car: CaR, picture: Paint) -> None:
    sizes = [(52, 75), (90, 40), (52, 75)]
    results = car.video([picture(*size) for size in sizes], NAMES, smoothing=0.5)
    assert [result.size_hw for result in results] == sizes


def test_sentences_can_be_followed(car: CaR, picture: Paint) -> None:
    frames = [picture(seed=seed) for seed in range(2)]
    results = list(car.video(frames, ["the left boat"], refer=True))
    alone = [car.refer(frame, "the left boat") for frame in frames]
    assert [r.instances for r in results] == [r.instances for r in alone]


def trace(scores: dict[int, float], value: float) -> Trace:
    kept, final = tuple(scores), tuple(scores.values())
    maps = torch.full((len(kept), 2), value)
    return Trace((Step((0, 1), (0.0, 0.0), kept),), kept, final, maps)


def test_scores_and_maps_are_exponential_means() -> None:
    config = replace(CarConfig(theta=0.3), temporal_smoothing=0.75)
    smoother = TemporalSmoother(config)
    assert smoother(0, trace({0: 0.8}, 1.0), 2).kept == (0,)
    second = smoother(0, trace({1: 0.4}, 1.0), 2)
    assert second.kept == (0,)  # 0.6 for the one seen before, 0.1 for the newcomer
    assert second.scores == pytest.approx((0.6,))
    assert second.proposals.tolist() == [[0.75, 0.75]]
    assert second.steps[-1].scores == pytest.approx((0.6, 0.1))


def test_runs_do_not_share_their_memory() -> None:
    smoother = TemporalSmoother(replace(CarConfig(theta=0.3), temporal_smoothing=0.5))
    smoother(0, trace({0: 0.8}, 1.0), 2)
    assert smoother(1, trace({1: 0.4}, 1.0), 2).scores == pytest.approx((0.4,))
