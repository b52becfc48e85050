from pathlib import Path

import pytest

from lexiseg.models.clip import BpeTokenizer, TextConfig, VisionConfig
from lexiseg.training.mini.clip.learner import ClipTraining
from lexiseg.training.mini.clip.recipe import open_tokenizer
from lexiseg.training.mini.pool import Pool, PoolConfig, open_pool
from lexiseg.training.mini.vocabulary import vocabulary_size


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    config = PoolConfig(scenes=12, size=32, seed=3)
    return open_pool(tmp_path_factory.mktemp("pool"), config, workers=1)


@pytest.fixture(scope="session")
def tokenizer(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> BpeTokenizer:
    return open_tokenizer(Path(tmp_path_factory.mktemp("tokenizer")), pool)


@pytest.fixture(scope="session")
def tiny(tokenizer: BpeTokenizer) -> ClipTraining:
    vision = VisionConfig(16, 2, 1, 8, image_size=32, embed_dim=12, activation="gelu")
    size = vocabulary_size(tokenizer.folder)
    text = TextConfig(16, 1, 1, vocabulary=size, embed_dim=12, activation="gelu")
    return ClipTraining(
        tower="proposal",
        vision=vision,
        text=text,
        batch=4,
        warmup=2,
        early_size=16,
        distillation_steps=2,
        checkpoint_every=2,
    )
