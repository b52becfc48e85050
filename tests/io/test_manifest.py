from __future__ import annotations

import os
from pathlib import Path

import pytest

from lexiseg.errors import OutputError
from lexiseg.io.manifest import HEADER, Manifest, RunOutputs


def write(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return [folder / name for name in names]


def test_files_are_noted_once_and_known_again(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.jpg", "masks/0/1.png")
    manifest = Manifest(tmp_path)
    manifest.add(*paths)
    manifest.add(paths[0], *paths)
    again = Manifest(tmp_path)
    again.add(*paths)
    assert list(again) == paths and all(map(again.holds, paths))
    assert (tmp_path / "files.txt").read_text() == f"{HEADER}\na.jpg\nmasks/0/1.png\n"


def test_a_list_that_went_through_another_system_is_still_ours(tmp_path: Path) -> None:
    path = tmp_path / "files.txt"
    (photo,) = write(tmp_path, "a.jpg")
    path.write_bytes(f"{HEADER}\r\na.jpg\r\n".encode())
    assert list(Manifest(tmp_path)) == [photo]


def test_the_list_of_another_program_is_neither_believed_nor_replaced(tmp_path: Path) -> None:
    (photo,) = write(tmp_path, "holiday.jpg")
    (tmp_path / "files.txt").write_text("holiday.jpg\n")
    foreign = Manifest(tmp_path)
    assert not foreign.exists and not foreign.holds(photo)
    with pytest.raises(OutputError, match=r"files\.txt exists already"):
        foreign.add(*write(tmp_path, "a.png"))
    foreign.remove([photo])
    assert photo.exists() and (tmp_path / "files.txt").read_text() == "holiday.jpg\n"


def test_with_overwrite_the_list_of_another_program_goes_but_not_what_it_names(
    tmp_path: Path,
) -> None:
    (photo,) = write(tmp_path, "holiday.jpg")
    (tmp_path / "files.txt").write_text("holiday.jpg\n")
    ours = Manifest(tmp_path, overwrite=True)
    ours.add(*write(tmp_path, "a.png"))
    ours.remove(list(ours))
    assert photo.exists() and not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("line", [b"\xff\xfe.jpg", b"\0", b"", b"../up.jpg", b"/etc/passwd", b"."])
def test_damaged_and_hostile_lines_harm_nothing(tmp_path: Path, line: bytes) -> None:
    folder = tmp_path / "run"
    outside = write(tmp_path, "up.jpg")[0]
    paths = write(folder, "a.jpg")
    Manifest(folder).add(*paths)
    with (folder / "files.txt").open("ab") as stream:
        stream.write(line + b"\n")
    manifest = Manifest(folder)
    manifest.remove(list(manifest))
    assert outside.exists() and not paths[0].exists()


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.jpg", "b.jpg")
    Manifest(tmp_path).add(paths[0])
    with (tmp_path / "files.txt").open("ab") as stream:
        stream.write(b"mas")
    Manifest(tmp_path).add(paths[1])
    assert all(map(Manifest(tmp_path).holds, paths))


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_a_link_inside_the_folder_leads_nowhere(tmp_path: Path) -> None:
    outside = write(tmp_path, "out/precious.jpg")[0]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "out")
    (folder / "files.txt").write_text(f"{HEADER}\nlink/precious.jpg\n")
    manifest = Manifest(folder)
    manifest.remove(list(manifest))
    assert outside.exists()


def test_removing_takes_empty_folders_and_the_list_along(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    paths = write(folder, "masks/0/1.png", "masks/1/1.png")
    mine = write(folder, "masks/1/mine.txt")[0]
    manifest = Manifest(folder)
    manifest.add(*paths)
    manifest.remove(paths[:1])
    assert list(Manifest(folder)) == paths[1:] and not (folder / "masks" / "0").exists()
    manifest.remove(paths)
    assert [path for path in folder.rglob("*") if path.is_file()] == [mine]


def test_outputs_are_told_from_photos_in_any_folder_above(tmp_path: Path) -> None:
    photo, output = write(tmp_path, "deep/photo.jpg", "deep/masks/1.png")
    Manifest(tmp_path).add(output)
    outputs = RunOutputs()
    assert outputs.hold(output) and not outputs.hold(photo)
