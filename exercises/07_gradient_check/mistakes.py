"""Wrong gradient checkers, each with the functions that it judges wrongly."""

from typing import Any

import numpy as np

from exercises.kit.exercise import Mistake

# Checkers made of parts, any of which may be wrong


STEP, TOLERANCE = 1e-5, 1e-6
_NUMERIC: dict[tuple[Any, ...], np.ndarray] = {}
"""Cache of numeric gradients: checkers that differ only in the comparison compute the same ones."""


def normal(shape, rng):
    return rng.standard_normal(shape)


def central(f, x, index, h):
    """The change of f per unit of step."""
    above, below = x.copy(), x.copy()
    above[index] += h
    below[index] -= h
    return (np.array(f(above)) - np.array(f(below))) / (2 * h)


def forward(f, x, index, h):
    above = x.copy()
    above[index] += h
    return (np.array(f(above)) - np.array(f(x))) / h


def not_halved(f, x, index, h):
    return 2 * central(f, x, index, h)


def aliased(f, x, index, h):
    """In place, and without copies of what f returned."""
    x, value = x.copy(), x[index]
    x[index] = value + h
    above = f(x)
    x[index] = value - h
    below = f(x)
    x[index] = value
    return (above - below) / (2 * h)


def agree(dx, numeric):
    """Whether two gradients agree on the scale of the largest entry; False where there is a NaN."""
    return dx.shape == numeric.shape and bool(np.max(np.abs(dx - numeric)) <= TOLERANCE * np.max(np.abs(numeric)))


def checker(upstream=normal, slope=central, h=STEP, agree=agree, weigh=np.multiply, total=np.sum):
    """A checker made of these parts; without arguments it is right."""

    def check_gradient(f, f_backward, x, rng):
        dy = upstream(np.shape(f(x)), rng)
        measured = f_backward.__name__, x.tobytes(), np.asarray(dy).tobytes(), slope, h, weigh, total
        if measured not in _NUMERIC:
            numeric = [total(weigh(dy, slope(f, x, index, h))) for index in np.ndindex(x.shape)]
            _NUMERIC[measured] = np.reshape(numeric, x.shape)
        return agree(np.asarray(f_backward(dy, x.copy())), _NUMERIC[measured])

    return check_gradient


def same_shape(compare):
    """A comparison of the values, after one of the shapes."""
    return lambda dx, numeric: dx.shape == numeric.shape and bool(compare(dx, numeric))


def within(tolerance):
    """Every difference below one number."""
    return same_shape(lambda dx, numeric: np.max(np.abs(dx - numeric)) <= tolerance)


def in_float32(f, f_backward, x, rng):
    dy = rng.standard_normal(np.shape(f(x)))
    dx, x = np.asarray(f_backward(dy, x)), x.astype(np.float32)
    numeric = [np.sum(dy * central(f, x, index, np.float32(STEP))) for index in np.ndindex(x.shape)]
    return agree(dx, np.reshape(numeric, x.shape))


def left_shifted(f, f_backward, x, rng):
    """Moves x in place and does not move it back."""
    dy = rng.standard_normal(np.shape(f(x)))
    dx, numeric = np.asarray(f_backward(dy, x)), np.empty(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += STEP
        above = np.array(f(x))
        x[index] -= 2 * STEP
        numeric[index] = np.sum(dy * (above - np.array(f(x)))) / (2 * STEP)
    return agree(dx, numeric)


def entry_by_entry(floor):
    return same_shape(
        lambda dx, numeric: np.all(np.abs(dx - numeric) / np.maximum(np.abs(dx) + np.abs(numeric), floor) <= TOLERANCE)
    )


def loop_with_nan(dx, numeric):
    """`if error > tolerance: return False` for each entry."""
    return dx.shape == numeric.shape and not np.any(np.abs(dx - numeric) > TOLERANCE * np.max(np.abs(numeric)))


def broadcast(dx, numeric):
    return bool(np.max(np.abs(dx - numeric)) <= TOLERANCE * np.max(np.abs(numeric)))


def relative_to_largest(dx, numeric):
    return dx.shape == numeric.shape and bool(np.max(np.abs(dx - numeric)) / np.max(np.abs(numeric)) <= TOLERANCE)


def _mistake(name, explanation, **parts):
    return Mistake(name, {"check_gradient": checker(**parts)}, explanation)


UPSTREAM = (
    _mistake(
        "dy of ones",
        "With dy = 1 everywhere, ignoring dy, masking by its sign, or taking its rows in another order makes no "
        "difference: no change of dy is visible. Draw it from N(0, 1).",
        upstream=lambda shape, rng: np.ones(shape),
    ),
    _mistake(
        "dy is never negative",
        "A mask on the sign of dy can only show where dy is negative. rng.standard_normal, not rng.random.",
        upstream=lambda shape, rng: rng.uniform(0.1, 1, shape),
    ),
    _mistake(
        "dy in one of the two only",
        "f_backward got a random dy, but the numeric gradient is that of sum(f(x)): compare with sum(dy * f(x)).",
        weigh=lambda dy, slope: slope,
    ),
    _mistake(
        "mean instead of sum",
        "Only functions that give a single number are left: the gradient of mean(dy * f(x)) is smaller by the number "
        "of entries of f(x). L is the sum.",
        total=np.mean,
    ),
)

STEPS = (
    _mistake(
        "forward differences",
        "Straight functions pass, curved ones do not: (f(x + h) - f(x)) / h is off by h f''/2, far more than rounding. "
        "With steps to both sides this error cancels, and h² is left.",
        slope=forward,
    ),
    _mistake(
        "divided by h, not 2h",
        "Every gradient but that of a constant is twice too large: from x - h to x + h it is 2h.",
        slope=not_halved,
    ),
    _mistake(
        "h is far too large",
        "Straight functions and x² pass, others do not: the error grows with h², and a step such as 0.1 crosses the "
        "kink "
        "of ReLU at a distance of 0.05. Take h = 1e-5.",
        h=0.1,
    ),
    _mistake(
        "h is too large",
        "Straight functions, ReLU and x² pass, others do not: the error is h² f'''/6: with h = 0.01, 2e-5 of f'''. "
        "Take h = 1e-5.",
        h=0.01,
    ),
    _mistake(
        "h is too small",
        "Right gradients pass only at x near 0: elsewhere x + h is rounded to about 1e-16, and that "
        "divided by an h of 1e-12, for example, is an error of 1e-4. Take h = 1e-5.",
        h=1e-12,
    ),
    Mistake(
        "float32, or a step smaller than the rounding",
        {"check_gradient": in_float32},
        "Right gradients pass only at x = 0: the step is lost in x + h. float32 has 7 digits, so x + 1e-5 keeps one or "
        "two of the step's; in float64 that happens below h = 1e-13. Take float64 and h = 1e-5.",
    ),
    _mistake(
        "f's result is not copied",
        "The functions that return a view of x were rejected: their result for x + h changes when x does, so that "
        "both results are one. Keep np.array(f(x)).",
        slope=aliased,
    ),
    Mistake(
        "x is left shifted",
        {"check_gradient": left_shifted},
        "Each entry stays at x - h, and the derivatives of the later ones are taken at another point: functions whose "
        "entries depend on each other are rejected. Work on a copy, and put the entry back from a saved value.",
    ),
)

TOLERANCES = (
    _mistake(
        "an absolute tolerance, and a large one",
        "A wrong gradient of 0.001 passes, and a right one of 10¹² cannot pass, since its rounding alone "
        "is larger. Divide by the size of the gradient.",
        agree=within(0.01),
    ),
    _mistake(
        "a small absolute tolerance",
        "Good for gradients near 1; those of 10⁻⁸ pass whatever they are, and those of 10¹² cannot. Divide by the "
        "size of the gradient.",
        agree=within(1e-6),
    ),
    _mistake(
        "relative tolerance too large",
        "Gradients that are wrong by 1 in 10,000 are accepted. Central differences in float64 are good for 1e-8 or so: "
        "1e-6 leaves room enough.",
        agree=same_shape(lambda dx, numeric: np.max(np.abs(dx - numeric)) <= 1e-3 * np.max(np.abs(numeric))),
    ),
    _mistake(
        "relative tolerance too small",
        "Right gradients are rejected, except near x = 0: rounding leaves about 1e-16 / h = 1e-11 of every difference, "
        "so a tolerance such as 1e-12 requires more digits than float64 has. Take 1e-6.",
        agree=same_shape(lambda dx, numeric: np.max(np.abs(dx - numeric)) <= 1e-12 * np.max(np.abs(numeric))),
    ),
    _mistake(
        "scale never below 1",
        "Dividing by max(1, |gradient|) is an absolute tolerance for all that is below 1: gradients of 10⁻⁸ "
        "and 10⁻¹⁰ pass whatever they are. Divide by the largest entry itself.",
        agree=same_shape(
            lambda dx, numeric: np.max(np.abs(dx - numeric)) <= TOLERANCE * max(1, np.max(np.abs(numeric)))
        ),
    ),
    _mistake(
        "np.allclose with its own atol",
        "np.allclose adds an absolute tolerance of 1e-8, so that gradients of 10⁻¹⁰ pass whatever they are. Give it "
        "atol = rtol * max|numeric|.",
        agree=same_shape(np.allclose),
    ),
    _mistake(
        "each entry on its own scale",
        "A slope of 10⁻⁸ beside slopes of 1 is measured only to the rounding of the whole, 1e-10: its own "
        "relative error is large and means nothing. Divide by the tensor's largest entry.",
        agree=entry_by_entry(1e-300),
    ),
    _mistake(
        "0/0 for entries that are 0",
        "Where a gradient is 0, and rightly so, 0/0 is NaN, and ReLU is rejected. Compare differences with tolerance "
        "times scale instead of dividing, with the scale of the largest entry.",
        agree=entry_by_entry(0),
    ),
    _mistake(
        "0/0 for a gradient of 0",
        "A constant has the gradient 0, and so has its scale: 0/0 is NaN. "
        "`error <= tolerance * scale` divides by nothing.",
        agree=relative_to_largest,
    ),
)

COMPARISONS = (
    _mistake(
        "only the sums are compared",
        "Rows in another order, or the mean everywhere, have the right sum. Compare entry by entry.",
        agree=same_shape(lambda dx, numeric: abs(dx.sum() - numeric.sum()) <= TOLERANCE * np.max(np.abs(numeric))),
    ),
    _mistake(
        "only the sizes are compared",
        "Two gradients of the same norm may point anywhere: take the norm of the difference, not the difference of "
        "the norms.",
        agree=same_shape(
            lambda dx, numeric: abs(np.linalg.norm(dx) - np.linalg.norm(numeric)) <= TOLERANCE * np.linalg.norm(numeric)
        ),
    ),
    _mistake(
        "only the directions are compared",
        "A cosine of 1 says that the gradients are proportional: every wrong factor is accepted.",
        agree=same_shape(
            lambda dx, numeric: (
                not numeric.any()
                or np.sum(dx * numeric) >= (1 - 1e-10) * np.linalg.norm(dx) * np.linalg.norm(numeric) > 0
            )
        ),
    ),
    _mistake(
        "only the first entry",
        "Every gradient whose first entry is right was accepted. Every entry counts: np.ndindex(x.shape).",
        agree=lambda dx, numeric: dx.shape == numeric.shape and agree(dx.ravel()[:1], numeric.ravel()[:1]),
    ),
    _mistake(
        "only the first row",
        "Gradients that are wrong in a later row were accepted. Every entry counts: np.ndindex(x.shape).",
        agree=lambda dx, numeric: dx.shape == numeric.shape and agree(dx[:1], numeric[:1]),
    ),
    _mistake(
        "one equal entry is enough",
        "np.any where np.all is meant: a gradient with a single right entry is accepted.",
        agree=same_shape(lambda dx, numeric: np.any(np.abs(dx - numeric) <= TOLERANCE * np.max(np.abs(numeric)))),
    ),
    _mistake(
        "no absolute value of the difference",
        "dx - numeric <= tolerance holds for all that is too small. Take np.abs of the difference.",
        agree=same_shape(lambda dx, numeric: np.all(dx - numeric <= TOLERANCE * np.max(np.abs(numeric)))),
    ),
    _mistake(
        "signs are not compared",
        "|dx| against |numeric|: a wrong sign was accepted. Take the absolute value after subtracting.",
        agree=same_shape(
            lambda dx, numeric: np.all(np.abs(np.abs(dx) - np.abs(numeric)) <= TOLERANCE * np.max(np.abs(numeric)))
        ),
    ),
    _mistake(
        "NaN passes",
        "NaN > tolerance is False, like every comparison with NaN, so a gradient that is NaN was accepted. Use "
        "`not (error <= tolerance)` instead.",
        agree=loop_with_nan,
    ),
    _mistake(
        "shapes are not compared",
        "A gradient of shape (1, 7) was compared with one of (7,): NumPy broadcasts silently, or stops with "
        "a ValueError. Compare the shapes first, and return False.",
        agree=broadcast,
    ),
    Mistake(
        "accepts everything",
        {"check_gradient": lambda f, f_backward, x, rng: True},
        "Every wrong function was accepted, too. Is f_backward compared with itself?",
    ),
    Mistake(
        "rejects everything",
        {"check_gradient": lambda f, f_backward, x, rng: False},
        "Even the gradient of a constant was rejected, which is 0 however it is measured.",
    ),
    _mistake(
        "True and False exchanged",
        "Right functions are rejected and wrong ones accepted: True is for a gradient that is right.",
        agree=lambda dx, numeric: not agree(dx, numeric),
    ),
)

MISTAKES = UPSTREAM + STEPS + TOLERANCES + COMPARISONS
