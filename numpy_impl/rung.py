"""Rung 1 behind the interface that training, parity and figures use."""

import numpy as np

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.objective import Loss, Objective
from foundation.rung import Pass, check_batch
from numpy_impl import vae_numpy as vae
from numpy_impl.optim import Adam


class NumpyRung:
    """`foundation.rung.Rung` over `numpy_impl.vae_numpy`."""

    name = "numpy_impl"

    def __init__(self, architecture: Architecture, parameters: Parameters, learning_rate: float = 1e-3) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        self._parameters = {name: np.array(parameters[name], order="C") for name in architecture.parameter_shapes()}
        self._dtype = self._parameters["encoder.mu.weight"].dtype
        self._optimizer = Adam(self._parameters, learning_rate)

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        check_batch(self.architecture, self._dtype, x=x, eps=eps)
        return Loss(*map(float, vae.train_step(self._parameters, self._optimizer, x, eps, objective)))

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        check_batch(self.architecture, self._dtype, x=x, eps=eps)
        return Loss(*map(float, vae.evaluate(self._parameters, x, eps, objective)))

    def differentiate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Pass:
        check_batch(self.architecture, self._dtype, x=x, eps=eps)
        (mu, logvar, *_), _, (logits, *_) = vae.forward(self._parameters, x, eps)
        loss, gradients = vae.differentiate(self._parameters, x, eps, objective)
        return Pass(mu, logvar, logits, Loss(*map(float, loss)), gradients)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        check_batch(self.architecture, self._dtype, x=x)
        mu, logvar, *_ = vae.encode(self._parameters, x)
        return mu, logvar

    def decode(self, z: np.ndarray) -> np.ndarray:
        check_batch(self.architecture, self._dtype, z=z)
        return vae.decode(self._parameters, z, self.architecture.image_shape[1:]).logits

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        check_batch(self.architecture, self._dtype, x=x)
        return vae.reconstruct(self._parameters, x)

    def sample(self, z: np.ndarray) -> np.ndarray:
        check_batch(self.architecture, self._dtype, z=z)
        return vae.sample(self._parameters, z, self.architecture.image_shape[1:])

    def parameters(self) -> Parameters:
        return {name: value.copy() for name, value in self._parameters.items()}
