"""One PNG per region, and its table."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.object_png import read_object_pngs, write_object_pngs


def test_regions_come_back_exactly(result, regions_of, tmp_path):
    *files, table = write_object_pngs([result], tmp_path, name="a")
    assert len(files) == len(result.instances)
    assert np.unique(np.asarray(Image.open(files[0]))).tolist() == [0, 255]
    again = read_object_pngs(table.parent)
    assert regions_of(again) == regions_of(result)
    assert (again.names, again.path) == (result.names, result.path)


def test_damaged_folders_are_one_sentence(result, tmp_path):
    *files, table = write_object_pngs([result], tmp_path, name="a")
    Image.new("L", (3, 3)).save(files[0])
    with pytest.raises(UsageError, match="another size"):
        read_object_pngs(table.parent)
    files[0].unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        read_object_pngs(table.parent)
    table.write_text("{}")
    with pytest.raises(UsageError, match=r"objects\.json"):
        read_object_pngs(table.parent)
