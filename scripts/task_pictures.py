"""Pictures of the pages on tasks: what the commands on these pages draw.

python -m scripts.task_pictures
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image

from scripts.run_page import run_page

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = ("name-things", "single-objects", "everything-named", "sentences", "panoptic", "video")
SCALE = 2


def drawn() -> Path:
    """The overlay that a page's first command left in the folder one is in."""
    clip = Path("clip.webp")
    return clip if clip.exists() else next(Path("out").glob("*.overlay.jpg"))


def save(picture: Path, target: Path) -> None:
    """As WebP; a clip keeps its frames and their times."""
    with Image.open(picture) as opened:
        frames, times = [], []
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            size = (SCALE * opened.width, SCALE * opened.height)
            frames.append(opened.convert("RGB").resize(size, Image.Resampling.LANCZOS))
            times.append(opened.info.get("duration", 0))
    if len(frames) == 1:
        frames[0].save(target, quality=82)
    else:
        more = frames[1:]
        frames[0].save(
            target, quality=82, save_all=True, append_images=more, duration=times, loop=0
        )


def main() -> None:
    """Run the pages and keep what they drew."""
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            run_page(DOCS / "tasks" / f"{page}.md")
            save(drawn(), DOCS / "images" / f"task-{page}.webp")
            os.chdir(DOCS)


if __name__ == "__main__":
    main()
