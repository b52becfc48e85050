"""Adapters of Tables 4 and 5 on tiny networks: trained once, kept, and asked as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.replication.openworldsam.lessons import School
from lexiseg.replication.openworldsam.rows import BEIT3_TEXT, CLIP_LATE, E1, E3, E4, E5
from tests.models.tiny_openworldsam import make_openworldsam


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    folder = tmp_path_factory.mktemp("school")
    parts = make_openworldsam(folder / "weights")
    base: Any = lexiseg.load("openworldsam", **parts, device="cpu", dtype="float32")
    return School(folder / "runs", base, steps=1, pictures=2, quiet=True)


def test_sizes_are_what_the_rows_say(school: School) -> None:
    school.teach([E1, E3, CLIP_LATE])
    one, flat, late = (school.taught(lesson) for lesson in (E1, E3, CLIP_LATE))
    assert (one.adapter.config.tie_breakers, one.adapter.config.layers) == (1, 0)
    sizes = school.base.adapter.config
    shared = replace(sizes, dropout=0.0, layout="one_token", scope="each")
    assert flat.adapter.config == replace(shared, layers=0)
    assert late.encoder.width == late.adapter.config.encoder_width != school.base.encoder.width
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    for method in (one, flat, late):
        assert method.segment(image, ["dog"]).names == ("dog",)
    assert one.recipe().weights != flat.recipe().weights


def test_what_was_trained_is_not_trained_again(school: School) -> None:
    school.teach([E3])
    [weights] = school.folder.glob("e3-1/model.safetensors")
    made = weights.stat().st_mtime_ns
    school.teach([E3])
    assert weights.stat().st_mtime_ns == made


def test_thawed_encoders_learn_and_the_shared_one_stays(school: School) -> None:
    before = {k: v.clone() for k, v in school.base.encoder.network.state_dict().items()}
    school.teach([E4])
    trained = school.taught(E4).encoder
    after = school.base.encoder.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    own = trained.network.state_dict()
    assert any(not torch.equal(before[key], own[key]) for key in before)
    assert trained.fingerprint != school.base.encoder.fingerprint


def test_a_blind_encoder_gives_the_same_vector_for_every_picture(school: School) -> None:
    school.teach([E3, BEIT3_TEXT])
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for method in (school.taught(E3, blind=True), school.taught(BEIT3_TEXT)):
        first, second = (method.encode(image).vectors(["dog"]) for image in images)
        assert torch.equal(first, second)
    seeing = school.taught(E3)
    first, second = (seeing.encode(image).vectors(["dog"]) for image in images)
    assert not torch.equal(first, second)


def test_all_begin_alike(school: School) -> None:
    one, other = (school._adapter(lesson, 48) for lesson in (E5, BEIT3_TEXT))
    assert all(map(torch.equal, one.parameters(), other.parameters()))
    assert Path(school.folder).is_dir()
