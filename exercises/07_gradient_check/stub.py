"""Exercise 07: a checker for backward functions. Read exercises/07_gradient_check.md, then write the function."""

from collections.abc import Callable

import numpy as np


def check_gradient(
    f: Callable[[np.ndarray], np.ndarray | float],
    f_backward: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    """Is f_backward the derivative of f at x? Compares it with differences of f.

    f: f(x) gives an array of any shape, or a number; it may be a view of x.
    f_backward: f_backward(dy, x) claims to be the gradient of sum(dy * f(x)) with respect to x; dy has f(x)'s shape.
    x: float64, any shape, with no kink of f nearer than 0.05; it must be the same after the call.
    rng: for random numbers.
    Returns True where f_backward is right in shape and in every entry, else False (and raises nothing).
    """
    raise NotImplementedError
