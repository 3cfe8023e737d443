"""Exercise NN: TODO, what it is about in one line."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal

from .mistakes import MISTAKES

N, I = axes(5, 3)  # TODO: the sizes of random arguments, primes > 2 that differ; the checks draw others as well


def scores(x, weight):
    """TODO: the rung's function, imported and called; written out only where no rung has it."""
    return x @ weight


def scores_one_by_one(x, weight):
    """TODO: another right way, which computes differently."""
    return np.array([np.sum(row * weight) for row in x])


probes = (
    # TODO: first numbers that can be checked by hand, then random ones.
    call("scores", "1 · 10 + 2 · 100", x=[[1, 2]], weight=[10, 100]),
    call("scores", "random numbers", x=normal(N, I), weight=normal(I)),
)

hints = Hints(
    idea="TODO: the idea in words, without a formula.",
    formula="TODO: the formula, with every symbol named.",
    line="TODO: the line of code, with gaps where the learner has to think.",
)

exercise = Exercise(
    solution={"scores": scores},  # TODO: every function of the stub, in its order
    sources=(),  # TODO: the rungs' functions that the solution calls
    probes=probes,
    hints=hints,
    model_answer="TODO: the answer to the page's question before the code.",
    mistakes=MISTAKES,
    alternatives=({"scores": scores_one_by_one},),
)
