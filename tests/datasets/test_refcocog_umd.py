from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lexiseg.errors import UnknownNameError
from lexiseg.registry import DATASETS
from tests.contracts.test_datasets import refcocog_umd


def test_the_first_sentence_of_every_object_is_asked(layouts: Any, tmp_path: Path) -> None:
    refcocog_umd(layouts, tmp_path)
    [sample] = DATASETS["refcocog-umd"](tmp_path)
    assert [target.sentences for target in sample.targets] == [("The car",), ("The car",)]
    assert [target.mask.area for target in sample.targets] == [16, 4]
    assert sample.image.is_file()


def test_all_sentences_are_another_protocol(layouts: Any, tmp_path: Path) -> None:
    refcocog_umd(layouts, tmp_path)
    dataset = DATASETS["refcocog-umd"](tmp_path, sentences="all")
    assert dataset[0].targets[0].sentences == ("The car", "A car")
    assert dataset.split != DATASETS["refcocog-umd"](tmp_path).split
    with pytest.raises(UnknownNameError, match="first"):
        DATASETS["refcocog-umd"](tmp_path, sentences="last")
