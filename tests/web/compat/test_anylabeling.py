"""What the program X-AnyLabeling sends, and what it reads of the answer."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lexiseg.ops.polygons import rings_to_mask
from tests.web.colours import flag


def predict(client: TestClient, model: str = "colours", names: tuple[str, ...] = (), **params):
    """As the program does: a data URI, and what its controls say."""
    image = base64.b64encode(flag(*(names or ("red", "green", "blue")), width=60)).decode()
    usual = {"conf_threshold": 0.0, "iou_threshold": 0.0, "epsilon_factor": 0.001}
    body = {
        "model": model,
        "image": f"data:image/png;base64,{image}",
        "params": usual | params,
    }
    return client.post("/v1/predict", json=body, headers={"Token": ""})


def test_models_are_a_table_by_id(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert listed["success"] is True
    card = listed["data"]["colours"]
    assert card["display_name"] and card["batch_processing_mode"] == "text_prompt"
    assert {"edit_text", "button_send"} <= {widget["name"] for widget in card["widgets"]}
    info = client.get("/v1/models/colours/info").json()
    assert info == {"success": True, "data": card}


def test_a_text_gives_polygons(client: TestClient) -> None:
    answer = predict(client, text_prompt="green, yellow").json()
    assert answer["success"] is True and answer["data"]["description"] == ""
    (shape,) = answer["data"]["shapes"]
    assert (shape["label"], shape["shape_type"], shape["difficult"]) == ("green", "polygon", False)
    assert 0 < shape["score"] <= 1 and shape["flags"] is None and shape["kie_linking"] == []
    filled = rings_to_mask([np.array(shape["points"])], (8, 60))
    assert filled[:, 20:40].all() and filled.sum() == 160


def test_parts_of_a_region_are_a_group(client: TestClient) -> None:
    shapes = predict(client, names=("red", "blue", "red"), text_prompt="red,blue").json()["data"]
    groups = {}
    for shape in shapes["shapes"]:
        groups.setdefault(shape["label"], []).append(shape["group_id"])
    assert groups["blue"] == [None]
    assert len(groups["red"]) == 2 and len(set(groups["red"])) == 1 and groups["red"][0] > 0


@pytest.mark.parametrize("text", ["red, green", "red . green", "red. green.", "red, green,"])
def test_names_stand_between_commas_or_full_stops(client: TestClient, text: str) -> None:
    shapes = predict(client, text_prompt=text).json()["data"]["shapes"]
    assert [shape["label"] for shape in shapes] == ["red", "green"]


def test_the_controls_choose(client: TestClient) -> None:
    names = ("red", "red", "green")
    least = predict(client, names=names, text_prompt="red,green", conf_threshold=0.5).json()
    only = predict(client, names=names, text_prompt="red,green", filter_classes=["green"]).json()
    assert [shape["label"] for shape in least["data"]["shapes"]] == ["red"]
    assert [shape["label"] for shape in only["data"]["shapes"]] == ["green"]


def test_errors_have_its_form(client: TestClient) -> None:
    for answer, words in (
        (predict(client, model="nobody", text_prompt="red"), "nobody"),
        (predict(client), "asked with text"),
        (client.post("/v1/predict", json={"model": "colours"}), "image"),
    ):
        assert answer.status_code == 422
        said = answer.json()
        assert said["success"] is False and words in said["error"]["message"]
        assert said["error"].keys() == {"code", "message", "details"}
