"""One PNG per region, and its table."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.object_png import read_object_pngs, write_object_pngs
from lexiseg.io.read_context import ReadContext


def test_regions_come_back_exactly(result, regions_of, tmp_path):
    *files, table = write_object_pngs([result], tmp_path, name="a")
    assert len(files) == len(result.instances)
    assert np.unique(np.asarray(Image.open(files[0]))).tolist() == [0, 255]
    again = read_object_pngs(table.parent)
    assert regions_of(again) == regions_of(result)
    assert (again.names, again.path) == (result.names, result.path)


def test_damaged_masks_cost_themselves(result, regions_of, tmp_path):
    *files, table = write_object_pngs([result], tmp_path, name="a")
    Image.new("L", (3, 3)).save(files[0])
    files[1].unlink()
    context = ReadContext()
    again = read_object_pngs(table.parent, context)
    assert regions_of(again) == regions_of(result)[2:]
    assert context.report.skipped == {"mask of another size": 1, "malformed entry": 1}
    assert [skip.entry for skip in context.report.skips] == ["object 1", "object 2"]


def test_damaged_folders_are_one_sentence(result, tmp_path):
    *_, table = write_object_pngs([result], tmp_path, name="a")
    for text in ("{}", "[]", "[", '{"size": [-2, -2], "names": [], "objects": []}'):
        table.write_text(text)
        with pytest.raises(UsageError, match=r"objects\.json"):
            read_object_pngs(table.parent)
