"""What every rung offers to whoever trains it, compares it or draws it."""

from typing import NamedTuple, Protocol

import numpy as np

from foundation.architecture import Architecture, Parameters
from foundation.objective import Loss, Objective


class Pass(NamedTuple):
    """Everything that one forward and backward pass computes, under the names that parity compares."""

    mu: np.ndarray
    logvar: np.ndarray
    logits: np.ndarray
    loss: Loss
    gradients: Parameters


class Rung(Protocol):
    """One VAE with its optimiser. NumPy arrays go in and come out, whatever computes in between.

    A rung is made as `Rung(architecture, parameters, learning_rate=1e-3)`, takes its dtype from the
    parameters (float32 or float64) and copies them. Images `x` are (N, C, H, W) in [0, 1], latents (N, Z).
    """

    name: str
    architecture: Architecture

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        """One Adam step on a batch; the loss before the step, as floats."""

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        """The loss of a batch as floats; no gradients, nothing changes."""

    def differentiate(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Pass:
        """Forward and backward without a step, everything by name."""

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """mu and logvar of q(z|x), each (N, Z)."""

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Logits of p(x|z), (N, C, H, W)."""

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x_hat in [0, 1] from z = mu (eps is zero)."""

    def sample(self, z: np.ndarray) -> np.ndarray:
        """x_hat in [0, 1], the expected image, for latents z drawn from the prior or anywhere else."""

    def parameters(self) -> Parameters:
        """A copy of every parameter, keyed as rung 3's `state_dict()`."""
