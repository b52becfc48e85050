"""A person at the page, in a real browser; needs Chromium from the system's packages."""

from __future__ import annotations

import io
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lexiseg.web.app import create_app
from lexiseg.web.page import FILES
from tests.web import colours
from tests.web.colours import flag

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
# What the browser itself notes: a refusal that a test provokes, and that a test reads the canvas.
EXPECTED = ("Failed to load resource: the server responded", "Canvas2D: Multiple readback")
WIDTHS = {"phone": 390, "tablet": 820, "desk": 1360}


PATIENCE = 60_000  # milliseconds; the processor may have much else to do
expect.set_options(timeout=PATIENCE)


@contextmanager
def running(**changes: object) -> Iterator[str]:
    """Address of a service that answers."""
    with colours.registered():
        place = socket.create_server(("127.0.0.1", 0))
        app = create_app(colours.settings(host="127.0.0.1", **changes))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{place.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a service with the usual limits."""
    with running() as place:
        yield place


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: install chromium from the system's packages")
    with sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield program
        program.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page as it opens; it may say nothing on the console and ask nobody else."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert [line for line in told if not line.startswith(EXPECTED)] == []
    assert [url for url in elsewhere if not url.startswith((address, "blob:"))] == []


def upload(page: Page, *names: str) -> None:
    file = {"name": "flag.png", "mimeType": "image/png", "buffer": flag(*names, width=120)}
    page.set_input_files("#file", file)
    expect(page.locator("#status")).to_contain_text("flag.png")


def type_names(page: Page, *names: str) -> None:
    clear_names(page)
    for name in names:
        page.fill("#name", name)
        page.press("#name", "Enter")


def clear_names(page: Page) -> None:
    while page.locator("#names li").count():
        page.locator("#names li button").first.click()


def choose(page: Page, kind: str) -> None:
    page.locator(f"#kinds label:has(input[value={kind}])").click()


def ask(page: Page) -> None:
    page.click("#go")
    expect(page.locator("#progress")).to_be_hidden()


def texts(page: Page, where: str) -> list[str]:
    return page.locator(where).all_inner_texts()


def here(page: Page) -> list[str]:
    return texts(page, "#legend button span:nth-child(2)")


def questions(page: Page) -> list[str]:
    """Takes the names of routes that the page sends something to from now on."""
    sent: list[str] = []
    page.on("request", lambda one: one.method == "POST" and sent.append(one.url.rsplit("/", 1)[1]))
    return sent


def pixel(page: Page, x: float, y: float) -> list[int]:
    """Red, green, blue of the canvas at shares of its width and height."""
    return page.evaluate(
        """([x, y]) => {
          const canvas = document.getElementById("canvas");
          const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
          return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
            () => done([...canvas.getContext("2d").getImageData(...place).data].slice(0, 3)))));
        }""",
        [x, y],
    )


def test_names_are_found_and_absent_ones_refused_with_the_reason(page: Page) -> None:
    upload(page, "red", "green", "blue")
    type_names(page, "red", "blue", "yellow")
    ask(page)
    assert here(page) == ["red", "blue"]
    (refused,) = texts(page, "#absent li")
    assert "yellow" in refused and "0.00" in refused and "no pixel has its colour" in refused
    expect(page.locator("#status")).to_contain_text(re.compile(r"\d+ ms by colours"))


def test_regions_are_painted_where_they_are(page: Page) -> None:
    upload(page, "white", "green", "white")
    type_names(page, "green")
    before = [pixel(page, x, 0.5) for x in (0.2, 0.5, 0.8)]
    ask(page)
    page.uncheck("#labels")
    after = [pixel(page, x, 0.5) for x in (0.2, 0.5, 0.8)]
    assert before == [[255] * 3, [0, 255, 0], [255] * 3]
    assert after[0] == before[0] and after[2] == before[2] and after[1] != before[1]
    page.click("#legend button")
    assert pixel(page, 0.5, 0.5) == [0, 255, 0]  # switched off
    expect(page.locator("#legend button")).to_have_attribute("aria-pressed", "false")


def test_pointing_at_a_region_names_it(page: Page) -> None:
    upload(page, "red", "green", "blue")
    type_names(page, "green")
    ask(page)
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#tip")).to_have_text("green0.33")
    page.mouse.move(box["x"] + box["width"] / 6, box["y"] + box["height"] / 2)
    expect(page.locator("#tip")).to_be_hidden()


def test_cut_offs_act_on_the_answer_that_is_there(page: Page) -> None:
    upload(page, "red", "red", "green", "blue")
    type_names(page, "red", "green", "yellow")
    ask(page)
    asked = questions(page)
    page.locator("#cutoff").fill("0.4")
    assert here(page) == ["red"]
    refused = texts(page, "#absent li")
    assert "green" in refused[0] and "below your cut-off 0.40" in refused[0]
    assert "yellow" in refused[1] and "no pixel" in refused[1]
    page.locator("#cutoff").fill("0")
    page.locator("#each summary").click()
    page.get_by_label("red").last.fill("0.9")
    assert here(page) == ["green"]
    assert asked == []


def test_a_second_question_does_not_send_the_picture_again(page: Page) -> None:
    upload(page, "red", "green")
    type_names(page, "red")
    ask(page)
    sent = questions(page)
    type_names(page, "green")
    ask(page)
    assert here(page) == ["green"]
    assert sent == ["segment"]
    expect(page.locator("#status")).to_contain_text("encoded before")


def test_all_kinds_of_questions(page: Page) -> None:
    upload(page, "red", "green")
    choose(page, "sentence")
    page.fill("#text", "the stripe that is green")
    ask(page)
    assert here(page) == ["the stripe that is green"]
    choose(page, "everything")
    ask(page)
    assert here(page) == ["red", "green"]
    choose(page, "panoptic")
    type_names(page, "green", "blue")
    ask(page)
    assert here(page) == ["green"]
    assert page.locator("input[value=objects]").is_disabled()  # no method for single objects


def test_lists_are_pasted_and_names_taken_back(page: Page) -> None:
    clear_names(page)
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.setData("text/plain", "red, green\\nblue,Red");
          document.getElementById("name").dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    assert [text.split("\n")[0] for text in texts(page, "#names li")] == ["red", "green", "blue"]
    page.press("#name", "Backspace")
    assert page.input_value("#name") == "blue" and page.locator("#names li").count() == 2


def test_pictures_are_dropped_and_pasted(page: Page) -> None:
    for kind in ("drop", "paste"):
        page.evaluate(
            """([kind, bytes]) => {
              const data = new DataTransfer();
              const file = new File([new Uint8Array(bytes)], kind, { type: "image/png" });
              data.items.add(file);
              document.dispatchEvent(kind === "drop"
                ? new DragEvent("drop", { dataTransfer: data, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data }));
            }""",
            [kind, list(flag("red", width=40 + len(kind)))],
        )
        expect(page.locator("#status")).to_contain_text(f"{40 + len(kind)} × 8")


def test_what_goes_wrong_is_a_sentence_on_the_page(page: Page) -> None:
    clear_names(page)
    page.click("#go")
    expect(page.locator("#problem")).to_have_text("Type at least one name to look for.")
    type_names(page, "crash")
    ask(page)
    expect(page.locator("#problem")).to_contain_text("This should not happen")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.set_input_files("#file", file)
    expect(page.locator("#problem")).to_contain_text("cannot show the file")
    type_names(page, "red")
    ask(page)
    expect(page.locator("#problem")).to_be_hidden()


def test_a_question_is_stopped(page: Page) -> None:
    type_names(page, "red")
    colours.Colours.gate.clear()
    try:
        page.click("#go")
        expect(page.locator("#phase")).to_contain_text("colours looks and answers")
        page.keyboard.press("Escape")
        expect(page.locator("#status")).to_have_text("Stopped.")
    finally:
        colours.Colours.gate.set()
    ask(page)
    assert page.locator("#result").is_visible()


def test_files_are_downloaded_as_they_are_seen(page: Page) -> None:
    upload(page, "red", "red", "green")
    type_names(page, "red", "green")
    ask(page)
    page.locator("#cutoff").fill("0.5")
    page.select_option("#format", "json")
    with page.expect_download() as waited:
        page.click("#download")
    text = Path(waited.value.path()).read_text(encoding="utf-8")
    assert '"label":"red"' in text.replace('": "', '":"') and text.count('"bbox"') == 1
    page.select_option("#format", "overlay")
    with page.expect_download() as waited:
        page.click("#download")
    picture = Image.open(io.BytesIO(Path(waited.value.path()).read_bytes()))
    assert picture.size == (120, 8) and np.asarray(picture).any()


def test_a_link_repeats_the_question(page: Page, browser: Browser) -> None:
    upload(page, "red", "green", "blue")
    type_names(page, "green", "yellow")
    ask(page)
    page.locator("#cutoff").fill("0.2")
    page.click("#link")
    other = browser.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    other.wait_for_selector("#result:not([hidden])")
    assert here(other) == ["green"] and other.input_value("#cutoff") == "0.2"
    other.close()


def test_the_page_asks_for_the_token(browser: Browser) -> None:
    with running(token="sesame") as address:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        expect(page.locator("#token-dialog")).to_be_visible()
        page.fill("#token", "sesame")
        page.press("#token", "Enter")
        page.wait_for_selector("body[data-ready]")
        type_names(page, "red")
        ask(page)
        assert page.locator("#result").is_visible()
        page.close()


def test_everything_is_reached_with_the_keyboard(page: Page) -> None:
    page.focus("#examples button")
    page.keyboard.press("Enter")
    expect(page.locator("#examples button").first).to_have_attribute("aria-pressed", "true")
    clear_names(page)
    page.focus("input[value=names]")
    page.keyboard.press("ArrowUp")  # the radio buttons are one stop, moved through with arrows
    expect(page.locator("input[value=sentence]")).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type("white,red")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#result:not([hidden])")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"method", "go", "cutoff", "opacity", "labels", "format", "download", "link"} <= set(
        reached
    )


def test_every_control_and_picture_has_a_name_for_screen_readers(page: Page) -> None:
    type_names(page, "red")
    ask(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, canvas, dialog")]
          .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length
            || one.getAttribute("aria-labelledby") || one.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("#canvas").get_attribute("aria-label").startswith("Picture")
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_cut_off_at_any_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    type_names(page, "red", "a name that is much longer than most names are " * 3)
    ask(page)
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => one.getBoundingClientRect().right > innerWidth)
          .filter((one) => !one.closest(".scroll"))
          .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    ratios = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement);
          const light = (name) => {
            const hex = style.getPropertyValue(name).trim();
            const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
              .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
          };
          return [["--ink", "--paper"], ["--soft", "--paper"], ["--soft", "--card"],
            ["--bad", "--bad-tint"], ["--warn", "--warn-tint"], ["--on-accent", "--accent"],
            ["--accent", "--card"]]
            .map(([text, ground]) => {
              const [low, high] = [light(text), light(ground)].sort((a, b) => a - b);
              return (high + 0.05) / (low + 0.05);
            });
        }"""
    )
    assert min(ratios) >= 4.5  # WCAG 2.2, 1.4.3


def test_the_page_is_served_with_its_files(client: TestClient) -> None:
    page = client.get("/").text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    for name in FILES:
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200 and answer.content
        assert not re.search(rb"https?://(?!www\.w3\.org)", answer.content)
    assert client.get("/static/app.py").status_code == 404


def test_the_examples_are_pictures_with_words(client: TestClient) -> None:
    examples = client.get("/examples").json()
    assert examples
    for example in examples:
        picture = Image.open(io.BytesIO(client.get(f"/{example['picture']}").content))
        assert min(picture.size) > 100 and len(example["names"]) > 3 and example["sentence"]
    assert client.get(f"/examples/{len(examples)}.png").status_code == 404
