"""Exercise 13: one whole training step. Read exercises/13_train_step.md, then write the four functions.

The imports are for your use: rung 1's operations, each with its backward function. You may paste in your answers to
earlier exercises.
"""

import numpy as np

from numpy_impl.functional import (  # noqa: F401
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
)

DOWN = {"stride": 2, "padding": 1}
"""Options of the encoder's convolutions: conv2d(..., **DOWN)."""
UP = {"stride": 2, "padding": 1, "output_padding": 1}
"""Options of the decoder's transposed convolutions."""


def forward(parameters: dict[str, np.ndarray], x: np.ndarray, eps: np.ndarray) -> dict[str, np.ndarray]:
    """x -> q(z|x) -> z -> p(x|z), with all activations that the backward pass needs.

    parameters: every weight and bias by name, as in the page's table. x: (N, 1, H, W), images in [0, 1].
    eps: (N, Z), the noise.
    Returns a dict with h1, h2, h3, mu, logvar, z, h4, h5, h6 and logits, in the shapes of the page's table.
    """
    raise NotImplementedError


def loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, beta: float) -> dict[str, float]:
    """The negative ELBO in its parts, in nats per image.

    logits, x: (N, 1, H, W). mu, logvar: (N, Z). beta: the weight of the KL divergence.
    Returns a dict of three numbers: reconstruction, kl (without beta) and loss = reconstruction + beta * kl. The first
    is summed over pixels, the second over latents, and both are averaged over the batch.
    """
    raise NotImplementedError


def backward(
    parameters: dict[str, np.ndarray], x: np.ndarray, eps: np.ndarray, activations: dict[str, np.ndarray], beta: float
) -> dict[str, np.ndarray]:
    """The gradient of the loss for every parameter: `forward` and `loss` in reverse order.

    parameters, x, eps: as in `forward`. activations: what `forward` returned for them. beta: as in `loss`.
    Returns a dict with the names and shapes of `parameters`.
    """
    raise NotImplementedError


def train_step(
    parameters: dict[str, np.ndarray],
    m: dict[str, np.ndarray],
    v: dict[str, np.ndarray],
    t: int,
    x: np.ndarray,
    eps: np.ndarray,
    beta: float,
    learning_rate: float,
) -> dict[str, dict[str, np.ndarray] | float | int]:
    """Forward, loss, backward, and a step of Adam for every parameter.

    No argument is changed, the dicts included: the results are new dicts.

    parameters, x, eps, beta: as above. m, v: Adam's averages for every parameter, by its name. t: the number of steps
    before. learning_rate: a number. Adam's other options are the usual ones: betas 0.9 and 0.999, eps 1e-8.
    Returns a dict: loss (a number, before the step), and the new parameters, m, v and t.
    """
    raise NotImplementedError
