"""What a project of Label Studio asks for, read from the XML of its labelling interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lexiseg.errors import UsageError
from lexiseg.io.label_studio_writer import TAGS, Control
from lexiseg.types import Vocabulary, split_comma_list


@dataclass(frozen=True)
class LabelChoice:
    """One label of the interface.

    Args:
        value: what regions carry: the label's ``alias`` where it has one.
        texts: what is looked for: its ``predicted_values`` where it has them, else its value.
        title: what people see.
    """

    value: str
    texts: tuple[str, ...]
    title: str


@dataclass(frozen=True)
class LabelingInterface:
    """Where regions go, and which labels there are.

    Args:
        control: the tag that regions belong to: of several the first of brush, polygon, box.
        picture: key of a task's data under which its picture stands.
        choices: the labels of that tag.
    """

    control: Control
    picture: str
    choices: tuple[LabelChoice, ...]

    @classmethod
    def parse(cls, xml: str) -> LabelingInterface:
        """Read a labelling interface.

        Raises:
            UsageError: it is no XML, or has no picture or no labels to draw with.
        """
        try:
            root = ElementTree.fromstring(xml)
        except (ElementTree.ParseError, ValueError) as error:
            raise UsageError(f"The labelling interface is no XML ({error}).") from error
        pictures = {tag.get("name"): tag.get("value", "") for tag in root.iter("Image")}
        for shape, tag in TAGS.items():
            for element in root.iter(tag):
                target = element.get("toName", "")
                choices = tuple(map(_choice, element.iter("Label")))
                if target in pictures and choices:
                    control = Control(shape, element.get("name", ""), target)
                    return cls(control, pictures[target].removeprefix("$"), choices)
        raise UsageError(
            "The labelling interface has no labels to draw on a picture; expected an <Image> and "
            f"one of {', '.join(f'<{tag}>' for tag in TAGS.values())} with a <Label> in it."
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """All labels with their texts."""
        return Vocabulary.parse(_texts(self.choices))

    def asked_by(self, text: str) -> tuple[Vocabulary | None, str]:
        """What somebody typed, as labels and their texts.

        A word that is a label stands for it; any other is looked for in the name of the only
        label.

        Args:
            text: names with commas.

        Returns:
            the names, None if none is usable, and a sentence about those that are not; "" if all
            are.
        """
        found: dict[str, str] = {}
        strange = []
        for word in filter(None, split_comma_list(text)):
            choices = [one for one in self.choices if _same(word, one)]
            if choices:
                found |= _texts(choices)
            elif len(self.choices) == 1:
                found[word] = self.choices[0].value
            else:
                strange.append(word)
        listed = ", ".join(repr(word) for word in strange)
        known = ", ".join(one.title for one in self.choices)
        told = f"No label of this project is called {listed}; there are {known}." if strange else ""
        return (Vocabulary.parse(found) if found else None), told

    def label_of(self, name: str | None) -> str:
        """The label of a drawn prompt where this tag has it, else its first one."""
        return name if name in {one.value for one in self.choices} else self.choices[0].value


def _choice(label: Element) -> LabelChoice:
    title = label.get("value", "")
    typed = label.get("predicted_values", "")
    texts = tuple(filter(None, split_comma_list(typed))) or (title,)
    return LabelChoice(label.get("alias") or title, texts, title)


def _texts(choices: tuple[LabelChoice, ...] | list[LabelChoice]) -> Mapping[str, str]:
    return {text: choice.value for choice in choices for text in choice.texts}


def _same(word: str, choice: LabelChoice) -> bool:
    return word.casefold() in {choice.title.casefold(), choice.value.casefold()}
