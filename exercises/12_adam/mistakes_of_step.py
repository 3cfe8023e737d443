"""Wrong steps of Adam, and steps that change what they are given."""

import numpy as np

from exercises.kit.exercise import Mistake

from .steps import adam_with, wrong


def _in_place(*names):
    """The right step, after which these arguments hold the new values."""
    right = adam_with()

    def adam(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
        new = right(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps)
        arguments = {"parameter": parameter, "m": m, "v": v}
        for name, value in zip(("parameter", "m", "v"), new, strict=False):
            if name in names:
                arguments[name][...] = value
        return *(
            arguments[name] if name in names else value for name, value in zip(arguments, new, strict=False)
        ), t + 1

    return adam


def _gradient_squared_in_place(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
    new = adam_with()(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps)
    gradient *= gradient
    return new


STEP = (
    wrong(
        "uphill",
        "{came} instead of {expected}: the gradient points to a larger loss, so the step is subtracted.",
        parameter=lambda s: s.parameter + s.update,
    ),
    wrong(
        "no root of v̂",
        "{came} instead of {expected}: v̂ has the unit of g², √v̂ that of g. Only with the root does the scale cancel.",
        update=lambda s: s.learning_rate * s.m_hat / (s.v_hat + s.eps),
    ),
    wrong(
        "eps inside the root",
        "{came} instead of {expected}: √(v̂ + 1e-8) is 1e-4 however small v̂ is, so a step with gradient 1e-7 "
        "shrinks to a thousandth. eps is added to the root.",
        update=lambda s: s.learning_rate * s.m_hat / np.sqrt(s.v_hat + s.eps),
    ),
    wrong(
        "eps is missing",
        "{came} instead of {expected}: eps damps steps whose gradient is as small as eps itself, and prevents "
        "0/0 where the gradient is 0.",
        update=lambda s: s.learning_rate * s.m_hat / np.sqrt(s.v_hat),
    ),
    wrong(
        "eps added before the correction",
        "{came} instead of {expected}: √v is 31.62 times smaller than √v̂ at first, so the same eps weighs "
        "more. Correct v, then take the root, then add eps.",
        update=lambda s: s.learning_rate * s.m_hat * np.sqrt(1 - s.beta2**s.t) / (np.sqrt(s.v) + s.eps),
    ),
    wrong(
        "learning rate is missing",
        "{came} instead of {expected}: right with a learning rate of 1, wrong with any other.",
        update=lambda s: s.m_hat / (np.sqrt(s.v_hat) + s.eps),
    ),
    wrong(
        "returns the step, not the new parameter",
        "{came} instead of {expected}: where the parameter begins at 0, the two differ in sign only. "
        "Return parameter - step.",
        returned=("update", "m", "v", "t"),
    ),
    wrong(
        "returns -step, not the new parameter",
        "{came} instead of {expected}: right where the parameter begins at 0, and nowhere else: "
        "the step changes what was there.",
        parameter=lambda s: -s.update,
    ),
)

IN_PLACE = (
    Mistake(
        "parameter changed in place",
        {"adam": _in_place("parameter")},
        "`parameter -= ...` changes the caller's array. The numbers are right, but the old parameter is gone.",
    ),
    Mistake(
        "m and v changed in place",
        {"adam": _in_place("m", "v")},
        "`m *= ...` and `m += ...` change the caller's arrays. The numbers are right, but calling again with the same "
        "state gives another step.",
    ),
    Mistake(
        "parameter, m and v changed in place",
        {"adam": _in_place("parameter", "m", "v")},
        "`-=`, `*=` and `+=` change the caller's arrays. The rung's optimiser does so on purpose, to save memory; a "
        "function that returns the new ones must leave the old ones alone.",
    ),
    Mistake(
        "gradient squared in place",
        {"adam": _gradient_squared_in_place},
        "`gradient *= gradient` or `gradient **= 2` changes the caller's array: whoever reads the gradient "
        "next finds its square.",
    ),
)

MISTAKES_OF_STEP = STEP + IN_PLACE
