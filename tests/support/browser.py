"""Pages of the explorer in the system's Chromium, with all that they say on the console and all that they ask for."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foundation.errors import InputError
from ladder.bench.browser import ARGUMENTS, executable


@contextmanager
def start_browser() -> Iterator[object]:
    """A browser; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    try:
        path = executable()
    except InputError as error:
        pytest.skip(str(error))
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def opened(browser, path: Path, *, ready=True, **context) -> Iterator[object]:
    """A page, opened from its file; afterwards it must have said nothing on the console and asked for nothing."""
    heard = []
    made = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | context)
    page = made.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url[:80]}") if asks(request.url) else None)
    page.goto(path.as_uri())
    if ready:
        page.wait_for_selector("html[data-ready]")
        settle(page)
    yield page
    made.close()
    assert not heard, heard


def asks(url: str) -> bool:
    """Whether an address is neither the page itself nor part of it."""
    return not url.startswith(("file:", "data:", "blob:"))


def settle(page) -> None:
    """Wait until what was changed is drawn: two frames."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(page, selector: str) -> np.ndarray:
    """The colours (H, W, 3) that a canvas shows, from 0 to 255."""
    url = page.locator(selector).first.evaluate("(canvas) => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"), np.int64)


def levels(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) in [0, 1] as such colours."""
    return np.broadcast_to(np.rint(255 * image), (3, *image.shape[1:])).transpose(1, 2, 0)
