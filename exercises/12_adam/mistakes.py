"""Wrong steps of Adam, each with the number that shows it."""

from types import SimpleNamespace

import numpy as np

from exercises.kit.exercise import Mistake

# Algorithm 1 line by line, so that a mistake can replace a line


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
        state = SimpleNamespace(**numbers, m_before=m, v_before=v, t_before=t, **options)
        for name, line in (STEPS | changed).items():
            setattr(state, name, line(state))
        return tuple(getattr(state, name) for name in returned)

    return adam


def wrong(name, explanation, **changed):
    """A mistake made of the lines that it changes."""
    return Mistake(name, {"adam": adam_with(**changed)}, explanation)


# Averages and corrections


CORRECTION = (
    wrong(
        "no bias correction",
        "{got} instead of {expected}: √10 = 3.162 times the step. m holds 0.1 of the gradient, √v 0.0316 of it.",
        m_hat=lambda s: s.m,
        v_hat=lambda s: s.v,
    ),
    wrong(
        "only m is corrected",
        "{got} instead of {expected}: v, too, begins at 0. Uncorrected, √v is 31.62 times too small at first.",
        v_hat=lambda s: s.v,
    ),
    wrong(
        "only v is corrected",
        "{got} instead of {expected}: m, too, begins at 0. Uncorrected, it is a tenth of the gradient at first.",
        m_hat=lambda s: s.m,
    ),
    wrong(
        "t counted after the correction",
        "The first step divides by 1 - β⁰ = 0, and 0/0 follows. t = t + 1 belongs to the beginning.",
        m_hat=lambda s: s.m / np.float64(1 - s.beta1**s.t_before),
        v_hat=lambda s: s.v / np.float64(1 - s.beta2**s.t_before),
    ),
    wrong(
        "t is not counted",
        "{got} instead of {expected}: returned unchanged, t stays what it is, and the second step is "
        "corrected like the first.",
        returned=("parameter", "m", "v", "t_before"),
    ),
    wrong(
        "t is neither used as t + 1 nor counted",
        "The first step divides by 1 - β⁰ = 0, and t comes back as it was. t = t + 1 comes first, and the new t goes "
        "into the corrections and is returned.",
        t=lambda s: s.t,
        m_hat=lambda s: s.m / np.float64(1 - s.beta1**s.t),
        v_hat=lambda s: s.v / np.float64(1 - s.beta2**s.t),
    ),
    wrong(
        "m and v returned in the wrong order",
        "{got} instead of {expected}: the two averages have changed places. (parameter, m, v, t) is asked for.",
        returned=("parameter", "v", "m", "t"),
    ),
    wrong(
        "m̂ and v̂ exchanged in the step",
        "{got} instead of {expected}: v̂ over √m̂. The direction is m̂, and the root of v̂ divides it.",
        update=lambda s: s.learning_rate * s.v_hat / (np.sqrt(s.m_hat) + s.eps),
    ),
    wrong(
        "m and v exchanged as arguments",
        "{got} instead of {expected}: the given m went into the average of squares, and the given v into that of "
        "gradients. It does not show in the first step, where both are 0.",
        m=lambda s: s.beta1 * s.v_before + (1 - s.beta1) * s.g,
        v=lambda s: s.beta2 * s.m_before + (1 - s.beta2) * s.g**2,
    ),
    wrong(
        "corrected by 1 - β instead of 1 - βᵗ",
        "{got} instead of {expected}: right for the first step only. Later the averages need less correction.",
        m_hat=lambda s: s.m / (1 - s.beta1),
        v_hat=lambda s: s.v / (1 - s.beta2),
    ),
    wrong(
        "β·t instead of βᵗ",
        "The first step is right, since β·1 = β¹. At the second, 1 - 1.998 is negative: no root. `**`, not `*`.",
        m_hat=lambda s: s.m / (1 - s.beta1 * s.t),
        v_hat=lambda s: s.v / (1 - s.beta2 * s.t),
    ),
    wrong(
        "corrections of m and v exchanged",
        "{got} instead of {expected}: 0.1/0.001 over √(0.001/0.1). m belongs to β₁, v to β₂.",
        m_hat=lambda s: s.m / (1 - s.beta2**s.t),
        v_hat=lambda s: s.v / (1 - s.beta1**s.t),
    ),
    wrong(
        "corrected m is fed back",
        "{got} instead of {expected}: m̂ is for this step only. What is returned, and averaged on, is m.",
        returned=("parameter", "m_hat", "v", "t"),
    ),
    wrong(
        "corrected v is fed back",
        "{got} instead of {expected}: v̂ is for this step only. What is returned, and averaged on, is v.",
        returned=("parameter", "m", "v_hat", "t"),
    ),
    wrong(
        "corrected m and v are fed back",
        "{got} instead of {expected}: m̂ and v̂ are for this step only. What is returned, and averaged on, is m and v.",
        returned=("parameter", "m_hat", "v_hat", "t"),
    ),
)

AVERAGES = (
    wrong(
        "m sums gradients",
        "{got} instead of {expected}: without the factor 1 - β₁ = 0.1, m is ten times too large.",
        m=lambda s: s.beta1 * s.m + s.g,
    ),
    wrong(
        "v sums squares",
        "{got} instead of {expected}: without the factor 1 - β₂ = 0.001, √v is 31.62 times too large.",
        v=lambda s: s.beta2 * s.v + s.g**2,
    ),
    wrong(
        "β and 1 - β exchanged",
        "{got} instead of {expected}: β is how much of the old stays; only 1 - β of the gradient is new.",
        m=lambda s: (1 - s.beta1) * s.m + s.beta1 * s.g,
        v=lambda s: (1 - s.beta2) * s.v + s.beta2 * s.g**2,
    ),
    wrong(
        "β₁ and β₂ exchanged",
        "{got} instead of {expected}: β₁ = 0.9 belongs to m, β₂ = 0.999 to v. The first step is right nevertheless.",
        m=lambda s: s.beta2 * s.m + (1 - s.beta2) * s.g,
        v=lambda s: s.beta1 * s.v + (1 - s.beta1) * s.g**2,
        m_hat=lambda s: s.m / (1 - s.beta2**s.t),
        v_hat=lambda s: s.v / (1 - s.beta1**s.t),
    ),
    wrong(
        "v averages the gradients, not their squares",
        "For a negative gradient, v is negative and has no root. v averages g².",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * s.g,
    ),
    wrong(
        "v averages |g|",
        "{got} instead of {expected}: the denominator is √|g|, so the step still grows with the gradient. v averages "
        "g².",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * np.abs(s.g),
    ),
    wrong(
        "v averages m²",
        "{got} instead of {expected}: v averages the squares of the gradients, not of their average m.",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * s.m**2,
    ),
    wrong(
        "one v for the whole array",
        "{got} instead of {expected}: every entry has its own v, or small gradients make small steps again.",
        v=lambda s: s.beta2 * s.v + (1 - s.beta2) * np.mean(s.g**2),
    ),
    wrong(
        "gradient instead of m̂ in the numerator",
        "{got} instead of {expected}: g over √v̂ is RMSprop, corrected. The first step is right; m has no effect.",
        update=lambda s: s.learning_rate * s.g / (np.sqrt(s.v_hat) + s.eps),
    ),
    wrong(
        "steps with the old m",
        "{got} instead of {expected}: the old m does not include this gradient. Update m first, then use it.",
        m_hat=lambda s: s.m_before / (1 - s.beta1**s.t),
    ),
    wrong(
        "β₁ and β₂ written as numbers",
        "{got} instead of {expected}: right with 0.9 and 0.999, wrong with others. Use the arguments.",
        m=lambda s: 0.9 * s.m + 0.1 * s.g,
        v=lambda s: 0.999 * s.v + 0.001 * s.g**2,
        m_hat=lambda s: s.m / (1 - 0.9**s.t),
        v_hat=lambda s: s.v / (1 - 0.999**s.t),
    ),
)


# The step, and arguments changed in place


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
        "{got} instead of {expected}: the gradient points to a larger loss, so the step is subtracted.",
        parameter=lambda s: s.parameter + s.update,
    ),
    wrong(
        "no root of v̂",
        "{got} instead of {expected}: v̂ has the unit of g², √v̂ that of g. Only with the root does the scale cancel.",
        update=lambda s: s.learning_rate * s.m_hat / (s.v_hat + s.eps),
    ),
    wrong(
        "eps inside the root",
        "{got} instead of {expected}: √(v̂ + 1e-8) is 1e-4 however small v̂ is, so a step with gradient 1e-7 "
        "shrinks to a thousandth. eps is added to the root.",
        update=lambda s: s.learning_rate * s.m_hat / np.sqrt(s.v_hat + s.eps),
    ),
    wrong(
        "eps is missing",
        "{got} instead of {expected}: eps damps steps whose gradient is as small as eps itself, and prevents "
        "0/0 where the gradient is 0.",
        update=lambda s: s.learning_rate * s.m_hat / np.sqrt(s.v_hat),
    ),
    wrong(
        "eps added before the correction",
        "{got} instead of {expected}: √v is 31.62 times smaller than √v̂ at first, so the same eps weighs "
        "more. Correct v, then take the root, then add eps.",
        update=lambda s: s.learning_rate * s.m_hat * np.sqrt(1 - s.beta2**s.t) / (np.sqrt(s.v) + s.eps),
    ),
    wrong(
        "learning rate is missing",
        "{got} instead of {expected}: right with a learning rate of 1, wrong with any other.",
        update=lambda s: s.m_hat / (np.sqrt(s.v_hat) + s.eps),
    ),
    wrong(
        "returns the step, not the new parameter",
        "{got} instead of {expected}: where the parameter begins at 0, the two differ in sign only. "
        "Return parameter - step.",
        returned=("update", "m", "v", "t"),
    ),
    wrong(
        "returns -step, not the new parameter",
        "{got} instead of {expected}: right where the parameter begins at 0, and nowhere else: "
        "the step changes what was there.",
        parameter=lambda s: -s.update,
    ),
)

IN_PLACE = (
    Mistake(
        "parameter changed in place",
        {"adam": _in_place("parameter")},
        "The caller's array was written into, as `parameter -= ...` does. The numbers are right, but the old parameter "
        "is gone.",
    ),
    Mistake(
        "m and v changed in place",
        {"adam": _in_place("m", "v")},
        "The caller's arrays were written into, as `m *= ...` and `m += ...` do. The numbers are right, but calling "
        "again with the same "
        "state gives another step.",
    ),
    Mistake(
        "parameter, m and v changed in place",
        {"adam": _in_place("parameter", "m", "v")},
        "The caller's arrays were written into, as `-=`, `*=` and `+=` do. The rung's optimiser does so on purpose, to "
        "save memory; a "
        "function that returns the new ones must leave the old ones alone.",
    ),
    Mistake(
        "gradient squared in place",
        {"adam": _gradient_squared_in_place},
        "The caller's array was written into, as `gradient *= gradient` or `gradient **= 2` does: the next function "
        "that reads the "
        "gradient gets its square.",
    ),
)


MISTAKES = CORRECTION + AVERAGES + STEP + IN_PLACE
