"""Folders, patterns and list files."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.listing import list_images


@pytest.fixture
def tree(tmp_path):
    for name in ("b.png", "a.JPG", "deep/er/c.webp", ".hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    (tmp_path / "notes.md").write_text("no picture")
    return tmp_path


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_folder_is_searched_in_order_with_its_subfolders(tree):
    assert names(list_images(tree), tree) == ["a.JPG", "b.png", "deep/er/c.webp"]


def test_patterns_and_duplicates(tree):
    given = [str(tree / "b.png"), str(tree / "*.png"), tree, str(tree / "deep" / ".." / "b.png")]
    assert names(list_images(given), tree) == ["b.png", "a.JPG", "deep/er/c.webp"]
    assert names(list_images(str(tree / "**" / "*.webp")), tree) == ["deep/er/c.webp"]


def test_patterns_take_pictures_only(tree):
    (tree / "album.png").mkdir()
    assert names(list_images(str(tree / "*")), tree) == ["a.JPG", "b.png"]


def test_a_list_file_has_comments_and_paths_relative_to_itself(tree, tmp_path):
    listing = tree / "list.txt"
    listing.write_text("\ufeff# pictures\n\nb.png\ndeep/er/c.webp\nb.png\nmissing.png\n", "utf-8")
    assert [path.name for path in list_images(listing)] == ["b.png", "c.webp", "missing.png"]


def test_a_missing_file_stays_listed_so_that_reading_reports_it(tree):
    assert [path.name for path in list_images([tree / "gone.jpg"])] == ["gone.jpg"]


def test_a_name_with_brackets_is_a_file_first(tree):
    path = tree / "c[1].png"
    Image.new("RGB", (2, 2)).save(path)
    assert list_images(str(path)) == [path]


@pytest.mark.parametrize("what", ["nothing", "folder", "pattern", "list", "url", "latin"])
def test_nothing_found_is_one_sentence(what, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("# none\n")
    (tmp_path / "latin.txt").write_bytes(b"k\xf6ln.jpg\n")
    source = {
        "nothing": [],
        "folder": tmp_path / "empty",
        "pattern": str(tmp_path / "*.jpg"),
        "list": tmp_path / "empty.txt",
        "url": "https://example.org/*.jpg",
        "latin": tmp_path / "latin.txt",
    }[what]
    with pytest.raises(ImageError) as caught:
        list_images(source)
    assert "\n" not in str(caught.value)


def test_results_of_a_run_and_hidden_folders_are_no_pictures(tree):
    for folder in ("run", ".thumbnails"):
        (tree / folder / "masks").mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(tree / folder / "masks" / "1.png")
        (tree / folder / "b.png").write_bytes((tree / "b.png").read_bytes())
    (tree / "run" / "results.jsonl").touch()
    assert names(list_images(tree), tree) == ["a.JPG", "b.png", "deep/er/c.webp"]
    assert names(list_images(tree / "run"), tree) == ["run/b.png", "run/masks/1.png"]


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_name_is_not_the_working_folder(blank):
    with pytest.raises(ImageError, match="empty"):
        list_images(blank)


def test_linked_folders_are_followed_once_and_not_in_circles(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.new("RGB", (2, 2)).save(elsewhere / "d.png")
    (tree / "away").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tree)
    (tree / "again").symlink_to(tree / "deep")
    assert names(list_images(tree), tree) == ["a.JPG", "away/d.png", "b.png", "deep/er/c.webp"]


def test_a_link_that_leads_nowhere_stays_listed_so_that_reading_reports_it(tree):
    (tree / "gone.jpg").symlink_to(tree / "nothing.jpg")
    assert "gone.jpg" in names(list_images(tree), tree)


def test_a_folder_that_cannot_be_opened_is_told(tree, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if os.fspath(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.warns(UserWarning, match="deep cannot be searched .Permission denied."):
        assert names(list_images(tree), tree) == ["a.JPG", "b.png"]


@pytest.mark.parametrize("suffix", ["jfif", "HEIC", "avif", "ico", "pcx"])
def test_every_kind_that_can_be_read_is_found_in_folders(suffix, tmp_path):
    (tmp_path / f"a.{suffix}").write_bytes(b"x")
    (tmp_path / f"._a.{suffix}").write_bytes(b"what macOS leaves on foreign disks")
    assert names(list_images(tmp_path), tmp_path) == [f"a.{suffix}"]
