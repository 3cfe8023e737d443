"""Optimisers with torch's numerics: made over a dict of parameters, which `step(gradients)` updates in place."""

import math

import numpy as np

from foundation.architecture import Parameters
from numpy_impl.runtime.arguments import check_shape
from numpy_impl.runtime.memory import empty
from numpy_impl.runtime.parallel import on_every_core

# Entries updated at a time. A smaller part would stay in a faster cache through the eleven operations of an update, but
# a thread takes Python's lock between two operations, and with short ones, waiting for it costs more than that gains.
PART = 1 << 20

# Steps between two roundings of subnormal moments to 0. The moments of a weight whose gradient stays 0 decay until they
# are subnormal, after some 800 steps for m, and stay so: processors compute with such numbers several times as slowly.
# They are less than 1e-37 (1e-307 in float64) and change no parameter.
ROUND_EVERY = 64


class SGD:
    """Gradient descent: m = momentum * m + g; parameter -= learning_rate * m (`torch.optim.SGD`)."""

    def __init__(self, parameters: Parameters, learning_rate: float, momentum: float = 0.0) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.m = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradients: Parameters) -> None:
        """One update of every parameter; the gradients stay as they are."""
        check_gradients(gradients, self.parameters)
        for name, parameter in self.parameters.items():
            m = self.m[name]
            m *= self.momentum
            m += gradients[name]
            parameter -= self.learning_rate * m


class Adam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), with eps outside the root as in `torch.optim.Adam`.

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  parameter -= learning_rate * m^ / (sqrt(v^) + eps)
    with the bias-corrected m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t).
    """

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.betas = betas
        self.eps = eps
        self.t = 0
        self.m = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.v = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradients: Parameters) -> None:
        """One update of every parameter; the gradients stay as they are."""
        check_gradients(gradients, self.parameters)
        self.t += 1
        parts = [part for name in self.parameters for part in self._parts(name, gradients[name])]
        on_every_core(lambda part: self._update(*part), parts, products=False)

    def state(self) -> Parameters:
        """A copy of the step count and of both moments, as `<parameter>.<moment>`; empty before the first step."""
        steps = dict.fromkeys(self.parameters, np.array(float(self.t)))
        moments = {"exp_avg": self.m, "exp_avg_sq": self.v, "step": steps}
        return {
            f"{name}.{moment}": np.array(values[name])
            for name in self.parameters
            for moment, values in moments.items()
            if self.t
        }

    def restore(self, state: Parameters) -> None:
        """Put back what `state` gave."""
        for name in self.parameters:
            self.m[name][...] = state[f"{name}.exp_avg"]
            self.v[name][...] = state[f"{name}.exp_avg_sq"]
            self.t = int(state[f"{name}.step"])

    def _parts(self, name: str, gradient: np.ndarray) -> list[list[np.ndarray]]:
        """Parameter, gradient, m and v of that name, divided into the same parts of whole rows."""
        arrays = np.atleast_1d(self.parameters[name], gradient, self.m[name], self.v[name])
        rows = max(1, PART // max(1, arrays[0][:1].size))
        return [[array[start : start + rows] for array in arrays] for start in range(0, len(arrays[0]), rows)]

    def _update(self, parameter: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> None:
        b1, b2 = self.betas
        c1, c2 = 1 - b1**self.t, math.sqrt(1 - b2**self.t)  # m^ / (sqrt(v^) + eps) = c2/c1 * m / (sqrt(v) + c2 * eps)
        s = np.multiply(g, 1 - b1, out=empty(g.shape, g.dtype))
        m *= b1
        m += s
        np.multiply(g, g, out=s)
        s *= 1 - b2
        v *= b2
        v += s
        np.sqrt(v, out=s)
        s += c2 * self.eps
        np.divide(m, s, out=s)
        s *= self.learning_rate * (c2 / c1)
        parameter -= s
        if self.t % ROUND_EVERY == 0:
            for moment in (m, v):
                moment[np.abs(moment) < np.finfo(moment.dtype).smallest_normal] = 0


def check_gradients(gradients: Parameters, parameters: Parameters) -> None:
    """Raise ValueError for a gradient that is missing or has another shape than its parameter, before any update."""
    for name, parameter in parameters.items():
        if name not in gradients:
            raise ValueError(f"gradients: expected one for every parameter, but {name!r} is missing")
        check_shape(f"gradient of {name}", gradients[name], parameter.shape)
