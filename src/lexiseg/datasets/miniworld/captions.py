"""Short true sentences about a scene, in the forms that people and CLIP prompts use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lexiseg.datasets.miniworld.stuff import all_stuff

Rng = np.random.Generator

TEMPLATES = (
    "a photo of {a}.",
    "a photo of {a}",
    "This is a photo of {a}",
    "There is {a} in the scene",
    "There is {the} in the scene",
    "a photo of {a} in the scene",
    "a clean origami {bare}.",
    "a picture of {a}.",
    "{a}",
    "{bare}",
)
SIZED = ("a photo of a {}.", "This is a photo of a {}.", "There is a {} in the scene.")
OPENINGS = (
    "",
    "",
    "",
    "a photo of ",
    "a picture of ",
    "a scene with ",
    "a view of ",
    "an image of ",
)
NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SMALL, LARGE = 0.04, 0.12  # share of the picture below / above which a size word is honest
MASS = frozenset({"corn", "bread", "broccoli"})
IRREGULAR = {
    "corn": "corn",
    "bread": "bread",
    "broccoli": "broccoli",
    "sheep": "sheep",
    "deer": "deer",
    "fish": "fish",
    "mouse": "mice",
    "man": "men",
    "woman": "women",
    "knife": "knives",
    "maple leaf": "maple leaves",
    "wolf": "wolves",
    "octopus": "octopuses",
}


@dataclass(frozen=True)
class Fact:
    """What a caption may say about one object."""

    name: str
    color: str  # "" if unsure
    share: float  # of the picture's area


def article(noun: str) -> str:
    """The noun with "a" or "an", or bare if it cannot be counted.

    Example:
        >>> article("hourglass"), article("unicorn")
        ('an hourglass', 'a unicorn')
    """
    if noun in MASS:
        return noun
    spoken_vowel = noun[0] in "aeiou" and not noun.startswith("uni")
    return f"an {noun}" if spoken_vowel or noun.startswith("hour") else f"a {noun}"


def plural(noun: str) -> str:
    """The plural of a noun of Miniworld.

    Example:
        >>> plural("fire engine"), plural("cherry"), plural("sheep")
        ('fire engines', 'cherries', 'sheep')
    """
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "ch", "sh", "to")):
        return noun + "es"
    return noun + "s"


def describe(facts: list[Fact], stuff: tuple[str, ...], rng: Rng) -> str:
    """Compose one caption from the visible objects and stuff of a scene."""
    if not facts and not stuff:
        return "a picture"
    form = rng.random()
    if form < 0.28:
        return _templated(facts, stuff, rng)
    if form < 0.38:
        return _listed(facts, stuff, rng)
    return _sentence(facts, stuff, rng)


def count_phrases(facts: list[Fact], rng: Rng) -> list[str]:
    """One phrase per noun: "a dog", "two red cars"; the order is shuffled."""
    nouns: dict[str, list[Fact]] = {}
    for fact in facts:
        nouns.setdefault(fact.name, []).append(fact)
    names = list(nouns)
    return [_count_phrase(nouns[names[k]], rng) for k in rng.permutation(len(names))]


def _count_phrase(same: list[Fact], rng: Rng) -> str:
    colors = {fact.color for fact in same}
    color = colors.pop() if len(colors) == 1 and rng.random() < 0.5 else ""
    noun = f"{color} {same[0].name}".strip()
    if len(same) == 1:
        return article(noun)
    count = NUMBERS[len(same)] if len(same) < len(NUMBERS) else str(len(same))
    if rng.random() < 0.2 or same[0].name in MASS:
        count = "some"
    return f"{count} {color} {plural(same[0].name)}".replace("  ", " ")


def _templated(facts: list[Fact], stuff: tuple[str, ...], rng: Rng) -> str:
    if not facts or (stuff and rng.random() < 0.15):
        name = _synonym(str(rng.choice(stuff)), rng)
        template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
        return template.format(a=name, the=f"the {name}", bare=name)
    fact = facts[int(rng.integers(len(facts)))]
    noun = f"{fact.color} {fact.name}" if fact.color and rng.random() < 0.4 else fact.name
    if rng.random() < 0.25:
        size = "small" if fact.share < SMALL else "large" if fact.share > LARGE else "medium"
        return SIZED[int(rng.integers(len(SIZED)))].format(f"{size} {noun}")
    template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
    return template.format(a=article(noun), the=f"the {noun}", bare=noun)


def _listed(facts: list[Fact], stuff: tuple[str, ...], rng: Rng) -> str:
    names = [*dict.fromkeys(fact.name for fact in facts), *(_synonym(s, rng) for s in stuff)]
    return ", ".join(names[k] for k in rng.permutation(len(names)))


def _sentence(facts: list[Fact], stuff: tuple[str, ...], rng: Rng) -> str:
    phrases = count_phrases(facts, rng)
    if len(phrases) > 2 and rng.random() < 0.3:
        phrases = phrases[: int(rng.integers(1, len(phrases)))]
    opening = OPENINGS[int(rng.integers(len(OPENINGS)))]
    places = _places(stuff, rng)
    things = _joined(phrases, rng)
    if not things:
        return f"{opening}{_joined([_synonym(name, rng) for name in stuff], rng)}"
    return opening + " ".join([things, *places])


def _joined(phrases: list[str], rng: Rng) -> str:
    if len(phrases) < 2:
        return "".join(phrases)
    last = "with" if rng.random() < 0.15 and len(phrases) == 2 else "and"
    return f"{', '.join(phrases[:-1])} {last} {phrases[-1]}"


def _places(stuff: tuple[str, ...], rng: Rng) -> list[str]:
    """Where it all is: one or two of the stuff names in a phrase, or none."""
    count = int(rng.choice([0, 1, 1, 1, 2, 2])) if len(stuff) > 1 else int(rng.choice([0, 1, 1, 1]))
    picked = [stuff[k] for k in rng.permutation(len(stuff))[:count]]
    lowest_first = sorted(picked, key=lambda name: all_stuff()[name].place == "upper")
    return [_place(name, rng) for name in lowest_first]


def _place(name: str, rng: Rng) -> str:
    entry = all_stuff()[name]
    phrase = entry.phrases[int(rng.integers(len(entry.phrases)))]
    return phrase.format(_synonym(name, rng))


def _synonym(name: str, rng: Rng) -> str:
    others = all_stuff()[name].synonyms
    if not others or rng.random() < 0.7:
        return name
    return others[int(rng.integers(len(others)))]
