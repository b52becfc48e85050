import torch
import torch.nn.functional as F

from lexiseg.models.clip import BpeTokenizer, TextConfig, TextTower
from lexiseg.training.mini.clip.text_distillation import distill_names
from lexiseg.training.mini.clip.texts import TEMPLATES, NameTable
from lexiseg.training.mini.vocabulary import vocabulary_size

NAMES = ["dog", "fire engine", "sky", "cat"]


def test_the_text_tower_learns_to_say_the_vectors_in_every_template(
    tokenizer: BpeTokenizer,
) -> None:
    torch.manual_seed(0)
    size = vocabulary_size(tokenizer.folder)
    tower = TextTower(TextConfig(32, 1, 1, vocabulary=size, embed_dim=8, activation="gelu"))
    table, words = NameTable(tokenizer, NAMES), torch.randn(len(NAMES), 8)
    assert distill_names(tower, table, words, steps=80, seed=0) > 0.9
    with torch.no_grad():
        for ids in table.ids:
            said = F.normalize(tower(ids), dim=-1) @ F.normalize(words, dim=-1).T
            assert torch.equal(said.argmax(dim=1), torch.arange(len(NAMES)))


def test_a_table_holds_every_name_in_every_template(tokenizer: BpeTokenizer) -> None:
    table = NameTable(tokenizer, NAMES)
    assert table.ids.shape[:2] == (len(TEMPLATES), len(NAMES))
    chosen = torch.tensor([0, 1, 2, 1])
    expected = tokenizer([TEMPLATES[t].format(n) for t, n in zip(chosen, NAMES, strict=True)])
    assert torch.equal(table.pick(chosen), expected)
    drawn = torch.stack([table.draw(torch.Generator().manual_seed(k)) for k in range(60)])
    assert any((row == row[0]).all() for row in drawn)
    assert any((row != row[0]).any() for row in drawn)
