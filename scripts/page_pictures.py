"""The pictures of the page in docs/serve.md, at three widths.

    python -m scripts.page_pictures

Needs the extra ``test`` and Chromium from the system's packages.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
Scheme = Literal["light", "dark"]
PICTURES: dict[str, tuple[int, int, Scheme]] = {
    "desk": (1360, 940, "light"),
    "tablet": (820, 1180, "dark"),
    "phone": (390, 844, "light"),
}


@contextmanager
def service() -> Iterator[str]:
    """Address of a service with the bundled weights."""
    command = [sys.executable, "-m", "lexiseg", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        found = re.search(r"Serving on (\S+)", process.stderr.readline() if process.stderr else "")
        if not found:
            raise SystemExit("The service did not start.")
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def take(browser: Browser, address: str, name: str) -> None:
    """Ask about the first scene, and keep what is seen then."""
    width, height, scheme = PICTURES[name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.click("#go")
    page.wait_for_selector("#result:not([hidden])", timeout=120_000)
    page.wait_for_timeout(1000)  # until it has scrolled to the answer
    shot = Image.open(io.BytesIO(page.screenshot(full_page=name == "desk")))
    shot.save(IMAGES / f"page-{name}.webp", quality=82)
    page.close()


def main() -> None:
    """Take all of them."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("This needs a browser: install chromium from the system's packages.")
    with service() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in PICTURES:
            take(browser, address, name)
        browser.close()


if __name__ == "__main__":
    main()
