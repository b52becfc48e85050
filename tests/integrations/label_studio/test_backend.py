"""Predictions: all labels, typed names, drawn prompts, and why there is nothing."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import UsageError
from lexiseg.integrations.label_studio.backend import LabelStudioBackend
from lexiseg.integrations.label_studio.pictures import TaskPictures
from lexiseg.methods.parts import load_segmenter
from lexiseg.ops.brush_rle import decode_brush
from tests.integrations.label_studio.test_prompts import box, point

INTERFACE = """<View><Image name="img" value="$photo"/>
<BrushLabels name="brush" toName="img"><Label value="red"/><Label value="zebra"/>
<Label value="Grass" predicted_values="green"/></BrushLabels></View>"""


def mini_segmenter():
    return load_segmenter("mini-sam", None, "cpu", "float32")


@pytest.fixture
def backend(picture_file):
    pictures = TaskPictures(picture_file.parent)
    return LabelStudioBackend(lexiseg.load("color-objects"), mini_segmenter, pictures)


def task(name="/data/upload/1/scene.png", number=1):
    return {"id": number, "data": {"photo": name}}


def masks(prediction, size_hw=(30, 40)):
    return [decode_brush(entry["value"]["rle"], size_hw) > 0 for entry in prediction["result"]]


def test_all_labels_are_looked_for_and_absent_ones_explained(backend, pixels):
    (found,) = backend.predict([task()], INTERFACE)
    labels = [entry["value"]["brushlabels"] for entry in found["result"]]
    assert labels == [["red"], ["Grass"]]
    assert np.array_equal(masks(found), [pixels[..., 0] > 0, pixels[..., 1] > 0])
    entry = found["result"][0]
    assert (entry["from_name"], entry["to_name"], entry["score"]) == ("brush", "img", 0.9)
    assert (entry["original_width"], entry["original_height"]) == (40, 30)
    assert found["score"] == pytest.approx(0.7)
    assert found["model_version"].startswith("lexiseg color-objects/paper ")
    verdicts = {entry["name"]: entry for entry in found["meta"]["presence"]}
    assert not verdicts["zebra"]["kept"] and "no such pixel" in verdicts["zebra"]["reason"]


@pytest.mark.parametrize("shape", ["PolygonLabels", "RectangleLabels"])
def test_other_tags_get_other_shapes(backend, shape):
    (found,) = backend.predict([task()], INTERFACE.replace("BrushLabels", shape))
    values = [entry["value"] for entry in found["result"]]
    assert [value[shape.lower()] for value in values] == [["red"], ["Grass"]]
    if shape == "RectangleLabels":
        green = {side: values[1][side] for side in ("x", "y", "width", "height")}
        assert green == pytest.approx({"x": 25, "y": 160 / 3, "width": 40, "height": 80 / 3})


def test_regions_of_later_calls_have_other_numbers(backend):
    first, second = backend.predict([task(), task()], INTERFACE)
    numbers = [entry["id"] for found in (first, second) for entry in found["result"]]
    assert len(set(numbers)) == 4


def typed(text):
    return {"result": [{"type": "textarea", "value": {"text": [text]}}]}


def test_typed_names(backend):
    (found,) = backend.predict([task()], INTERFACE, typed("grass, lion"))
    assert [entry["value"]["brushlabels"] for entry in found["result"]] == [["Grass"]]
    assert "'lion'" in found["meta"]["note"]
    (found,) = backend.predict([task()], INTERFACE, typed("lion"))
    assert found["result"] == [] and "'lion'" in found["meta"]["note"]


def test_a_picture_is_encoded_once_for_many_questions(backend, color_objects):
    for text in ("red", "grass", "zebra"):
        backend.predict([task()], INTERFACE, typed(text))
    assert color_objects.encoded == 1


def test_points_and_boxes_are_answered_by_the_segmenter(backend, pixels):
    """The same mask as the segmenter's own, cut out of the picture's green box."""
    segmenter = mini_segmenter()
    embedding = segmenter.encode(pixels)
    for entry, given in (
        (box(25, 160 / 3, 40, 80 / 3, "Grass"), {"boxes": [(10, 16, 26, 24)], "multimask": False}),
        (point(45, 200 / 3, label="Grass"), {"points": [[(18, 20)]], "multimask": True}),
    ):
        (found,) = backend.predict([task()], INTERFACE, {"result": [entry]})
        candidates = segmenter.predict(embedding, **given)
        best = candidates.logits[:, candidates.scores[0].argmax()]
        wanted = segmenter.full_size(best, embedding)[0].numpy() > 0
        (mask,) = masks(found)
        assert np.array_equal(mask, wanted) and wanted.any()
        assert found["result"][0]["value"]["brushlabels"] == ["Grass"]


def test_a_task_whose_picture_is_gone_costs_itself(backend):
    odd = [task("/data/upload/1/gone.png"), {"id": 3, "data": {"other": "x"}}, {"id": 4}]
    *failed, good = backend.predict([*odd, task()], INTERFACE)
    assert all("result" not in entry and entry["error"] for entry in failed)
    assert "photo" in failed[1]["error"] and len(good["result"]) == 2


def test_somebody_who_waits_is_told(backend):
    with pytest.raises(UsageError, match="neither in the folder"):
        backend.predict([task("/gone.png")], INTERFACE, typed("red"))
    with pytest.raises(UsageError, match="labelling interface"):
        backend.predict([task()], "<View/>")


def test_a_damaged_picture_costs_itself(backend, picture_file):
    picture_file.with_name("bad.png").write_bytes(b"no picture")
    (found,) = backend.predict([task("bad.png")], INTERFACE)
    assert "result" not in found and "\n" not in found["error"]


def test_embedded_pictures_are_read(backend, pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    named = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    assert len(backend.predict([task(named)], INTERFACE)[0]["result"]) == 2


def test_the_programs_own_decoder_reads_the_brushes(backend, pixels):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="extra label-studio")
    (found,) = backend.predict([task()], INTERFACE)
    decoded = brush.decode_rle(found["result"][0]["value"]["rle"]).reshape(30, 40, 4)
    assert np.array_equal(decoded[..., 3] == 255, pixels[..., 0] > 0)


def test_the_programs_own_model_takes_a_prediction(backend):
    objects = pytest.importorskip("label_studio_sdk.label_interface.objects", reason="extra")
    from label_studio_sdk.label_interface import LabelInterface

    (found,) = backend.predict([task()], INTERFACE)
    value = objects.PredictionValue(**{k: found[k] for k in ("result", "score", "model_version")})
    assert LabelInterface(INTERFACE).validate_prediction(value.model_dump())
