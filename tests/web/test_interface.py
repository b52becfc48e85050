"""What clients send and get under /v1."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pycocotools import mask as coco

from lexiseg.io.palette import color_of
from lexiseg.io.record import result_from_record
from lexiseg.ops.coco_polygons import polygons_to_mask
from tests.web.colours import Colours, flag

FLAG = flag("red", "green", "blue")


def send(client: TestClient, path: str, file: bytes = FLAG, **fields: object):
    return client.post(path, files={"image": ("flag.png", file)}, data=fields)


def as_text(file: bytes) -> str:
    return base64.b64encode(file).decode()


def green_of(answer: dict) -> dict:
    return next(item for item in answer["instances"] if item["label"] == "green")


def test_a_form_is_answered_with_masks_and_verdicts(client: TestClient) -> None:
    answer = send(client, "/v1/segment", names=["red", "yellow"]).json()
    assert answer["size"] == [8, 12] and answer["method"] == "colours"
    assert [item["label"] for item in answer["instances"]] == ["red"]
    mask = coco.decode(answer["instances"][0]["segmentation"])
    assert mask[:, :4].all() and not mask[:, 4:].any()
    verdicts = {entry["name"]: (entry["kept"], entry["reason"]) for entry in answer["presence"]}
    assert verdicts["red"][0] and not verdicts["yellow"][0]
    assert verdicts["yellow"][1].startswith("no pixel has its colour")


def test_json_and_form_give_the_same_answer(client: TestClient) -> None:
    form = send(client, "/v1/segment", names="red, green").json()
    body = {"image": as_text(FLAG), "names": ["red", "green"]}
    for image in (body["image"], f"data:image/png;base64,{body['image']}"):
        answer = client.post("/v1/segment", json={**body, "image": image}).json()
        for key in ("instances", "presence", "size", "colors", "image_id"):
            assert answer[key] == form[key]


def test_the_answer_is_a_record_that_lexiseg_reads(client: TestClient) -> None:
    answer = send(client, "/v1/segment", names=["red", "yellow"]).json()
    result = result_from_record(answer)
    assert result.names == ("red", "yellow") and result.instances.labels == ("red",)


@pytest.mark.parametrize("name", ["red", "green"])
def test_colours_are_those_of_the_pictures(client: TestClient, name: str) -> None:
    answer = send(client, "/v1/segment", names=[name]).json()
    red, green, blue = color_of(name)
    assert answer["colors"][name] == f"#{red:02x}{green:02x}{blue:02x}"


def test_masks_come_in_three_forms(client: TestClient) -> None:
    truth = np.zeros((8, 12), bool)
    truth[:, 4:8] = True
    rle = green_of(send(client, "/v1/segment", names="green").json())["segmentation"]
    assert (coco.decode(rle) == truth).all()
    polygons = green_of(send(client, "/v1/segment", names="green", format="polygon").json())
    assert (polygons_to_mask(polygons["segmentation"], (8, 12)) == truth).all()
    png = green_of(send(client, "/v1/segment", names="green", format="png").json())
    picture = Image.open(io.BytesIO(base64.b64decode(png["segmentation"]["png"])))
    assert picture.mode == "1" and (np.asarray(picture) == truth).all()


@pytest.mark.parametrize("view", ["semantic", "panoptic"])
def test_views_do_not_overlap(client: TestClient, view: str) -> None:
    answer = send(client, "/v1/segment", names=["red", "green", "white"], view=view).json()
    masks = [coco.decode(item["segmentation"]) for item in answer["instances"]]
    assert sorted(item["label"] for item in answer["instances"]) == ["green", "red"]
    assert sum(masks).max() == 1
    assert all(item["area"] == 32 for item in answer["instances"])


def test_sentences_and_pictures_without_a_question(client: TestClient) -> None:
    told = send(client, "/v1/refer", texts=["the stripe, which is blue", "what is white"]).json()
    assert [item["label"] for item in told["instances"]] == ["the stripe, which is blue"]
    named = send(client, "/v1/label").json()
    assert [item["label"] for item in named["instances"]] == ["red", "green", "blue"]


def test_cut_offs_of_all_and_of_one_name(client: TestClient) -> None:
    file = flag("red", "red", "green", "green", "green", "blue")  # a third, a half, a sixth
    body = {"image": as_text(file), "names": ["red", "green", "blue"]}
    one = client.post("/v1/segment", json={**body, "cutoffs": {"green": 0.6}}).json()
    both = client.post("/v1/segment", json={**body, "cutoff": 0.3}).json()
    form = send(client, "/v1/segment", file, names="red, green, blue", cutoffs="green:0.6").json()
    assert [item["label"] for item in one["instances"]] == ["red", "blue"]
    assert [item["label"] for item in form["instances"]] == ["red", "blue"]
    assert [item["label"] for item in both["instances"]] == ["red", "green"]
    reason = next(entry for entry in both["presence"] if entry["name"] == "blue")
    assert not reason["kept"] and reason["reason"].startswith("below its cut-off 0.3")
    named = send(client, "/v1/label", file, cutoff="0.4").json()
    assert [item["label"] for item in named["instances"]] == ["green"]
    assert [entry["kept"] for entry in named["presence"]] == [False, True, False]


def test_excluded_names_are_cut_out(client: TestClient) -> None:
    answer = send(client, "/v1/segment", names="red", excluded="red ").status_code
    assert answer == 422
    answer = send(client, "/v1/segment", names="red", excluded="green", against="blue").json()
    assert [item["label"] for item in answer["instances"]] == ["red"]
    assert answer["presence"][0]["reason"].endswith("against 2 more")


def test_a_picture_is_encoded_once_for_many_questions(client: TestClient) -> None:
    before = Colours.encodings
    kept = send(client, "/v1/images", method="colours").json()
    assert kept["size"] == [8, 12] and kept["expires_in_s"] == 900
    answers = [
        client.post("/v1/segment", json={"image_id": kept["image_id"], "names": [name]}).json()
        for name in ("red", "blue", "yellow")
    ]
    assert [len(answer["instances"]) for answer in answers] == [1, 1, 0]
    assert all(answer["encoded_before"] for answer in answers)
    assert send(client, "/v1/segment", names="green").json()["encoded_before"]  # the same file
    assert Colours.encodings == before + 1


def test_a_kept_picture_comes_back(client: TestClient) -> None:
    name = send(client, "/v1/images").json()["image_id"]
    picture = Image.open(io.BytesIO(client.get(f"/v1/images/{name}").content))
    assert (np.asarray(picture) == np.asarray(Image.open(io.BytesIO(FLAG)))).all()


def test_a_name_given_twice_is_told(client: TestClient) -> None:
    answer = send(client, "/v1/segment", names=["red", "Red"]).json()
    assert answer["notes"] == ["Name 'Red' was given twice; it is used once."]


def test_files_of_every_format(client: TestClient) -> None:
    name = send(client, "/v1/images").json()["image_id"]
    question = {"image_id": name, "names": ["red", "yellow"], "name": "my flag"}
    for form in client.get("/v1/formats").json()["formats"]:
        answer = client.post("/v1/files", json={**question, "formats": [form]})
        assert answer.status_code == 200 and answer.content, form
        assert "my%20flag" in answer.headers["content-disposition"]
    both = client.post("/v1/files", json={**question, "formats": ["coco", "overlay"]})
    names = zipfile.ZipFile(io.BytesIO(both.content)).namelist()
    assert len(names) == 2 and both.headers["content-type"] == "application/zip"


def test_files_hold_what_the_cut_off_left(client: TestClient) -> None:
    file = flag("red", "red", "green")
    answer = send(client, "/v1/files", file, names="red, green", cutoff="0.5", formats="json")
    assert [item["label"] for item in json.loads(answer.content)["instances"]] == ["red"]


def test_models_say_what_they_can(client: TestClient) -> None:
    offered = client.get("/v1/models").json()
    assert offered["usual"] == "colours" and offered["preset"] == "mini"
    assert offered["caution"].startswith("bundled small models")
    (model,) = offered["models"]
    assert model["verbs"] == ["segment", "refer", "label"] and model["title"] == "Finds colours"


def test_health_and_numbers(client: TestClient) -> None:
    send(client, "/v1/segment", names="red")
    assert client.get("/health").json() == {"status": "ok", "ready": ["colours"]}
    text = client.get("/metrics").text
    assert 'lexiseg_requests_total{route="/v1/segment",status="200"} 1.0' in text
    assert "lexiseg_pictures 1.0" in text


def test_the_description_holds_every_own_route(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    own = {"images", "segment", "refer", "label", "files", "models"}
    assert {f"/v1/{name}" for name in own} <= paths.keys()
    body = paths["/v1/segment"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "multipart/form-data"}
    assert body["multipart/form-data"]["schema"]["properties"]["image"]["format"] == "binary"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("segment", {"names": ["red"]}, "send either image or image_id"),
        ("segment", {"image": as_text(FLAG)}, "Field 'names' does not fit"),
        ("segment", {"image": as_text(FLAG), "names": []}, "No names"),
        ("segment", {"image": as_text(FLAG), "names": [" "]}, "empty or blank"),
        ("segment", {"image": as_text(FLAG), "names": "red", "surplus": 1}, "surplus"),
        ("segment", {"image": as_text(FLAG), "names": "red", "format": "gif"}, "format"),
        ("segment", {"image": as_text(FLAG), "names": "red", "cutoff": 2}, "cutoff"),
        ("segment", {"image": as_text(FLAG), "names": "red", "method": "nobody"}, "nobody"),
        ("segment", {"image": "%%%", "names": "red"}, "no base64"),
        ("segment", {"image": as_text(b"GIF89a"), "names": "red"}, "bytes"),
        ("segment", {"image": as_text(FLAG[:48]), "names": "red"}, "bytes"),
        ("segment", {"image": as_text(FLAG), "names": "red", "cutoffs": {"dog": 0.5}}, "dog"),
        ("refer", {"image": as_text(FLAG), "texts": [""]}, "empty or blank"),
        ("files", {"image": as_text(FLAG), "names": "red", "formats": ["docx"]}, "docx"),
        ("files", {"image": as_text(FLAG), "verb": "label", "formats": []}, "format"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    client: TestClient, path: str, body: dict, words: str
) -> None:
    answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 422
    sentence = answer.json()["error"]
    assert words in sentence and "\n" not in sentence and answer.json().keys() == {"error"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"x", "text/plain"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=y"),
        (b"names=red", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies_that_cannot_be_read(client: TestClient, content: bytes, kind: str) -> None:
    answer = client.post("/v1/segment", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 422 and answer.json()["error"].count("\n") == 0


def test_an_id_that_is_unknown(client: TestClient) -> None:
    answer = client.post("/v1/segment", json={"image_id": "x", "names": "red"})
    assert answer.status_code == 404 and "send the picture again" in answer.json()["error"]


def test_a_mistake_of_ours_tells_nothing_of_the_machine(client: TestClient) -> None:
    answer = send(client, "/v1/segment", names="crash")
    assert answer.status_code == 500
    assert answer.json() == {"error": "This should not happen; the server's log says more."}
    assert send(client, "/v1/segment", names="red").status_code == 200


def test_a_page_that_is_not_there(client: TestClient) -> None:
    for method, path, status in (("GET", "/nix", 404), ("GET", "/v1/segment", 405)):
        answer = client.request(method, path)
        assert answer.status_code == status and answer.json().keys() == {"error"}
