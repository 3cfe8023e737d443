"""Exercise 12: one step of Adam, as a function of what it needs to remember."""

import dataclasses
import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized, uniform
from numpy_impl.optim import Adam

from .mistakes import MISTAKES

PARTS = ("parameter", "m", "v", "t")
USUAL = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
BY_HAND = USUAL | {"learning_rate": 1.0}
IGNORE_EPS = 1e-5  # with gradients of about 1, eps changes the eighth digit: nothing to see in a message
UNUSUAL = {"learning_rate": 0.05, "beta1": 0.7, "beta2": 0.95, "eps": 1e-3}
SHAPE = axes(5, 3)


def adam(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
    """The rung's optimiser, set to (m, v, t), makes a step on copies."""
    parameters = {"parameter": parameter.copy()}
    optimizer = Adam(parameters, learning_rate, (beta1, beta2), eps)
    optimizer.m, optimizer.v, optimizer.t = {"parameter": m.copy()}, {"parameter": v.copy()}, t
    optimizer.step({"parameter": gradient})
    return parameters["parameter"], optimizer.m["parameter"], optimizer.v["parameter"], optimizer.t


def corrected_learning_rate(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
    """The corrections moved into the learning rate and eps, as at the end of the paper's section 2."""
    t += 1
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (gradient**2 - v)
    root = math.sqrt(1 - beta2**t)
    return parameter - learning_rate * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root), m, v, t


def entry_by_entry(parameter, gradient, m, v, t, learning_rate, beta1, beta2, eps):
    """Plain Python numbers, algorithm 1 line by line."""

    def entry(p, g, m, v):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - math.pow(beta1, t + 1)), v / (1 - math.pow(beta2, t + 1))
        return p - learning_rate * m_hat / (math.sqrt(v_hat) + eps), m, v

    rows = [entry(*map(float, numbers)) for numbers in zip(*map(np.ravel, (parameter, gradient, m, v)), strict=True)]
    return *(np.reshape(column, parameter.shape) for column in zip(*rows, strict=True)), t + 1


def _first(name, gradient, tolerance=1e-9):
    """The first step, from 0, with learning rate 1."""
    zeros = [0] * len(gradient)
    arrays = {"parameter": zeros, "gradient": gradient, "m": zeros, "v": zeros}
    return dataclasses.replace(call("adam -> parameter, m, v, t", name, **arrays, t=0, **BY_HAND), tolerance=tolerance)


def _later(name, t, options):
    """A step with a random past."""
    arrays = {"parameter": normal(*SHAPE), "gradient": normal(*SHAPE), "m": normal(*SHAPE)}
    return call("adam -> parameter, m, v, t", name, **arrays, v=uniform(*SHAPE, low=0.5, high=2), t=t, **options)


def _one_after_another(answer, parameter, gradients, options):
    """What the last of several steps returns."""
    m, v, t = np.zeros_like(parameter), np.zeros_like(parameter), 0
    for gradient in gradients:
        parameter, m, v, t = answer.adam(parameter, gradient, m, v, t, **options)
    return parameter, m, v, t


def _two_steps(answer, rng):
    gradients = np.array([[1.0, 1.0, 1.0], [-2.0, 1.0, 0.0]])
    return _one_after_another(answer, np.zeros(3), gradients, BY_HAND)


def _four_steps(answer, rng):
    shape = sized(rng, *SHAPE)
    return _one_after_another(answer, rng.standard_normal(shape), rng.standard_normal((4, *shape)), UNUSUAL)


probes = (
    _first("the first step: as long as the learning rate, for any gradient", [1, -2, 0.5], IGNORE_EPS),
    Probe("the second step: gradients of 1, then -2, 1 and 0", _two_steps, IGNORE_EPS, PARTS),
    _first("a gradient as small as 1e-7: here eps counts", [1e-7, -1e-7, 2e-7]),
    _first("a gradient of 0: nothing moves", [0, 0, 0]),
    _later("in the middle of training", 6, USUAL),
    _later("unusual options", 2, UNUSUAL),
    Probe("four steps with random gradients", _four_steps, parts=PARTS),
)

hints = Hints(
    idea="m is a running average of the gradients, v one of their squares. Both begin at 0, so after a few steps they "
    "are too small: dividing by 1 - beta^t makes up for that. The step is their quotient, a mean over a root mean "
    "square, so it is never much longer than the learning rate, however large the gradient. What is corrected is used "
    "and forgotten; what is remembered is not corrected.",
    formula="t ← t + 1; m ← β₁ m + (1 - β₁) g; v ← β₂ v + (1 - β₂) g²; m̂ = m / (1 - β₁ᵗ); v̂ = v / (1 - β₂ᵗ); "
    "θ ← θ - α m̂ / (√v̂ + ε).",
    line="Count first: t = t + 1. Then new arrays, as in m = beta1 * m + ... (and not m *= beta1), two more for m̂ "
    "and v̂, and return (parameter - ... / (np.sqrt(...) + eps), m, v, t).",
)

exercise = Exercise(
    solution={"adam": adam},
    sources=(Adam.step, Adam._update),
    probes=probes,
    hints=hints,
    model_answer="m is 0.1 and v is 0.001, and 0.1 / √0.001 = 3.16: more than three learning rates.",
    mistakes=MISTAKES,
    alternatives=({"adam": corrected_learning_rate}, {"adam": entry_by_entry}),
)
