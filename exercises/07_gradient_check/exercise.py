"""Exercise 07: the learner's own gradient checker, tried on right and wrong backward functions."""

from collections.abc import Iterator

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe
from numpy_impl import gradcheck

from .functions import RIGHT, WRONG
from .mistakes import MISTAKES, checker


def check_gradient(f, f_backward, x, rng):
    """The rung's checker, with its step and tolerance, and dy from the generator."""
    dy = rng.standard_normal(np.shape(f(x)))
    return all(result.ok for result in gradcheck.check("f", f, f_backward, {"x": x}, dy))


def accepts(answer, case, rng):
    """The judgement of the learner's checker on one function."""
    result = answer.check_gradient(*case.draw(rng), np.random.default_rng(rng.integers(2**32)))
    if not isinstance(result, bool | np.bool_):
        raise TypeError(f"check_gradient returned {type(result).__name__} for {case.name!r}, expected True or False")
    return bool(result)


def score(answer, rng):
    """The numbers of wrong functions rejected and right ones accepted, and the names of the others."""
    refused = [case.name for case in RIGHT if not accepts(answer, case, rng)]
    slipped, stopped = [], []
    for case in WRONG:
        try:
            if accepts(answer, case, rng):
                slipped.append(case.name)
        except Exception as error:  # the right functions ran, so this gradient is the cause
            stopped.append(f"{case.name} ({type(error).__name__})")
    caught = len(WRONG) - len(slipped) - len(stopped)
    lines = [
        f"{caught}/{len(WRONG)} wrong functions rejected",
        *_named("Slipped through", slipped),
        *_named("Stopped with an exception instead of False", stopped),
        f"{len(RIGHT) - len(refused)}/{len(RIGHT)} right functions accepted",
        *_named("Rejected although right", refused),
        *(f"Look here: {clue}" for clue in clues(slipped, stopped, refused)),
    ]
    return "\n".join(lines)


def _named(label, names):
    """A line with these names, those of one operation together: "x²: no factor 2, last row is 0"."""
    grouped: dict[str, list[str]] = {}
    for operation, _, what in (name.partition(": ") for name in names):
        grouped.setdefault(operation, []).append(what)
    texts = [": ".join(filter(None, (operation, ", ".join(whats)))) for operation, whats in grouped.items()]
    return [f"{label}: {'; '.join(texts)}"] if names else []


ACCEPTED_CLUES = {
    "ReLU: dy ignored": "a function that ignores dy was accepted: is dy random, and in both gradients?",
    "ReLU: both masks": "a mask on dy's sign was accepted: has dy both signs?",
    "linear, dbias: shape (1, 7)": "a gradient of another shape was accepted: are the shapes compared first?",
    "x²: one entry is NaN": "NaN was accepted: every comparison with it is False, also `error > tolerance`",
    "x²: only the sum is right": "a gradient with the right sum was accepted: is every entry compared?",
    "x²: only the first entry is right": "a gradient with one right entry was accepted: is every entry compared?",
    "values of 10⁻¹⁰: sign": "among values of 10⁻¹⁰ a wrong sign was accepted: is there a fixed tolerance (or atol)?",
    "linear, dx: 0.01 % too large": "an error of 0.01 % was accepted: how large is the tolerance?",
}
"""What it means, by a wrong function that was accepted."""
REFUSED_CLUES = {
    "x²": "a parabola was rejected: are the steps to both sides, f(x + h) and f(x - h)?",
    "sigmoid(2x)": "sigmoid(2x) was rejected, x² was not: is the step too large where a function bends?",
    "transposed view of x": "a function that returns a view of x was rejected: is what f returns copied?",
    "values of 10¹²": "values of 10¹² were rejected: is there a fixed tolerance, where the gradient's size should "
    "count?",
    "one number, some slopes near 0": "a gradient with entries near 0 was rejected: is each error divided by its own "
    "entry? The largest entry of the gradient is the scale",
    "a constant": "a gradient of 0 was rejected, which is right: 0/0 is NaN, and 0 < 0 is False",
}
"""What it means, by a right function that was rejected while straight lines were accepted."""
CURVED = "x²", "sigmoid(2x)", "log-softmax(10x)", "cross-entropy per pixel", "reparameterization, dlogvar"
"""Functions that bend, with values of ordinary size."""
OF_SCALE = "values of 10¹²", "one number, some slopes near 0"
"""Functions that bend as well: of a wrong scale they tell only where the others are accepted."""


def clues(slipped: list[str], stopped: list[str], refused: list[str]) -> Iterator[str]:
    """The likely causes, in the order above; the first ones alone where hardly anything was judged rightly."""
    if "2x at x = 0" in refused:
        yield "even 2x at x = 0 was rejected: is it sum(dy * (f(x + h) - f(x - h))) / 2h?"
        return
    if "2x near x = 0.02" in refused or "linear, dx" in refused:
        yield "straight lines fail away from 0: float32, a step too small, or a tolerance below the rounding"
        return
    if "x²: no factor 2" in slipped:
        yield "a gradient without its factor 2 was accepted: correct this first"
        return
    if "x²: sign wrong in one row" in slipped and "linear, dx: sign" in slipped:
        yield "a wrong sign was accepted: is the absolute value taken of the difference, and of nothing else?"
        return
    yield from (clue for name, clue in ACCEPTED_CLUES.items() if name in slipped)
    if stopped and "linear, dbias: shape (1, 7)" not in slipped:
        yield "a gradient of another shape is wrong, not an error: return False"
    for name, clue in REFUSED_CLUES.items():
        if name in refused and not (name == "sigmoid(2x)" and "x²" in refused) and not _is_about_bends(name, refused):
            yield clue


def _is_about_bends(name: str, refused: list[str]) -> bool:
    """Whether a function of an unusual scale was rejected with those that bend: the step explains it then."""
    return name in OF_SCALE and any(curved in refused for curved in CURVED)


def one_case(case):
    """A probe of one function alone, so that the answer's output is about this one only."""

    def observe(answer, rng):
        return answer.check_gradient(*case.draw(rng), np.random.default_rng(rng.integers(2**32)))

    return observe


def along_directions(f, f_backward, x, rng):
    """Compares slopes along a few random directions, instead of entries."""
    dy = rng.standard_normal(np.shape(f(x)))
    dx = f_backward(dy, x)
    if np.shape(dx) != x.shape:
        return False
    h, size = 1e-5, np.linalg.norm(dx)
    for direction in rng.standard_normal((11, *x.shape)):
        above, below = np.array(f(x + h * direction)), np.array(f(x - h * direction))
        if not abs(np.sum(dy * (above - below)) / (2 * h) - np.sum(dx * direction)) <= 1e-6 * size:
            return False
    return True


def by_jacobian(f, f_backward, x, rng):
    """Computes the whole Jacobian, in steps of h and 2h whose errors cancel, and multiplies it by dy."""
    y, h = np.array(f(x)), 1e-3
    jacobian = np.empty((y.size, x.size))
    for column, step in enumerate(np.eye(x.size).reshape(-1, *x.shape)):
        near, far = (np.ravel(f(x + k * h * step)) - np.ravel(f(x - k * h * step)) for k in (1, 2))
        jacobian[:, column] = (8 * near - far) / (12 * h)
    dy = rng.standard_normal(y.shape)
    dx, numeric = np.asarray(f_backward(dy, x)), (np.ravel(dy) @ jacobian).reshape(x.shape)
    if dx.shape != numeric.shape:
        return False
    return bool(np.linalg.norm(dx - numeric) <= 1e-6 * (np.linalg.norm(dx) + np.linalg.norm(numeric)))


probes = (
    Probe("every planted function", score),
    *(Probe(f"one right function alone: {case.name}", one_case(case)) for case in RIGHT[:2]),
    *(Probe(f"one wrong function alone: {case.name}", one_case(case)) for case in WRONG[:2]),
)

hints = Hints(
    idea="f_backward claims a derivative; f shows what a small step does. Move one entry of x up and "
    "down, and see how the number L = sum(dy * f(x)) changes: that is one entry of dx. Repeat for every entry, then "
    "compare two arrays. Think about dy, about the size of the step, and about what 'equal' means for numbers of 10⁻¹⁰ "
    "and of 10¹².",
    formula="dL/dx_i = sum(dy * (f(x + h e_i) - f(x - h e_i))) / 2h with h = 1e-5 and dy from N(0, 1). Accept where "
    "the shapes agree and max|dx - numeric| <= 1e-6 * max|numeric|.",
    line="for index in np.ndindex(x.shape): work on a copy of x, set its entry to x[index] + h, keep np.array(f(...)) "
    "(a copy: f may return a view), then the same with - h; ... At the end, `not (error <= ...)` also catches NaN.",
)

exercise = Exercise(
    solution={"check_gradient": check_gradient},
    sources=(gradcheck.check, gradcheck.numeric_gradient, gradcheck.compare),
    probes=probes,
    fixed=lambda path, axis, sizes: axis > 0,  # the probes make more calls than an observation keeps
    hints=hints,
    model_answer=(
        "All whose errors cancel in the sum: the right gradients in another order, such as reversed or shifted by "
        "one, or their mean in every entry. Therefore every entry is compared."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {"check_gradient": checker()},
        {"check_gradient": along_directions},
        {"check_gradient": by_jacobian},
    ),
)
