"""Labelling interfaces: which tag is answered, its labels, and what typed words mean."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.integrations.label_studio.interface import LabelingInterface

INTERFACE = """<View>
  <Image name="img" value="$photo"/>
  <KeyPointLabels name="point" toName="img" smart="true"><Label value="Red"/></KeyPointLabels>
  <RectangleLabels name="box" toName="img"><Label value="Other"/></RectangleLabels>
  <View><BrushLabels name="brush" toName="img">
    <Label value="Red"/><Label value="Vehicle" alias="vhcl" predicted_values="red car, truck"/>
  </BrushLabels></View>
  <TextArea name="prompt" toName="img"/>
</View>"""


def test_brushes_come_before_boxes_and_labels_have_texts():
    interface = LabelingInterface.parse(INTERFACE)
    control = interface.control
    assert (control.shape, control.from_name, control.to_name) == ("brush", "brush", "img")
    assert control.kind == "brushlabels" and interface.picture == "photo"
    assert interface.vocabulary.names == ("Red", "vhcl")
    assert interface.vocabulary.wordings == (("Red",), ("red car", "truck"))


@pytest.mark.parametrize(
    ("text", "names", "told"),
    [
        ("red", ("Red",), ""),
        ("VEHICLE, red", ("vhcl", "Red"), ""),
        ("vhcl", ("vhcl",), ""),
        ("zebra", None, "'zebra'"),
        ("red, zebra", ("Red",), "there are Red, Vehicle"),
    ],
)
def test_typed_words_are_labels(text, names, told):
    asked, sentence = LabelingInterface.parse(INTERFACE).asked_by(text)
    assert (asked and asked.names) == names
    assert told in sentence and bool(told) == bool(sentence)


def test_any_word_is_looked_for_in_the_name_of_the_only_label():
    xml = INTERFACE.replace('<Label value="Red"/><Label', "<Label")
    asked, told = LabelingInterface.parse(xml).asked_by("bus, old van")
    assert (asked.names, asked.wordings, told) == (("vhcl",), (("bus", "old van"),), "")


def test_the_label_of_a_prompt_is_one_that_can_be_given():
    interface = LabelingInterface.parse(INTERFACE)
    assert [interface.label_of(name) for name in ("vhcl", "Red", "Other", None)] == [
        "vhcl", "Red", "Red", "Red",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<View>",
        "<View/>",
        '<View><Image name="a" value="$a"/></View>',
        '<View><Image name="a" value="$a"/><BrushLabels name="b" toName="a"/></View>',
        '<View><Text name="a" value="$a"/><BrushLabels name="b" toName="a"><Label value="x"/>'
        "</BrushLabels></View>",
    ],
)
def test_what_cannot_be_drawn_on_is_one_sentence(xml):
    with pytest.raises(UsageError) as caught:
        LabelingInterface.parse(xml)
    assert "\n" not in str(caught.value) and "abelling interface" in str(caught.value)
