"""Exercise NN: TODO, what it is about. Read exercises/NN_name.md, then write the function."""

import numpy as np


def scores(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """TODO: what the function computes, in one line.

    x: (N, I) float64, N rows of I inputs. weight: (I,).
    Returns (N,).
    """
    raise NotImplementedError
