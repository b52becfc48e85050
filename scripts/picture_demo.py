"""Write docs/images/demo.webp, the picture of README.md, out of what `lexiseg demo` drew.

python scripts/picture_demo.py demo-output/demo.png [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image


def main(drawn: Path, out: Path) -> None:
    """Store the picture in a tenth of the space, so that a page with it opens at once."""
    with Image.open(drawn) as picture:
        picture.convert("RGB").save(out, "WEBP", quality=80, method=6)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python scripts/picture_demo.py DRAWN [OUT]")
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images/demo.webp"))
