"""Exercise 06: a draw that one can differentiate. Read exercises/06_reparameterization.md, then write the functions."""

import numpy as np


def reparameterize(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """z, a draw from q(z|x) = Normal(mu, exp(logvar)), made from a draw eps from Normal(0, 1).

    mu, logvar, eps: (N, Z) float64. Returns (N, Z).
    """
    raise NotImplementedError  # fill the blank, then delete this line
    sigma = ...  # the blank: the standard deviation, from logvar
    return mu + sigma * eps


def reparameterize_backward(dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients for mu and logvar of a loss that depends on z = reparameterize(mu, logvar, eps).

    dz: (N, Z) float64, the derivative of the loss with respect to z.
    logvar, eps: (N, Z) float64, as they were when z was made.
    Returns the tuple (dmu, dlogvar), both (N, Z): its derivatives with respect to mu and logvar.
    """
    raise NotImplementedError  # fill the blanks, then delete this line
    sigma = ...  # the first blank: as above
    dmu = dz
    dlogvar = dz * sigma * ...  # the second blank: what is left of the derivative of z by logvar
    return dmu, dlogvar


def latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, training: bool) -> np.ndarray:
    """The decoder's input: a draw from q(z|x) in training, the mean of q(z|x) for a reconstruction.

    mu, logvar, eps: (N, Z) float64, as for `reparameterize`.
    training: whether this is a step of training.
    Returns z, (N, Z).
    """
    raise NotImplementedError  # fill the blank, then delete this line
    if training:
        return ...  # the blank: a draw
    return mu
