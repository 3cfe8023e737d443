"""Exercise 07: the learner's own gradient checker, before a jury of right and wrong backward functions."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe
from numpy_impl import gradcheck

from .checkers import checker
from .clues import clues
from .mistakes import MISTAKES
from .planted import RIGHT, WRONG


def check_gradient(f, f_backward, x, rng):
    """The rung's checker, with its step and tolerance, and dy from the generator."""
    dy = rng.standard_normal(np.shape(f(x)))
    return all(result.ok for result in gradcheck.check("f", f, f_backward, {"x": x}, dy))


def accepts(answer, case, rng):
    """What the learner's checker says about one case."""
    said = answer.check_gradient(*case.draw(rng), np.random.default_rng(rng.integers(2**32)))
    if not isinstance(said, bool | np.bool_):
        raise TypeError(f"check_gradient gave {type(said).__name__} for {case.name!r}, expected True or False")
    return bool(said)


def score(answer, rng):
    """How many wrong functions were rejected and right ones accepted, and the names of the others."""
    refused = [case.name for case in RIGHT if not accepts(answer, case, rng)]
    slipped, stopped = [], []
    for case in WRONG:
        try:
            if accepts(answer, case, rng):
                slipped.append(case.name)
        except Exception as error:  # the right functions ran: it is this gradient that it stumbled over
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
    """What is said about these, the names of one operation together: "x²: no factor 2, last row is 0"."""
    grouped = {}
    for operation, _, what in (name.partition(": ") for name in names):
        grouped.setdefault(operation, []).append(what)
    texts = [": ".join(filter(None, (operation, ", ".join(whats)))) for operation, whats in grouped.items()]
    return [f"{label}: {'; '.join(texts)}"] if names else []


def one_case(case):
    """A probe of one function alone: the answer's prints are then of this one only."""

    def observe(answer, rng):
        return answer.check_gradient(*case.draw(rng), np.random.default_rng(rng.integers(2**32)))

    return observe


def along_directions(f, f_backward, x, rng):
    """The slope along a few random directions, instead of one entry after another."""
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
    """The whole Jacobian first, in steps of h and 2h whose errors cancel; then dy times it."""
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
    Probe("the jury: every planted function", score),
    *(Probe(f"one right function alone: {case.name}", one_case(case)) for case in RIGHT[:2]),
    *(Probe(f"one wrong function alone: {case.name}", one_case(case)) for case in WRONG[:2]),
)

hints = Hints(
    idea="f_backward claims a derivative; f can be asked what a small step really does. Move one entry of x up and "
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
    hints=hints,
    mistakes=MISTAKES,
    alternatives=(
        {"check_gradient": checker()},
        {"check_gradient": along_directions},
        {"check_gradient": by_jacobian},
    ),
)
