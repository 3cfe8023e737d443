"""A folder of small pictures, the data set that costs a test nothing to load."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(path: Path, count: int = 24) -> Path:
    """Write `count` pictures of 28×28, each a bright square somewhere, into the new folder `path`."""
    rng = np.random.default_rng(0)
    path.mkdir()
    for i in range(count):
        image = np.zeros((28, 28), np.uint8)
        top, left = rng.integers(2, 14, 2)
        image[top : top + 10, left : left + 10] = rng.integers(100, 256, (10, 10))
        Image.fromarray(image).save(path / f"{i:02}.png")
    return path
