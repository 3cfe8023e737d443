"""Exercise 12: one step of Adam. Read exercises/12_adam.md, then write the function."""

import numpy as np


def adam(
    parameter: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """One step of Adam for one parameter. No argument is changed.

    parameter, gradient: float64 arrays of the same shape. m, v: arrays of that shape too, those that the
    step before returned, and zeros before the first step. t: the number of steps before this one, 0 at the first.
    learning_rate, beta1, beta2, eps: numbers, usually 0.001, 0.9, 0.999 and 1e-8.
    Returns (parameter, m, v, t): the new ones, t counting this step.
    """
    raise NotImplementedError
