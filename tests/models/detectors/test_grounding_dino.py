"""Grounding DINO against transformers' own processor and model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import BertTokenizer, GroundingDinoProcessor
from transformers.image_transforms import get_size_with_aspect_ratio
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import (
    GroundingDinoImageProcessorPil,
)

from lexiseg.errors import CheckpointError, WeightsNotFoundError
from lexiseg.models.detectors import GroundingDino
from lexiseg.models.detectors.grounding_dino import fit_sides, pack_phrases
from tests.models.published_detectors import make_grounding_dino, picture

PHRASES = ["dog", "red apple", "zebra"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grounding-dino")
    return folder, make_grounding_dino(folder)


@pytest.fixture(scope="module")
def detector(published):
    return GroundingDino.load(published[0], "cpu")


def library(published, image, phrases, **thresholds):
    folder, network = published
    tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    processor = GroundingDinoProcessor(
        GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160}), tokenizer
    )
    inputs = processor(images=image, text=[phrases], return_tensors="pt")
    with torch.no_grad():
        outputs = network(**inputs)
    return processor.post_process_grounded_object_detection(
        outputs, inputs["input_ids"], target_sizes=[image.shape[:2]], **thresholds
    )[0]


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (30, 200)])
def test_boxes_scores_and_labels_are_the_librarys(published, detector, size):
    image = picture(*size)
    wanted = library(published, image, PHRASES, threshold=0.3, text_threshold=0.0)
    found = detector.detect(detector.encode(image), PHRASES, min_score=0.3, min_word_score=0.0)
    assert 0 < len(found) == len(wanted["scores"])
    torch.testing.assert_close(found.scores, wanted["scores"])
    torch.testing.assert_close(found.boxes, wanted["boxes"], atol=1e-3, rtol=1e-5)


def test_the_label_is_the_phrase_of_the_strongest_word(published, detector):
    image = picture(60, 90)
    found = detector.detect(detector.encode(image), PHRASES, 0.0, 0.0)
    wanted = library(published, image, PHRASES, threshold=0.0, text_threshold=0.0)
    assert len(found) == 12 and len(set(found.phrases.tolist())) > 1
    for threshold in np.linspace(0.1, 0.9, 5):
        marked = library(published, image, PHRASES, threshold=0.0, text_threshold=threshold)
        for phrase, text in zip(found.phrases.tolist(), marked["text_labels"], strict=True):
            words = text.replace(".", "").split()
            if words:  # the last words to vanish belong to the phrase
                strongest = PHRASES[phrase].split()
                assert set(words) & set(strongest)
    torch.testing.assert_close(found.scores, wanted["scores"])


def test_word_threshold_drops_boxes_of_no_phrase(detector):
    seen = detector.encode(picture(60, 90))
    everything = detector.detect(seen, PHRASES, 0.0, 0.0)
    some = detector.detect(seen, PHRASES, 0.0, float(everything.best.median()))
    assert 0 < len(some) < len(everything)
    torch.testing.assert_close(some.best, everything.best)


def test_more_phrases_than_a_text_holds(published, detector):
    image = picture(60, 90)
    phrases = [f"{word} {other}" for word in ("dog", "zebra", "tree") for other in PHRASES]
    seen = detector.encode(image)
    found = detector.detect(seen, phrases, 0.0, 0.0)
    groups = pack_phrases([len(p.split()) + 1 for p in phrases], 22)
    assert len(groups) > 1 and len(found) == 12 * len(groups)
    alone = detector.detect(seen, [phrases[n] for n in groups[1]], 0.0, 0.0)
    torch.testing.assert_close(found.boxes[12:24], alone.boxes)
    assert found.phrases[12:24].tolist() == [groups[1][n] for n in alone.phrases.tolist()]


def test_stops_inside_names_do_not_split_them(detector):
    seen = detector.encode(picture(60, 90))
    plain = detector.detect(seen, ["red apple", "dog"], 0.0, 0.0)
    dotted = detector.detect(seen, ["Red. apple?", "DOG"], 0.0, 0.0)
    torch.testing.assert_close(plain.scores, dotted.scores)
    assert torch.equal(plain.phrases, dotted.phrases)


@pytest.mark.parametrize("phrase", ["", " . ", "犬", "dog " * 50])
def test_odd_phrases(detector, phrase):
    found = detector.detect(detector.encode(picture(20, 20)), [phrase, "dog"], 0.0, 0.0)
    assert found.best.shape == (2,) and torch.isfinite(found.boxes).all()


def test_no_phrase_and_one_pixel(detector):
    seen = detector.encode(picture(1, 1))
    assert len(detector.detect(seen, [])) == 0
    assert detector.detect(seen, ["dog"], 0.0, 0.0).boxes.shape == (12, 4)


def test_the_backbone_runs_once_per_image(detector, monkeypatch):
    seen = detector.encode(picture(60, 90))
    first = detector.detect(seen, PHRASES, 0.0, 0.0)

    def refuse(*_):
        raise AssertionError("the backbone ran again")

    monkeypatch.setattr(detector.backbone.backbone, "forward", refuse)
    again = detector.detect(seen, PHRASES, 0.0, 0.0)
    assert torch.equal(first.boxes, again.boxes)


@given(st.integers(1, 3000), st.integers(1, 3000))
@example(1, 2666)  # the shorter side rounds to nothing
def test_sides_are_the_librarys(height, width):
    wanted = get_size_with_aspect_ratio((height, width), 800, 1333)
    assert fit_sides((height, width), 800, 1333) == tuple(max(side, 1) for side in wanted)


@given(st.lists(st.integers(1, 9), max_size=30))
def test_packing_keeps_order_and_room(lengths):
    groups = pack_phrases(lengths, 10)
    assert [n for group in groups for n in group] == list(range(len(lengths)))
    sums = [sum(lengths[n] for n in group) for group in groups]
    assert all(0 < total <= 10 for total in sums)
    firsts = [lengths[group[0]] for group in groups[1:]]
    assert all(a + b > 10 for a, b in zip(sums, firsts, strict=False))


def test_faulty_folders_are_explained(published, tmp_path):
    folder, network = published
    network.save_pretrained(tmp_path)
    with pytest.raises(WeightsNotFoundError, match="tokenizer"):
        GroundingDino.load(tmp_path, "cpu")
    for file in folder.glob("*token*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(tmp_path / "model.safetensors")
    key = next(k for k in state if k.endswith("level_embed"))
    save_file({k: t for k, t in state.items() if k != key}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="missing .*level_embed"):
        GroundingDino.load(tmp_path, "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(CheckpointError, match="expected 'grounding-dino'"):
        GroundingDino.load(tmp_path, "cpu")
    with pytest.raises(CheckpointError, match="is a file"):
        GroundingDino.load(tmp_path / "model.safetensors", "cpu")
