"""The small GPT-2 learns captions and noun phrases: `python -m lexiseg.training.mini gpt2`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.device import choose_device
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, train_and_export
from lexiseg.training.mini.gpt2.texts import draw_text
from lexiseg.training.mini.gpt2.vocabulary import learn_merges, write_vocabulary
from lexiseg.training.mini.shipping import bundled_sessions, write_half

MERGES = 1500
IGNORED = -100  # a target that cross_entropy leaves out
HELD_OUT = 500  # texts that no step sees


@dataclass(frozen=True)
class Gpt2Training(TrainingConfig):
    """Sizes and settings of the small GPT-2."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    context: int = 64  # tokens
    texts: int = 60_000
    batch: int = 96
    checkpoint_every: int = 100

    def network(self, entries: int) -> GPT2LMHeadModel:
        """A new network for a vocabulary of so many entries; its last one ends texts."""
        config = GPT2Config(
            vocab_size=entries,
            n_positions=self.context,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            bos_token_id=entries - 1,
            eos_token_id=entries - 1,
            resid_pdrop=0.0,  # the supply of texts is endless, so nothing needs dropout
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
        return GPT2LMHeadModel(config)


class Gpt2Learner(Learner):
    """The small GPT-2 in training.

    Args:
        config: sizes and settings.
        texts: what to read; the first `HELD_OUT` are held out.
        tokenizer: of the network.
        device, group: as of `Learner`.
    """

    config: Gpt2Training
    label = "training GPT-2"

    def __init__(
        self,
        config: Gpt2Training,
        texts: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
    ) -> None:
        super().__init__(config, len(texts), device, group)
        self.tokenizer = tokenizer
        self.model = config.network(len(tokenizer))
        nn.Module.to(self.model, self.device)  # typed, unlike the model's own
        self.optimizer = muon_and_adamw(self.model, ".h.")
        self.tokens = encode(tokenizer, texts, config.context)

    def advance(self, progress: float) -> dict[str, float]:
        """Predict every token of a batch from those before it."""
        held_out = min(HELD_OUT, len(self.tokens) // 2)
        seen = len(self.tokens) - held_out
        rows = torch.randint(seen, (self.config.batch,), generator=self.generator()) + held_out
        loss = self._loss(self.tokens[rows])
        torch.autograd.backward(loss)
        self.group.average(parameter.grad for parameter in self.model.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {"loss": round(loss.item(), 4)}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Loss per token on the texts kept apart."""
        held_out = self.tokens[: min(HELD_OUT, len(self.tokens) // 2)]
        losses = [self._loss(part).item() for part in torch.split(held_out, self.config.batch)]
        return {"val_loss": round(sum(losses) / len(losses), 4)}

    def parts(self) -> dict[str, Stateful]:
        """Network and optimizer."""
        return {"network": self.model, "optimizer": self.optimizer}

    def _loss(self, tokens: Tensor) -> Tensor:
        with self.autocast():
            return token_loss(self.model, tokens.to(self.device))


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], context: int) -> Tensor:
    """Token ids (N, L <= context) int64: end-of-text, the text, end-of-text, then `IGNORED`."""
    mark = len(tokenizer) - 1
    ids = tokenizer(list(texts), truncation=True, max_length=context - 2)["input_ids"]
    rows = [torch.tensor([mark, *row, mark]) for row in ids]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED)


def token_loss(model: GPT2LMHeadModel, tokens: Tensor) -> Tensor:
    """Mean cross-entropy, in nats per token, of rows as `encode` makes them."""
    used = int((tokens != IGNORED).any(dim=0).sum())  # cut what is empty in every row
    inputs, targets = tokens[:, : used - 1].clamp(min=0), tokens[:, 1:used]
    logits = model(input_ids=inputs, use_cache=False).logits.float()  # causal: padding is unseen
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


@dataclass(frozen=True)
class Gpt2Recipe:
    """One run of `gpt2`."""

    folder: Path
    budget: Budget
    config: Gpt2Training = Gpt2Training()
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    device: str = "auto"

    def run(self) -> Path:
        """Read, train and write the weights; returns their folder."""
        group, place = ProcessGroup.join(), self.folder / "gpt2"
        with group.main_first():
            texts = self._texts()
            vocabulary = self._vocabulary(texts)
        tokenizer = AutoTokenizer.from_pretrained(vocabulary, local_files_only=True)
        config = replace(self.config, rate=1e-3) if self.bundled else self.config
        learner = Gpt2Learner(config, texts, tokenizer, choose_device(self.device), group)
        if self.bundled:
            shipped = GPT2LMHeadModel.from_pretrained(vocabulary, local_files_only=True)
            learner.model.load_state_dict(shipped.state_dict())
            learner.sessions = [*bundled_sessions("mini-gpt2"), *learner.sessions]
        return train_and_export(
            learner, self.budget, place, self.resume, lambda made, at: export(made, vocabulary, at)
        )

    def _texts(self) -> list[str]:
        rng = np.random.default_rng(self.config.seed)
        return [draw_text(rng) for _ in tqdm(range(self.config.texts), "writing texts")]

    def _vocabulary(self, texts: Sequence[str]) -> Path:
        if self.bundled:
            return bundled_folder("mini-gpt2")
        folder = self.folder / "gpt2" / "vocabulary"
        if not (folder / "merges.txt").is_file():
            write_vocabulary(learn_merges(texts, MERGES), folder, self.config.context)
        return folder


def export(learner: Gpt2Learner, vocabulary: Path, folder: Path) -> None:
    """Write the network in half precision with its tokenizer and the record of its training."""
    config = learner.config
    stored = config.network(len(learner.tokenizer))
    stored.load_state_dict(learner.model.state_dict())
    write_half(stored, folder)
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copyfile(vocabulary / name, folder / name)
    write_record(learner, folder)
