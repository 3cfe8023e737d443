"""The README's first picture: a short drag through the map of the explorer, and a still for those who prefer none.

    python -m tools.recording

It opens the page of the model that ships with the program in the system's Chromium, drags the point along a closed
curve, and writes `explorer.webp` and `explorer.png` to ladder/pictures. Needs playwright.
"""

import io
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from foundation.errors import InputError
from foundation.files import write_bytes, write_text
from foundation.runs import open_run
from ladder.bench.browser import ARGUMENTS, executable
from ladder.explorer.command import SHIPPED
from ladder.explorer.page import render
from ladder.explorer.payload import make_payload
from paper.runs import read_data
from tools import CHECKOUT

PICTURES = CHECKOUT / "ladder" / "pictures"
MOVING, STILL = PICTURES / "explorer.webp", PICTURES / "explorer.png"
FRAMES, MILLISECONDS = 96, 60
LARGEST = 2_000_000
"""Bytes that the moving picture may have."""
WINDOW = {"width": 1270, "height": 860}


def curve(share: float) -> tuple[float, float]:
    """z after this share of the way round: a closed curve through most classes, within two standard deviations."""
    angle = 2 * math.pi * share
    radius = 1.35 + 0.45 * math.cos(3 * angle)
    return radius * math.cos(angle + 0.9), radius * math.sin(angle + 0.9)


def record(browser: Any, page_file: Path) -> list[Image.Image]:
    """The frames: map and x_hat as the point is dragged along the curve."""
    page = browser.new_page(viewport=WINDOW, color_scheme="light", locale="en-US")
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.get_by_text("Decoded manifold").click()
    while page.evaluate("page.views[0].map.manifold?.done !== 1"):
        page.wait_for_timeout(100)
    clip = clipping(page)
    square, reach = page.locator(".map").bounding_box(), page.evaluate("page.views[0].map.reach")
    frames = []
    for k in range(FRAMES + 1):
        u, v = curve(k / FRAMES)
        page.mouse.move(
            square["x"] + square["width"] * (0.5 + u / (2 * reach)),
            square["y"] + square["height"] * (0.5 - v / (2 * reach)),
        )
        if k == 0:
            page.mouse.down()
        page.wait_for_timeout(30)
        frames.append(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))
    page.mouse.up()
    page.close()
    return frames[:-1]  # the last place is the first


def clipping(page: Any) -> dict[str, float]:
    """The part of the screen with the map, x_hat and the loss."""
    page.evaluate("scrollTo(0, document.querySelector('.stage').getBoundingClientRect().top - 12)")
    stage, square = page.locator(".stage").bounding_box(), page.locator(".map").bounding_box()
    top = stage["y"] - 8
    bottom = square["y"] + square["height"] + 12
    return {"x": stage["x"] - 8, "y": top, "width": stage["width"] + 16, "height": bottom - top}


def write(frames: list[Image.Image]) -> None:
    """Both files. Raises `InputError` for a moving picture that is too large."""
    for quality in (80, 70, 60, 50, 40):
        buffer = io.BytesIO()
        kept = {"save_all": True, "append_images": frames[1:], "duration": MILLISECONDS, "loop": 0}
        frames[0].save(buffer, "webp", quality=quality, method=4, **kept)
        if buffer.tell() <= LARGEST:
            break
    else:
        raise InputError(f"{MOVING.name}: {buffer.tell():,} bytes, expected at most {LARGEST:,}; take fewer frames")
    write_bytes(MOVING, buffer.getvalue())
    still = io.BytesIO()
    frames[0].save(still, "png", optimize=True)
    write_bytes(STILL, still.getvalue())
    print(f"{MOVING.relative_to(CHECKOUT)}: {buffer.tell() / 1e6:.2f} MB at quality {quality}, {frames[0].size}")


def main() -> int:
    """Record and write; the exit code."""
    from playwright.sync_api import sync_playwright

    run = open_run(SHIPPED)
    page = render(make_payload([(run, read_data(run, None))]))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        file = Path(folder) / "explorer.html"
        write_text(file, page)
        browser = started.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        write(record(browser, file))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
