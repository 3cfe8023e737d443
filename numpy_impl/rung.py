"""Rung 1 behind the contract that training, parity and figures use."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.objective import Loss, Objective
from foundation.rung import (
    Description,
    Pass,
    Traits,
    batch_shapes,
    check_batch,
    describe_architecture,
    draw_pixels,
    no_codes,
    no_mask,
    parameter_table,
)
from foundation.weights import check_moments
from numpy_impl import autograd
from numpy_impl import vae_numpy as vae
from numpy_impl.optim import Adam
from numpy_impl.runtime import sharing
from numpy_impl.runtime.parallel import CORES


class NumpyRung:
    """`foundation.rung.Rung` over `numpy_impl.vae_numpy`."""

    name = "numpy_impl"
    traits = Traits()
    device = "cpu"
    read_every = 1
    processes = 1
    threads = CORES

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        description: Description | None = None,
    ) -> None:
        check_parameters(architecture, parameters)
        self.architecture = architecture
        self.description = description or describe_architecture(architecture)
        self._shapes = batch_shapes(architecture)
        self._parameters = {name: np.array(parameters[name], order="C") for name in architecture.parameter_shapes()}
        self.dtype = self._parameters["encoder.mu.weight"].dtype
        self._optimizer = Adam(self._parameters, learning_rate)
        self._turn = [None]  # taken out during a change; a list can be copied and sent to a process, a lock cannot

    @property
    def learning_rate(self) -> float:
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimizer.learning_rate = rate

    def noise_shape(self, count: int) -> tuple[int, int]:
        return count, self.architecture.latent_dim

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        with self._changing():
            return Loss(*map(float, sharing.train_step(self._parameters, self._optimizer, x, eps, objective)))

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        return Loss(*map(float, sharing.evaluate(self._parameters, x, eps, objective)))

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        run, _ = vae.forward(self._parameters, x, eps)
        loss, gradients = sharing.differentiate(self._parameters, x, eps, objective)
        return Pass(run.mu, run.logvar, run.logits, Loss(*map(float, loss)), gradients)

    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        run, _ = vae.forward(self._parameters, x, eps)
        return run._asdict()

    def condition(self, x: np.ndarray | None, labels: np.ndarray | None) -> None:
        return None

    def encode(self, x: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        check_batch(self._shapes, self.dtype, x=x)
        mu, logvar, *_ = vae.encode(self._parameters, x)
        return mu, logvar

    def code(self, mu: np.ndarray, logvar: np.ndarray | None) -> np.ndarray:
        return mu

    def prior(self, eps: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, eps=eps)
        return eps

    def decode(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, z=z)
        logits, _ = vae.decode(self._parameters, z, self.architecture.image_shape[1:])
        return logits

    def reconstruct(self, x: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, x=x)
        return vae.reconstruct(self._parameters, x)

    def sample(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        check_batch(self._shapes, self.dtype, z=z)
        return vae.sample(self._parameters, z, self.architecture.image_shape[1:])

    def draw(self, z: np.ndarray, c: np.ndarray | None, seed: int) -> np.ndarray:
        return draw_pixels(self.sample(z), self.description.options, seed)

    def mask(self) -> np.ndarray:
        raise no_mask(self.description)

    def codes(self, x: np.ndarray) -> np.ndarray:
        raise no_codes(self.description)

    def summary(self) -> str:
        return parameter_table(self.parameters())

    def parameters(self) -> Parameters:
        return {name: value.copy() for name, value in self._parameters.items()}

    def optimizer_state(self) -> Parameters:
        return self._optimizer.state()

    def restore(self, parameters: Parameters, optimizer_state: Parameters, source: str | Path = "parameters") -> None:
        check_parameters(self.architecture, parameters, str(source))
        if optimizer_state:
            check_moments(optimizer_state, self.architecture.parameter_shapes(), source)
        with self._changing():
            for name, value in parameters.items():
                self._parameters[name][...] = value
            if optimizer_state:
                self._optimizer.restore(optimizer_state)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Change parameters and moments inside a `with` block; a second thread meanwhile gets a RuntimeError."""
        try:
            token = self._turn.pop()
        except IndexError:
            raise RuntimeError(
                "numpy_impl: expected one step at a time, but another thread is in the middle of one with the same "
                "parameters; give each thread a rung of its own"
            ) from None
        try:
            yield
        finally:
            self._turn.append(token)


class AutogradRung(NumpyRung):
    """Rung 1 with gradients by `numpy_impl.autograd`: what `vae-ladder parity` compares beside the three rungs."""

    name = "autograd"

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Loss:
        with self._changing():
            found = self.differentiate(x, eps, objective)
            if np.isfinite(found.loss.loss):
                self._optimizer.step(found.gradients)
        return found.loss

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        check_batch(self._shapes, self.dtype, x=x, eps=eps)
        run, parts, gradients = autograd.differentiate(self._parameters, x, eps, objective)
        return Pass(run.mu, run.logvar, run.logits, Loss(*map(float, parts)), gradients)
