import pytest
import torch
import torch.nn.functional as F

from benchmarks.zerocap_plain import PlainZeroCap
from lexiseg.captioners import ZeroCap
from lexiseg.captioners.caption_choice import clean
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.errors import UnknownNameError, UsageError

SMALL = {"beams": 3, "max_tokens": 3, "iterations": 2, "candidates": 30}


def tokens_of(zerocap, images):
    found = zerocap._search(zerocap._prompt, F.normalize(images, dim=-1))
    return [beams.captions()[0] for beams in found]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"renormalization": "per-beam", "repetition_penalty": 1.5, "end_factor": 3.0},
        {"iterations": 0, "beams": 5, "end_factor": 3.0},
    ],
    ids=["as published", "per beam", "no steering"],
)
def test_all_segments_at_once_equal_the_plain_procedure(clip, language_model, images, options):
    settings = SMALL | options
    ours = tokens_of(ZeroCap(clip, language_model, **settings), images)
    plain = PlainZeroCap(clip, language_model, ZeroCapConfig(**settings))
    assert ours == [plain.captions(image) for image in images]


def test_captions_end_at_different_lengths(clip, language_model, images):
    """The comparison above must cover beams and segments that end early."""
    options = SMALL | {"renormalization": "per-beam", "end_factor": 3.0}
    ours = tokens_of(ZeroCap(clip, language_model, **options), images)
    assert len({len(caption) for captions in ours for caption in captions}) > 1


def test_steering_changes_captions_and_raises_the_cosine(clip, language_model, images):
    free = ZeroCap(clip, language_model, **SMALL | {"iterations": 0}).describe(images)
    steered = ZeroCap(clip, language_model, **SMALL | {"fluency_weight": 0.0, "step_size": 3.0})
    gains = [a.score - b.score for a, b in zip(steered.describe(images), free, strict=True)]
    assert sum(gains) > 0


def test_the_best_beam_is_the_one_clip_finds_closest(clip, language_model, images):
    zerocap = ZeroCap(clip, language_model, **SMALL)
    unit = F.normalize(images, dim=-1)
    for image, entry, texts in zip(
        unit, zerocap.describe(images), zerocap.captions(unit), strict=True
    ):
        features = clip.text_features([f"Image of a {text}." for text in texts])
        cosines = F.cosine_similarity(features, image[None])
        assert entry.caption == texts[int(cosines.argmax())]
        assert entry.score == pytest.approx(float(cosines.max()), abs=1e-5)
        assert entry.text == clean(entry.caption)
        scores = [entry.score, *(score for _, score in entry.alternatives)]
        assert scores == sorted(scores, reverse=True)


def test_length_of_embeddings_and_inference_mode_do_not_matter(clip, language_model, images):
    zerocap = ZeroCap(clip, language_model, **SMALL)
    with torch.inference_mode():
        long = zerocap.describe(7 * images[:1])
    assert long[0].caption == zerocap.describe(images[:1])[0].caption


def test_endless_captions_are_cut(clip, language_model, images):
    zerocap = ZeroCap(clip, language_model, **SMALL | {"start_factor": 1000.0})
    rules = zerocap._search.rules
    rules._later[rules.end] = 1000.0  # the end token is never wanted
    lengths = {len(c) for captions in tokens_of(zerocap, images[:2]) for c in captions}
    assert lengths == {SMALL["max_tokens"]}


def test_no_segments_give_no_descriptions(clip, language_model, images):
    assert ZeroCap(clip, language_model).describe(images[:0]) == []


def test_embeddings_of_another_clip_are_refused(clip, language_model):
    with pytest.raises(UsageError, match=r"\(2, 5\)"):
        ZeroCap(clip, language_model).describe(torch.zeros(2, 5))


def test_captions_must_fit_the_language_model(clip, language_model):
    with pytest.raises(UsageError, match="do not fit the 24 tokens"):
        ZeroCap(clip, language_model, max_tokens=40)


def test_unknown_options_are_refused(clip, language_model):
    with pytest.raises(UnknownNameError, match="beams"):
        ZeroCap(clip, language_model, beam=3)
