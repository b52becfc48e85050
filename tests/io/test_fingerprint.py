from __future__ import annotations

import os
from pathlib import Path

from lexiseg.io.fingerprint import Fingerprint


def test_another_content_of_equal_size_and_time_does_not_fit(tmp_path: Path) -> None:
    photo = tmp_path / "a.ppm"
    photo.write_bytes(b"one")
    known, times = Fingerprint.of(photo), (photo.stat().st_atime_ns, photo.stat().st_mtime_ns)
    assert known.fits(photo)
    photo.write_bytes(b"two")
    os.utime(photo, ns=times)
    assert not known.fits(photo)


def test_the_same_content_fits_whatever_its_times(tmp_path: Path) -> None:
    photo = tmp_path / "a.ppm"
    photo.write_bytes(b"one")
    known = Fingerprint.of(photo)
    os.utime(photo, ns=(1, 1))
    assert known.fits(photo)
    copy = tmp_path / "b.ppm"
    copy.write_bytes(b"one")
    assert known.fits(copy)
    copy.write_bytes(b"longer")
    assert not known.fits(copy)


def test_it_comes_back_from_json(tmp_path: Path) -> None:
    photo = tmp_path / "a.ppm"
    photo.write_bytes(b"one")
    known = Fingerprint.of(photo)
    assert Fingerprint.from_json(known.to_json()) == known
