"""The healthy VAE of this exercise: rung 1's functions, put together so that each can be replaced by a broken one."""

import functools

import numpy as np

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.objective import Loss
from numpy_impl import vae_numpy
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    sigmoid,
)
from numpy_impl.optim import Adam


class VAE:
    """A VAE with weights of its own. Losses are in nats per image; noise is always an argument.

    Each function of the loss stands beside its adjoint, as in rung 1. Whatever replaces the one replaces the
    other, unless the adjoint itself is what is broken.
    """

    learning_rate = 0.002

    def __init__(self, architecture: Architecture, seed: int, dtype: type = np.float64) -> None:
        self.architecture, self.seed, self.dtype = architecture, seed, dtype

    @functools.cached_property
    def parameters(self) -> Parameters:
        """Drawn only when somebody asks: many questions need no weights."""
        return initial_parameters(self.architecture, np.random.default_rng(self.seed), self.dtype)

    @functools.cached_property
    def optimizer(self) -> Adam:
        return Adam(self.parameters, self.learning_rate)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the log-variance of q(z|x)."""
        encoding = vae_numpy.encode(self.parameters, x)
        return encoding.mu, encoding.logvar

    def reparameterize(self, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
        return vae_numpy.reparameterize(mu, logvar, eps)

    def reparameterize_backward(
        self, dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return vae_numpy.reparameterize_backward(dz, logvar, eps)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The logits of p(x|z)."""
        return self.output(vae_numpy.decode(self.parameters, z, self.architecture.image_shape[1:]).logits)

    def output(self, y: np.ndarray) -> np.ndarray:
        """What is done to the result of the decoder's last layer: nothing."""
        return y

    def output_backward(self, dlogits: np.ndarray, y: np.ndarray) -> np.ndarray:
        return dlogits

    def sample(self, z: np.ndarray) -> np.ndarray:
        """The images that the latents stand for, in [0, 1]."""
        return sigmoid(self.decode(z))

    def kl(self, mu: np.ndarray, logvar: np.ndarray) -> float:
        """KL(q(z|x) || N(0, I)), average over the images."""
        return vae_numpy.kl_divergence(mu, logvar) / len(mu)

    def kl_backward(self, mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return mu / len(mu), (np.exp(logvar) - 1) / 2 / len(mu)

    def reconstruction(self, logits: np.ndarray, x: np.ndarray) -> float:
        """-log p(x|z), average over the images."""
        return binary_cross_entropy_with_logits(logits, x) / len(x)

    def reconstruction_backward(self, logits: np.ndarray, x: np.ndarray) -> np.ndarray:
        return binary_cross_entropy_with_logits_backward(1 / len(x), logits, x)

    def loss(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """What training minimises: the negative ELBO, with its parts."""
        mu, logvar = self.encode(x)
        reconstruction = self.reconstruction(self.decode(self.reparameterize(mu, logvar, eps)), x)
        kl = self.kl(mu, logvar)
        return Loss(reconstruction + kl, reconstruction, kl)

    def test_loss(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """What is reported for the test images."""
        return self.loss(x, eps)

    def gradients(self, x: np.ndarray, eps: np.ndarray) -> Parameters:
        """The gradient of the loss for every parameter."""
        encoding = vae_numpy.encode(self.parameters, x)
        mu, logvar = encoding.mu, encoding.logvar
        z = self.reparameterize(mu, logvar, eps)
        decoding = vae_numpy.decode(self.parameters, z, self.architecture.image_shape[1:])
        dlogits = self.reconstruction_backward(self.output(decoding.logits), x)
        dy = self.output_backward(dlogits, decoding.logits)
        dz, decoder = vae_numpy.decode_backward(dy, self.parameters, z, decoding)
        dmu, dlogvar = self.kl_backward(mu, logvar)
        dmu_through_z, dlogvar_through_z = self.reparameterize_backward(dz, logvar, eps)
        dmu, dlogvar = dmu + dmu_through_z, dlogvar + dlogvar_through_z
        return vae_numpy.encode_backward(dmu, dlogvar, self.parameters, x, encoding) | decoder

    def step(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """One step of Adam on a batch, which changes the parameters; the loss before it."""
        before = self.loss(x, eps)
        self.optimizer.step(self.gradients(x, eps))
        return before
