"""The README's moving picture: short, small, closed, and beside it a still of the same size."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from tools.recording import FRAMES, LARGEST, MOVING, STILL, curve


def test_the_point_goes_round_within_two_standard_deviations():
    places = np.array([curve(k / FRAMES) for k in range(FRAMES + 1)])
    assert places[0] == pytest.approx(places[-1])
    assert np.linalg.norm(places, axis=1).max() < 2
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 0.25


def test_the_picture_moves_and_the_still_has_its_size():
    assert MOVING.stat().st_size <= LARGEST
    with Image.open(MOVING) as moving, Image.open(STILL) as still:
        assert moving.n_frames == FRAMES
        assert moving.size == still.size
        first = np.asarray(moving.convert("RGB"), int)
        moving.seek(FRAMES // 2)
        later = np.asarray(moving.convert("RGB"), int)
        assert np.abs(first - np.asarray(still.convert("RGB"), int)).mean() < 3
    assert np.abs(later - first).mean() > 1
