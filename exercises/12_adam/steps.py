"""Algorithm 1 line by line, so that a line can be replaced by a wrong one."""

from types import SimpleNamespace

import numpy as np

from exercises.kit.exercise import Mistake


def _m(state):
    return state.beta1 * state.m + (1 - state.beta1) * state.g


def _v(state):
    return state.beta2 * state.v + (1 - state.beta2) * state.g**2


def _m_hat(state):
    return state.m / (1 - state.beta1**state.t)


def _v_hat(state):
    return state.v / (1 - state.beta2**state.t)


def _update(state):
    return state.learning_rate * state.m_hat / (np.sqrt(state.v_hat) + state.eps)


STEPS = {
    "t": lambda state: state.t + 1,
    "m": _m,
    "v": _v,
    "m_hat": _m_hat,
    "v_hat": _v_hat,
    "update": _update,
    "parameter": lambda state: state.parameter - state.update,
}
"""Algorithm 1, line by line: what each name becomes."""


def adam_with(returned=("parameter", "m", "v", "t"), **changed):
    """Algorithm 1 with some lines replaced."""

    def adam(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
        numbers = {"parameter": parameter, "g": gradient, "m": m, "v": v, "t": t}
        options = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "eps": eps}
        state = SimpleNamespace(**numbers, m_before=m, t_before=t, **options)
        for name, line in (STEPS | changed).items():
            setattr(state, name, line(state))
        return tuple(getattr(state, name) for name in returned)

    return adam


def wrong(name, tell, **changed):
    """A mistake made of the lines that it changes."""
    return Mistake(name, {"adam": adam_with(**changed)}, tell)
