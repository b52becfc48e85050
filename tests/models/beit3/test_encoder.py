"""Beside the weights stands how many heads they have; nothing else tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from lexiseg.errors import CheckpointError
from lexiseg.models.beit3 import Beit3, Beit3Network


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"heads": 0}, "heads is 0; expected a whole number from 1"),
        ({"heads": "four"}, "heads is 'four'; expected a whole number from 1"),
        ({"heads": None}, "heads is None; expected a whole number from 1"),
        ({"heads": 10**9}, "heads is 1000000000; expected a whole number from 1"),
        ([4], "config.json"),
    ],
)
def test_a_damaged_config_is_one_sentence_that_names_it(
    network: Beit3Network, tmp_path: Path, content: object, said: str
) -> None:
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=said) as caught:
        Beit3.load(tmp_path, "cpu", "float32")
    assert str(tmp_path / "config.json") in str(caught.value) and "\n" not in str(caught.value)
