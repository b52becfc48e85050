import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lexiseg.models.beit3 import Beit3, Beit3Config, Beit3Network
from lexiseg.models.openworldsam import load_adapter, load_sam2
from lexiseg.training.mini.beit3.tokenizer import learn_tokenizer
from lexiseg.training.mini.openworldsam.recipe import AdapterRecipe, mini_training, new_adapter
from lexiseg.training.openworldsam.config import Schedule
from lexiseg.training.openworldsam.networks import FrozenNetworks


@pytest.fixture(scope="module")
def beit3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BEiT-3 of random weights that knows no words."""
    folder: Path = tmp_path_factory.mktemp("beit3")
    tokenizer = learn_tokenizer(["the dog", "a cat"], 100)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = Beit3Config(64, 1, 1, 64, 32, 16, tokenizer.get_vocab_size(), 40)
    save_file(Beit3Network(config).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(config)), encoding="utf-8")
    return folder


def test_only_negatives_teach_the_object_score() -> None:
    without, with_them = mini_training(0, False), mini_training(0, True)
    assert without.negatives == without.presence_weight == 0
    assert with_them.negatives > 0 and with_them.presence_weight > 0


def test_the_adapter_fits_its_networks_and_follows_from_the_seed(beit3_folder: Path) -> None:
    networks = FrozenNetworks(load_sam2("mini-sam2", "cpu"), Beit3.load(beit3_folder, "cpu"))
    one, same, other = (new_adapter(networks, seed) for seed in (1, 1, 2))
    assert (one.config.encoder_width, one.config.width) == (64, 128)
    assert torch.equal(one.positional_tokens, same.positional_tokens)
    assert not torch.equal(one.positional_tokens, other.positional_tokens)


def test_a_run_leaves_an_adapter_for_the_package(beit3_folder: Path, tmp_path: Path) -> None:
    recipe = AdapterRecipe(
        tmp_path, str(beit3_folder), Schedule(steps=1), scenes=3, held_out=2, device="cpu"
    )
    recipe.run()
    adapter, _ = load_adapter(tmp_path / "negatives" / "weights")
    assert adapter.config.scope == "each" and adapter.config.layout == "one_token"
    record = (tmp_path / "negatives" / "weights" / "training.json").read_text("utf-8")
    assert str(beit3_folder) not in record and '"steps_before"' not in record
    later = AdapterRecipe(
        tmp_path / "later", str(beit3_folder), Schedule(steps=1), scenes=3, held_out=2,
        start=tmp_path / "negatives", device="cpu",
    )  # fmt: skip
    later.run()
    record = (tmp_path / "later" / "negatives" / "weights" / "training.json").read_text("utf-8")
    assert json.loads(record)["data"]["steps_before"] == 1
