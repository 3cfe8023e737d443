"""`vae-ladder bench --browser`: the explorer's page of the default model in the system's Chromium or Chrome."""

import contextlib
import dataclasses
import importlib.resources
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.files import write_text
from foundation.options import TrainOptions
from foundation.runs import Run, create_run
from ladder.bench.timing import Time
from ladder.explorer.page import bundle, read_file, render
from ladder.explorer.payload import make_payload
from ladder.train import describe, make_training
from paper.models.options import VAEOptions

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FRAME, DECODE, OPENING, STEPS = 16.0, 8.0, 1000.0, 100.0
"""What the explorer promises: milliseconds of a loss, of a decoded image and of opening; training steps a second."""
FIRST_PICTURE = """
new MutationObserver((_, observer) => {
  if (!document.documentElement.hasAttribute("data-ready")) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame((now) => (globalThis.first_picture = now)));
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-ready"] });
"""


@dataclasses.dataclass(frozen=True)
class BrowserResults:
    """Times of one page, in seconds."""

    browser: str
    """Its name and version"""
    megabytes: float
    """Size of the page"""
    decode: Time
    """z to x̂, one image"""
    loss: Time
    """Encode, decode and the parts of the loss, one image"""
    first_picture: float
    """From the start of loading until the first picture is on the screen"""
    steps_per_second: float
    """Of the training tab, on points of the plane"""


def measure_browser(now: Callable[[str], None] = lambda what: None) -> BrowserResults:
    """Open the page and measure in it. Raises `InputError` where Playwright or a browser is missing."""
    path = executable()
    with tempfile.TemporaryDirectory() as folder:
        now("the page of the default model")
        page = Path(folder) / "explorer.html"
        write_text(page, default_page(Path(folder)))
        now("opening the page")
        with opened(page, path) as (tab, version):
            tab.wait_for_function("globalThis.first_picture", timeout=60_000)
            first_picture = tab.evaluate("globalThis.first_picture") / 1000
            now("decoding, losses and training steps")
            tab.evaluate(bundle("speed.js", read_module))
            found: dict[str, Any] = json.loads(tab.evaluate("globalThis.speed_of_the_page"))
        size = page.stat().st_size / 1e6
    decode, loss = (Time(*(np.quantile(found[name], (0.5, 0.25, 0.75)) / 1000).tolist()) for name in ("decode", "loss"))
    return BrowserResults(version, size, decode, loss, first_picture, found["steps_per_second"])


def default_page(folder: Path) -> str:
    """The page of the default VAE from fresh weights, which are as fast as trained ones, with images of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 1, 28, 28)) / np.float32(255)
    images: Dataset[np.ndarray] = Dataset(
        "noise", "test", pixels.astype(np.float32), np.arange(2000) % 10, tuple("0123456789")
    )
    data: Data[np.ndarray] = Data("noise", images, None, images)
    training = make_training(TrainOptions(model=VAEOptions(), rung="numpy_impl"), data)
    run: Run = create_run(folder, "train_vae", describe(training, "vae-ladder bench --browser"))
    run.save_weights(training.rung.parameters(), training.rung.description)
    return render(make_payload([(run, data)]))


def read_module(name: str) -> str:
    """The text of this measurement's module, or of one of the explorer's."""
    if name == "speed.js":
        return (importlib.resources.files("ladder.bench") / name).read_text("utf-8")
    return read_file(name)


def executable() -> str:
    """The system's Chromium or Chrome; the variable CHROMIUM names another. Raises `InputError` where there is none."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise InputError("bench --browser: no Chromium or Chrome found; install one, or name it in CHROMIUM")
    return path


@contextlib.contextmanager
def opened(page: Path, path: str) -> Iterator[tuple[Any, str]]:
    """A tab in which the page has been opened from its file, and the browser's name with its version."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise InputError("bench --browser: needs Playwright: pip install playwright") from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        except Error as error:
            raise InputError(f"bench --browser: {path} does not start ({str(error).splitlines()[0]})") from error
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.add_init_script(FIRST_PICTURE)
        tab.goto(page.as_uri())
        yield tab, f"Chromium {browser.version}"
        browser.close()


def browser_table(results: BrowserResults) -> Table:
    """What was measured, beside what the explorer promises."""
    from ladder.bench.report import milliseconds, new_table

    table = new_table(f"The explorer in {results.browser}, {results.megabytes:.1f} MB", "", "measured", "promised")
    opening = f"{1000 * results.first_picture:,.0f}"
    table.add_row("first picture (ms)", opening, f"≤ {OPENING:,.0f}")
    table.add_row("decode an image (ms)", milliseconds(results.decode), f"≤ {DECODE:g}")
    table.add_row("encode, decode and loss (ms)", milliseconds(results.loss), f"≤ {FRAME:g}")
    table.add_row("training steps a second, 2-D points", f"{results.steps_per_second:,.0f}", f"≥ {STEPS:g}")
    return table
