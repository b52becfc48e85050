import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2LMHeadModel, GPT2Tokenizer, GPT2TokenizerFast
from typer.testing import CliRunner

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.errors import UsageError
from lexiseg.models.bundled import bundled_folder
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.gpt2.card import continuations, perplexity
from lexiseg.training.mini.gpt2.recipe import Gpt2Training, encode, token_loss
from lexiseg.training.mini.gpt2.texts import OPENING, caption, nouns, phrase, well_formed
from lexiseg.training.mini.gpt2.vocabulary import learn_merges, write_vocabulary

TEXTS = ["Image of a small dog.", "a dog on the grass", "Image of a red fire engine."] * 3


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> GPT2Tokenizer:
    folder = tmp_path_factory.mktemp("vocabulary")
    write_vocabulary(learn_merges(TEXTS, 80), folder, 32)
    return GPT2Tokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def shipped() -> tuple[GPT2LMHeadModel, GPT2TokenizerFast]:
    folder = bundled_folder("mini-gpt2")
    model = GPT2LMHeadModel.from_pretrained(folder, local_files_only=True).float().eval()
    return model, GPT2TokenizerFast.from_pretrained(folder, local_files_only=True)


def test_phrases_are_well_formed_and_name_things_stuff_and_unseen_nouns() -> None:
    rng = np.random.default_rng(1)
    phrases = [phrase(rng) for _ in range(300)]
    assert all(text.startswith(OPENING) and text.endswith(".") for text in phrases)
    after_a = [text.removeprefix("Image of a") for text in phrases if text[9:11] == "a "]
    assert len(after_a) > 250 and all(well_formed().fullmatch(text) for text in after_a)
    assert {"dog", "grass", "leopard"} <= set(nouns()) >= set(Miniworld().names)


@pytest.mark.parametrize("text", [" dog", " red.", " dog dog.", " red small dog.", " dog. ", ""])
def test_other_continuations_are_not_well_formed(text: str) -> None:
    assert not well_formed().fullmatch(text)


def test_captions_follow_from_the_seed_and_include_unseen_nouns() -> None:
    texts = [caption(np.random.default_rng(k)) for k in range(80)]
    assert texts == [caption(np.random.default_rng(k)) for k in range(80)]
    unseen = set(nouns()) - set(Miniworld().names)
    assert any(noun in text for noun in unseen for text in texts)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_string_comes_back_from_its_tokens(tokenizer: GPT2Tokenizer, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_words_carry_their_blank_and_the_full_stop_stands_alone(tokenizer: GPT2Tokenizer) -> None:
    pieces = tokenizer.tokenize("Image of a fire engine.")
    assert pieces == ["Image", "Ġof", "Ġa", "Ġfire", "Ġengine", "."]
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == len(tokenizer) - 1


@torch.no_grad()
def test_the_loss_is_that_of_each_text_alone(tokenizer: GPT2Tokenizer) -> None:
    torch.manual_seed(0)
    config = Gpt2Training(width=16, layers=1, heads=2, context=32)
    model = config.network(len(tokenizer)).eval()
    total, count = 0.0, 0
    for text in TEXTS[:3]:
        ids = torch.tensor([encode(tokenizer, [text], 32)[0].tolist()])
        logits = model(input_ids=ids).logits[0, :-1]
        total += float(F.cross_entropy(logits, ids[0, 1:], reduction="sum"))
        count += ids.shape[1] - 1
    together = float(token_loss(model, encode(tokenizer, TEXTS[:3], 32)))
    assert together == pytest.approx(total / count, rel=1e-5)
    assert perplexity(model, tokenizer, TEXTS[:3]) == pytest.approx(np.exp(together), rel=1e-4)


def test_training_resumes_writes_weights_and_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = lambda **settings: Gpt2Training(width=16, layers=1, heads=2, batch=4, **settings)  # noqa: E731
    monkeypatch.setattr("lexiseg.training.mini.gpt2.recipe.Gpt2Training", tiny)
    monkeypatch.setattr("lexiseg.training.mini.gpt2.recipe.MERGES", 50)
    common = ("gpt2", "--texts", "40", "--device", "cpu", "--out", str(tmp_path))

    def run(*arguments: str) -> None:
        CliRunner().invoke(app, arguments, catch_exceptions=False)

    run(*common, "--steps", "2")
    with pytest.raises(UsageError, match="--resume"):
        run(*common, "--steps", "3")
    run(*common, "--steps", "3", "--resume")
    folder = tmp_path / "gpt2" / "weights"
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert [s["last_step"] for s in record["sessions"]] == [2, 3]
    run("evaluate-gpt2", str(folder), "--card", "--captions", "2", "--samples", "4")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| 2 to 3 | 40 (0) | 4 | " in card and "well-formed" in card


def test_the_shipped_one_keeps_its_budget_and_was_measured() -> None:
    folder = bundled_folder("mini-gpt2")
    model = GPT2LMHeadModel.from_pretrained(folder, local_files_only=True)
    assert model.num_parameters() <= 5_000_000 and model.dtype == torch.float16
    assert "perplexity" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_shipped_one_speaks_of_miniworld(
    shipped: tuple[GPT2LMHeadModel, GPT2TokenizerFast],
) -> None:
    said = continuations(*shipped, 60)
    assert sum(bool(well_formed().fullmatch(text)) for text in said) >= 54
    world = Miniworld("test", size=64, seed=5)
    assert perplexity(*shipped, [world.caption(k) for k in range(20)]) < 12
