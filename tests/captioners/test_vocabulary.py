import pytest
import torch
import torch.nn.functional as F

from lexiseg.captioners import AttributedNames, VocabularyNames, word_features
from lexiseg.captioners.word_list import bundled_lists, read_words
from lexiseg.datasets.miniworld.sprites import all_sprites
from lexiseg.datasets.miniworld.stuff import all_stuff
from lexiseg.errors import UsageError

WORDS = tuple(f"word{number}" for number in range(30))


def unit_texts(clip, words, template="Image of a {}."):
    return F.normalize(clip.text_features([template.replace("{}", w) for w in words]), dim=-1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lexiseg" / "words"


def test_nearest_words_come_first_with_their_cosines(clip, images):
    names = VocabularyNames(clip, words=WORDS, top=4)
    cosines = F.normalize(images, dim=-1) @ unit_texts(clip, WORDS).T
    for entry, row in zip(names.describe(images), cosines, strict=True):
        pairs = ((entry.text, entry.score), *entry.alternatives)
        assert len({text for text, _ in pairs}) == 4
        assert [float(row[WORDS.index(text)]) for text, _ in pairs] == pytest.approx(
            [score for _, score in pairs], abs=1e-5
        )
        best = row.sort(descending=True).values[:4].tolist()
        assert [score for _, score in pairs] == pytest.approx(best, abs=1e-5)


def test_templates_are_averaged(clip, images):
    templates = ("Image of a {}.", "{} there")
    names = VocabularyNames(clip, words=WORDS, templates=templates)
    mean = sum(unit_texts(clip, WORDS, template) for template in templates)
    torch.testing.assert_close(names.features, F.normalize(mean, dim=-1), atol=1e-5, rtol=0)


def test_few_words_give_few_alternatives(clip, images):
    assert VocabularyNames(clip, words=("cat",)).describe(images)[0].alternatives == ()
    assert VocabularyNames(clip, words=("cat",)).describe(images[:0]) == []


def test_stopped_words_are_never_named(clip):
    names = VocabularyNames(clip, words=("Photo", "cat", "dog"), stop=("DOG", "photo"))
    assert names.words == ("cat",)
    assert "photo" not in VocabularyNames(clip, words=("photo", "cat")).words


@pytest.mark.parametrize("words", [(), (" ", "\n"), ("photo",)])
def test_an_empty_vocabulary_is_refused(clip, words):
    with pytest.raises(UsageError, match="give at least one word"):
        VocabularyNames(clip, words=words)


def test_words_of_a_file(clip, tmp_path):
    file = tmp_path / "words.txt"
    file.write_text(
        "\ufeff# animals\r\ncat\r\n\r\n  Sea_lion \u200b\r\nCAT\r\nΣίσυφος\r\nقطة\r\n🦊\r\n",
        encoding="utf-8",
    )
    assert read_words(file) == read_words(str(file)) == ("cat", "Sea lion", "Σίσυφος", "قطة", "🦊")
    assert len(VocabularyNames(clip, words=file).describe(torch.ones(1, 12))) == 1


@pytest.mark.parametrize(
    ("content", "message"), [(None, "none of the bundled lists"), (b"\xff\xfe\x00c", "not UTF-8")]
)
def test_unreadable_lists_are_reported(tmp_path, content, message):
    if content:
        (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_words(tmp_path / "words.txt")


def test_surrogates_and_endless_words_are_survived(clip, images):
    names = VocabularyNames(clip, words=("\ud800", "x" * 10_000, "a " * 500, "cat"))
    assert len(names.describe(images)) == len(images)


def test_many_words_are_encoded_in_pieces(clip, monkeypatch):
    sizes = []
    encode = word_features.encode_texts

    def spy(clip, texts):
        sizes.append(len(texts))
        return encode(clip, texts)

    monkeypatch.setattr(word_features, "encode_texts", spy)
    monkeypatch.setattr(word_features, "WORDS", 16)
    names = VocabularyNames(clip, words=WORDS, cache=False)
    torch.testing.assert_close(names.features, unit_texts(clip, WORDS), atol=1e-5, rtol=0)
    assert sizes == [16, 14]


def test_long_lists_are_kept_on_disk(clip, images, cache, monkeypatch):
    monkeypatch.setattr(word_features, "KEPT", 10)
    first = VocabularyNames(clip, words=WORDS).describe(images)
    (file,) = cache.iterdir()
    monkeypatch.setattr(word_features, "encode_texts", None)  # whoever encodes fails
    assert VocabularyNames(clip, words=WORDS).describe(images) == first
    with pytest.raises(TypeError):
        VocabularyNames(clip, words=WORDS, templates=("a {}",)).describe(images)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1]))
    file.write_bytes(b"broken")
    assert VocabularyNames(clip, words=WORDS).describe(images) == first


def test_short_lists_and_refused_caches_leave_no_file(clip, images, cache, monkeypatch):
    VocabularyNames(clip, words=WORDS).describe(images)
    monkeypatch.setattr(word_features, "KEPT", 10)
    VocabularyNames(clip, words=WORDS, cache=False).describe(images)
    assert not cache.exists()


def test_bundled_lists_are_tidy():
    for name in bundled_lists():
        words = read_words(name)
        assert words and all(word == " ".join(word.split()) for word in words)
    assert len(read_words("everyday")) > 3000
    assert not set(read_words("everyday")) & set(read_words("stop"))


def test_the_miniworld_list_is_its_whole_vocabulary():
    names = [*(sprite.name for sprite in all_sprites()), *all_stuff()]
    assert sorted(read_words("miniworld")) == sorted(set(names))


def test_an_adjective_needs_its_margin(clip):
    images = clip.text_features(["Image of a red word1.", "Image of a word2."])
    options = {"words": WORDS, "attributes": ("red", "blue"), "top": 3}
    plain = VocabularyNames(clip, words=WORDS, top=3).describe(images)
    never = AttributedNames(clip, **options, margin=2.0).describe(images)
    always = AttributedNames(clip, **options, margin=-2.0).describe(images)
    assert never == plain
    for entry, noun in zip(always, plain, strict=True):
        features = unit_texts(clip, [f"red {noun.text}", f"blue {noun.text}"])
        red, blue = F.cosine_similarity(features, images[always.index(entry)]).tolist()
        best = "red" if red > blue else "blue"
        assert entry.text == f"{best} {noun.text}"
        assert entry.score == pytest.approx(max(red, blue), abs=1e-5)
        assert entry.alternatives == ((noun.text, noun.score), noun.alternatives[0])


def test_an_adjective_is_not_repeated(clip):
    options = {"words": ("red panda",), "attributes": ("red",), "margin": -2.0}
    assert AttributedNames(clip, **options).describe(torch.ones(1, 12))[0].text == "red panda"
