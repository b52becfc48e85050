import json

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.gpt2 import Gpt2, Gpt2Network, Gpt2Tokenizer
from lexiseg.training.mini.vocabulary import byte_symbols

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def published() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=260, n_positions=20, n_embd=12, n_layer=3, n_head=2, n_inner=20,
        initializer_range=0.3, bos_token_id=258, eos_token_id=258,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="module")
def folder(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    published.save_pretrained(folder)
    entries = [*byte_symbols(), "ca", "Ġca", END, "Ġcab"]
    (folder / "vocab.json").write_text(json.dumps({e: i for i, e in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\nc a\nĠ ca\n")
    return folder


@pytest.fixture(scope="module")
def tokens() -> torch.Tensor:
    return torch.randint(0, 250, (3, 7), generator=torch.Generator().manual_seed(0))


def test_logits_are_those_of_transformers(published, folder, tokens):
    model = Gpt2.load(folder, "cpu")
    expected = published(tokens).logits[:, -1]
    torch.testing.assert_close(model.network.logits(tokens), expected, atol=1e-5, rtol=1e-5)


def test_reading_in_two_parts_equals_reading_at_once(folder, tokens):
    network = Gpt2.load(folder, "cpu").network
    logits, whole = network.extend(tokens)
    _, first = network.extend(tokens[:, :4])
    again, both = network.extend(tokens[:, 4:], first)
    assert whole.shape == (3, 2, 3, 2, 7, 6)
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both, whole, atol=1e-5, rtol=1e-5)


def test_gradients_reach_keys_and_values_but_no_weight(folder, tokens):
    network = Gpt2.load(folder, "cpu").network
    _, past = network.extend(tokens[:, :-1])
    free = past.clone().requires_grad_()
    network.logits(tokens[:, -1:], free).square().sum().backward()
    slopes = free.grad.flatten(3).norm(dim=3)
    assert (slopes > 0).all()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_old_checkpoints_with_masks_and_prefix_load(published, tokens):
    state = {key: tensor for key, tensor in published.state_dict().items() if "lm_head" not in key}
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 20, 20)
    state["transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    network = Gpt2Network.from_state_dict(state, heads=2)
    expected = published(tokens).logits[:, -1]
    torch.testing.assert_close(network.logits(tokens), expected, atol=1e-5, rtol=1e-5)


def test_a_head_of_its_own_is_used(published, tokens):
    state = dict(published.state_dict())
    state["lm_head.weight"] = 2 * state["lm_head.weight"]
    network = Gpt2Network.from_state_dict(state, heads=2)
    expected = 2 * published(tokens).logits[:, -1]
    torch.testing.assert_close(network.logits(tokens), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lost", ["transformer.h.1.ln_1.bias", "transformer.wte.weight"])
def test_incomplete_weights_are_refused(published, lost):
    state = {key: tensor for key, tensor in published.state_dict().items() if key != lost}
    with pytest.raises(CheckpointError, match=lost.removeprefix("transformer.")):
        Gpt2Network.from_state_dict(state, heads=2)


def test_the_number_of_heads_must_be_said(published):
    with pytest.raises(CheckpointError, match="heads=N"):
        Gpt2Network.from_state_dict(published.state_dict())


def test_another_kind_of_model_is_refused(tmp_path, folder):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match="'llama'"):
        Gpt2.load(tmp_path, "cpu")


def test_a_tokenizer_of_another_size_is_refused(tmp_path, folder):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    entries = json.loads((folder / "vocab.json").read_text())
    del entries["Ġcab"]
    (tmp_path / "vocab.json").write_text(json.dumps(entries))
    with pytest.raises(CheckpointError, match="260 token embeddings.* 259 tokens"):
        Gpt2.load(tmp_path, "cpu")


def test_text_and_tokens(folder):
    tokenizer = Gpt2Tokenizer(folder)
    ids = tokenizer.encode(" cab, ca")
    assert [tokenizer.pieces[token] for token in ids] == [" ca", "b", ",", " ca"]
    assert tokenizer.decode(ids) == " cab, ca"
    assert tokenizer.pieces[tokenizer.start] == END
    assert len(tokenizer) == len(tokenizer.pieces) == 260


def test_broken_or_absent_tokenizers_are_reported(tmp_path):
    with pytest.raises(WeightsNotFoundError, match="no tokenizer"):
        Gpt2Tokenizer(tmp_path)
    (tmp_path / "vocab.json").write_text("{")
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Gpt2Tokenizer(tmp_path)
