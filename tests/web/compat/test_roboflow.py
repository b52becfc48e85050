"""What clients of Roboflow's server send for SAM 3, and what they read of the answer."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pycocotools import mask as coco

from lexiseg.ops.polygons import rings_to_mask
from tests.web.colours import flag


def ask(client: TestClient, *texts: str, names: tuple[str, ...] = ("red", "green"), **fields):
    """As the client does: billing fields, the key, and a picture in base64."""
    value = base64.b64encode(flag(*names, width=60)).decode()
    body = {
        "api_key": None,
        "image": {"type": "base64", "value": value},
        "model_id": "sam3/sam3_final",
        "prompts": [{"type": "text", "text": text} for text in texts],
        "output_prob_thresh": 0.3,
        "format": "polygon",
    }
    return client.post("/sam3/concept_segment", json=body | fields)


def test_every_prompt_has_its_objects(client: TestClient) -> None:
    answer = ask(client, "green", "yellow", "red").json()
    assert answer["time"] > 0
    results = answer["prompt_results"]
    assert [one["prompt_index"] for one in results] == [0, 1, 2]
    assert results[0]["echo"] == {
        "prompt_index": 0, "type": "text", "text": "green", "num_boxes": 0,
    }  # fmt: skip
    assert [len(one["predictions"]) for one in results] == [1, 0, 1]
    prediction = results[0]["predictions"][0]
    assert prediction["format"] == "polygon" and prediction["confidence"] == 0.5
    filled = rings_to_mask([np.array(ring) for ring in prediction["masks"]], (8, 60))
    assert filled[:, 30:].all() and not filled[:, :30].any()


def test_run_lengths(client: TestClient) -> None:
    (result,) = ask(client, "green", format="rle").json()["prompt_results"]
    mask = coco.decode(result["predictions"][0]["masks"])
    assert mask[:, 30:].all() and not mask[:, :30].any()


def test_least_scores_of_all_and_of_one_prompt(client: TestClient) -> None:
    assert (
        ask(client, "red", output_prob_thresh=0.6).json()["prompt_results"][0]["predictions"] == []
    )
    prompts = [{"type": "text", "text": "red", "output_prob_thresh": 0.6}, {"text": "green"}]
    results = ask(client, prompts=prompts).json()["prompt_results"]
    assert [len(one["predictions"]) for one in results] == [0, 1]


def test_the_same_text_twice(client: TestClient) -> None:
    results = ask(client, "red", "Red", "red").json()["prompt_results"]
    assert [len(one["predictions"]) for one in results] == [1, 1, 1]


def test_doubles_of_different_prompts_go(client: TestClient) -> None:
    body = {"names": ("red",), "nms_iou_threshold": 0.5}
    results = ask(client, "red", "green", **body).json()["prompt_results"]
    assert [len(one["predictions"]) for one in results] == [1, 0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompts": [{"type": "visual", "boxes": [{"x": 1}]}]}, "asked with texts"),
        ({"prompts": []}, "prompts"),
        ({"image": {"type": "url", "value": "http://x"}}, "send base64"),
        ({"model_id": "nobody/1"}, "nobody/1"),
    ],
)
def test_errors_say_it_under_the_key_that_clients_read(
    client: TestClient, fields: dict, words: str
) -> None:
    answer = ask(client, "red", **fields)
    assert answer.status_code == 422 and words in answer.json()["message"]
