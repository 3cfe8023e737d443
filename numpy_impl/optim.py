"""Optimisers with torch's numerics: made over a dict of parameters, which `step(gradients)` updates in place."""

import math

import numpy as np

from foundation.architecture import Parameters

PART = 1 << 16  # entries; an update makes about ten passes over each part, which stays in cache for them


class SGD:
    """Gradient descent: m = momentum * m + g; parameter -= learning_rate * m (`torch.optim.SGD`)."""

    def __init__(self, parameters: Parameters, learning_rate: float, momentum: float = 0.0) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.m = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradients: Parameters) -> None:
        """One update of every parameter; the gradients stay as they are."""
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
        self.t += 1
        for name, parameter in self.parameters.items():
            arrays = (parameter, gradients[name], self.m[name], self.v[name])
            flat = [array.reshape(-1) for array in arrays]
            scratch = np.empty(min(PART, parameter.size), parameter.dtype)
            for start in range(0, parameter.size, PART):
                self._update(*(array[start : start + PART] for array in flat), scratch)

    def _update(self, parameter: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, scratch: np.ndarray) -> None:
        (b1, b2), s = self.betas, scratch[: len(g)]
        np.subtract(g, m, out=s)
        s *= 1 - b1
        m += s
        np.multiply(g, g, out=s)
        s *= 1 - b2
        v *= b2
        v += s
        np.sqrt(v, out=s)
        s /= math.sqrt(1 - b2**self.t)
        s += self.eps
        np.divide(m, s, out=s)
        s *= self.learning_rate / (1 - b1**self.t)
        parameter -= s
