"""CVAT's auto-annotation, driven by its own SDK with a stand-in for the server."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import MissingExtraError, UnknownNameError
from lexiseg.integrations.cvat import create

NAMES = ("red", "zebra", "green")
cvat = pytest.importorskip("cvat_sdk", reason="extra cvat")


def context(threshold=None, polygons=False):
    return SimpleNamespace(frame_name="a.png", conf_threshold=threshold, conv_mask_to_poly=polygons)


@pytest.fixture
def function():
    return create(", ".join(NAMES), method="color-objects")


@pytest.fixture
def answer(pixels):
    return lexiseg.load("color-objects").segment(pixels, list(NAMES))


def test_labels_are_the_names_in_order(function):
    assert [(label.name, label.id) for label in function.spec.labels] == list(
        zip(NAMES, range(1, len(NAMES) + 1), strict=True)
    )


def test_masks_are_those_of_the_method(function, answer, pixels):
    from cvat_sdk.masks import decode_mask

    shapes = function.detect(context(), Image.fromarray(pixels))
    assert len(shapes) == len(answer) > 0
    for shape, item in zip(shapes, answer, strict=True):
        assert function.spec.labels[shape.label_id - 1].name == item.label
        height, width = item.mask.size_hw
        mask = decode_mask(shape.points, image_width=width, image_height=height)
        assert np.array_equal(mask, item.mask.to_array())
        assert shape.score == pytest.approx(item.score)


def test_the_threshold_drops_regions_below_it(function, answer, pixels):
    assert [item.score for item in answer] == [0.9, 0.5]
    for least, kept in ((0.0, 2), (0.5, 2), (0.51, 1), (1.0, 0)):
        assert len(function.detect(context(least), Image.fromarray(pixels))) == kept


class Tasks:
    """What the SDK's driver asks a server for, and what it sends there."""

    def __init__(self):
        self.api, self.sent = self, None

    def update_annotations(self, number, *, labeled_data_request):
        self.sent = (number, labeled_data_request)


def annotate(function, monkeypatch, pixels, labels, **options):
    from cvat_sdk.auto_annotation import annotate_task, driver

    def dataset(client, number, load_annotations):
        pictures = [Image.fromarray(pixels), Image.new("RGB", (40, 30))]
        samples = [
            SimpleNamespace(
                frame_name=f"{place}.png",
                frame_index=place + 10,
                media=SimpleNamespace(load_image=lambda picture=picture: picture),
            )
            for place, picture in enumerate(pictures)
        ]
        return SimpleNamespace(labels=labels, samples=samples)

    monkeypatch.setattr(driver, "TaskDataset", dataset)
    client = SimpleNamespace(logger=logging.getLogger("cvat"), tasks=Tasks())
    annotate_task(client, 7, function, clear_existing=True, **options)
    return client.tasks.sent


def label(name, number, kind):
    return SimpleNamespace(name=name, id=number, type=kind, sublabels=[], attributes=[])


@pytest.mark.parametrize(
    ("kind", "polygons", "wanted"),
    [("mask", False, "mask"), ("any", False, "mask"), ("polygon", True, "polygon")],
)
def test_the_driver_of_the_sdk_takes_what_comes(
    function, answer, pixels, monkeypatch, kind, polygons, wanted
):
    labels = [label(name, 100 + place, kind) for place, name in enumerate(NAMES)]
    number, data = annotate(function, monkeypatch, pixels, labels, conv_mask_to_poly=polygons)
    of_scene = [shape for shape in data.shapes if shape.frame == 10]
    assert number == 7 and len(of_scene) >= len(answer)
    assert {shape.type.value for shape in data.shapes} == {wanted}
    assert {str(shape.source) for shape in data.shapes} == {"auto"}
    names = {100 + place: name for place, name in enumerate(NAMES)}
    assert {names[shape.label_id] for shape in of_scene} == set(answer.instances.labels)


@pytest.mark.parametrize("shape", ["polygon", "rectangle"])
def test_other_shapes(shape, monkeypatch, pixels, answer):
    function = create(", ".join(NAMES), method="color-objects", shape=shape)
    _, data = annotate(
        function, monkeypatch, pixels, [label(n, i, shape) for i, n in enumerate(NAMES)]
    )
    of_scene = [drawn for drawn in data.shapes if drawn.frame == 10]
    assert {drawn.type.value for drawn in of_scene} == {shape}
    if shape == "rectangle":
        assert [drawn.points for drawn in of_scene] == answer.instances.boxes_xyxy.tolist()


def test_a_task_without_one_of_the_labels_is_the_sdks_own_error(function, pixels, monkeypatch):
    from cvat_sdk.auto_annotation import BadFunctionError

    with pytest.raises(BadFunctionError, match="not in dataset"):
        annotate(function, monkeypatch, pixels, [label(NAMES[0], 1, "any")])
    _, data = annotate(
        function, monkeypatch, pixels, [label(NAMES[0], 1, "any")], allow_unmatched_labels=True
    )
    assert {shape.label_id for shape in data.shapes} <= {1}


def test_the_command_line_loads_it_by_the_name_of_its_module():
    common = pytest.importorskip("cvat_cli._internal.common", reason="package cvat-cli")
    parsers = pytest.importorskip("cvat_cli._internal.parsers", reason="package cvat-cli")
    typed = ("names=str:dog, red car", "method=str:color-objects", "shape=str:polygon")
    parameters = dict(map(parsers.parse_function_parameter, typed))
    loader = common.FunctionLoader("lexiseg.integrations.cvat", None, parameters)
    assert [entry.name for entry in loader.load().spec.labels] == ["dog", "red car"]


def test_an_unknown_shape_is_named_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="rectangle"):
        create("dog", method="color-objects", shape="circle")


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvat_sdk.auto_annotation", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[cvat\]"):
        create("dog", method="color-objects")
