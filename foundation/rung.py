"""What every rung offers to whoever trains it, compares it or draws it."""

from typing import NamedTuple, Protocol, runtime_checkable

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


@runtime_checkable
class Rung(Protocol):
    """One VAE with its optimiser. NumPy arrays go in and come out, whatever computes in between.

    A rung is made as `Rung(architecture, parameters, learning_rate=1e-3)`, takes its dtype from the
    parameters (float32 or float64) and copies them. Images `x` are (N, C, H, W) in [0, 1], latents (N, Z).
    """

    name: str
    architecture: Architecture

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective) -> Loss:
        """One Adam step on a batch; the loss before the step, as floats. No step where that loss is not finite."""

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


def check_batch(
    architecture: Architecture, dtype: np.dtype, *, x: np.ndarray | None = None, **latents: np.ndarray
) -> None:
    """Refuse images x, or latents such as eps or z, of another dtype, shape or range than the rung was made for."""
    count = None
    images = {} if x is None else {"x": x}
    for name, array in (images | latents).items():
        shape = architecture.image_shape if name == "x" else (architecture.latent_dim,)
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            came = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{name}: expected a NumPy array of {dtype} like the parameters, got {came}")
        if array.shape[1:] != shape or len(array) == 0:
            raise ValueError(f"{name}: expected shape (N, {', '.join(map(str, shape))}) with N >= 1, got {array.shape}")
        if count not in (None, len(array)):
            raise ValueError(f"{name}: expected a batch of {count} like x, got {len(array)}")
        count = len(array)
    if x is not None and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(f"x: expected values in [0, 1], got values from {x.min()} to {x.max()}")
    for name, array in latents.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
