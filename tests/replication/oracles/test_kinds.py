"""Kinds of names follow from what pictographs and stuff are called under both policies."""

from __future__ import annotations

from lexiseg.datasets.miniworld.sprites import all_sprites
from lexiseg.datasets.miniworld.taxonomy import load_taxonomy
from lexiseg.replication.oracles.kinds import MEANINGS, kinds_of_names


def test_every_name_has_a_kind_and_every_kind_a_name() -> None:
    kinds = kinds_of_names()
    assert tuple(kinds) == load_taxonomy("B").names
    assert set(kinds.values()) == set(MEANINGS)


def test_kinds_agree_with_a_walk_over_all_pictographs() -> None:
    """Slow twin: for every name, the names that policy A has for its pictographs."""
    own, other = load_taxonomy("A"), load_taxonomy("B")
    for name, kind in kinds_of_names().items():
        cells = [s.cell for s in all_sprites() if other.of_cell[s.cell] == name]
        if not cells:  # stuff, which is never divided
            assert kind == ("same" if name in own.names else "other word")
            continue
        before = {own.of_cell[cell] for cell in cells if cell in own.of_cell}
        wider = [s.cell for s in all_sprites() if own.of_cell.get(s.cell) in before]
        expected = (
            "same" if name in own.names
            else "novel" if not before
            else "coarser" if len(before) > 1
            else "finer" if set(wider) - set(cells)
            else "other word"
        )  # fmt: skip
        assert kind == expected, name
