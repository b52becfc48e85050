from dataclasses import replace
from pathlib import Path

import numpy as np

from lexiseg.training.mini.beit3.pool import (
    FIRST_STUFF,
    STRIDE,
    Beit3PoolConfig,
    open_beit3_pool,
    read_scene,
    region_map,
)

CONFIG = Beit3PoolConfig(scenes=3, size=64, seed=2)


def test_names_mean_what_the_scene_shows() -> None:
    for number in range(6):
        scene = CONFIG.world(number)[number]
        regions, facts = region_map(scene), read_scene(scene)
        coarse = slice(STRIDE // 2, None, STRIDE)
        semantic = scene.semantic[coarse, coarse]
        assert set(facts.names) == set(scene.names)
        for name, values in facts.names.items():
            meant = np.isin(regions, values)
            label = 1 + scene.vocabulary.index(name)
            assert (semantic[meant] == label).all()
            if min(values) >= FIRST_STUFF:
                assert (meant == (semantic == label)).all()
        assert all(facts.nouns[value] in text for text, value in facts.sentences)


def test_a_pool_is_drawn_once(tmp_path: Path) -> None:
    pool = open_beit3_pool(tmp_path, CONFIG, workers=1)
    scene = CONFIG.world(2)[2]
    assert np.array_equal(pool.images[2], scene.image)
    assert np.array_equal(pool.regions[2], region_map(scene))
    assert pool.facts[2] == read_scene(scene)
    stamp = (tmp_path / "images.npy").stat().st_mtime_ns
    open_beit3_pool(tmp_path, CONFIG, workers=1)
    assert (tmp_path / "images.npy").stat().st_mtime_ns == stamp
    assert len(open_beit3_pool(tmp_path, replace(CONFIG, scenes=1), workers=1).images) == 1
