"""The tables that travel with the package are complete and consistent."""

from __future__ import annotations

import re

import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.models.hub import checkpoints
from lexiseg.models.verify.behaviour import KINDS
from lexiseg.models.verify.published import published_tables, require_known
from lexiseg.registry import SEGMENTERS

TABLES = published_tables()
LENGTHS = {"sha256": 64, "sha512": 128, "md5": 32}


def test_every_file_is_of_a_checkpoint_and_has_a_source() -> None:
    known = {*checkpoints(), *SEGMENTERS, "beit3-base-indomain"}
    assert {file.name for file in TABLES.files} <= known
    for file in TABLES.files:
        assert file.source and file.license and file.digests


def test_digests_are_digests_and_belong_to_one_file() -> None:
    seen = [one.sha256 for one in (*TABLES.files, *TABLES.look_alikes)]
    assert len(set(seen)) == len(seen)
    for file in TABLES.files:
        for kind, digest in file.digests.items():
            assert re.fullmatch(rf"[0-9a-f]{{{LENGTHS[kind]}}}", digest), file.file


def test_every_value_can_be_checked() -> None:
    assert {value.name for value in TABLES.values} <= checkpoints().keys()
    for value in TABLES.values:
        assert value.kind in KINDS and value.source and value.expected
        assert all(name in TABLES.pictures for name in value.pictures)
        assert value.tolerance >= 0 and value.check
    checks = [(value.name, value.check) for value in TABLES.values]
    assert len(set(checks)) == len(checks)


def test_every_picture_is_needed_and_says_where_to_get_it() -> None:
    needed = {name for value in TABLES.values for name in value.pictures}
    assert needed == TABLES.pictures.keys()
    assert all(picture.where and picture.files for picture in TABLES.pictures.values())


def test_names() -> None:
    for name in ("sam-vit-b", "mini-sam", "efficientvit-sam-xl1"):
        require_known(name, TABLES)
    with pytest.raises(UnknownNameError, match="did you mean 'sam-vit-b'"):
        require_known("sam-vitb", TABLES)
