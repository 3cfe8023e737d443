"""The eight broken VAEs, each with one bug. (To the learner who has come this far: the answers are below.)"""

import numpy as np

from foundation.objective import Loss
from numpy_impl.functional import sigmoid, sigmoid_backward

from .vae import VAE


class WithoutNoise(VAE):
    """z is the mean, whatever eps is."""

    def reparameterize(self, mu, logvar, eps):
        return mu + 0 * eps

    def reparameterize_backward(self, dz, logvar, eps):
        return dz, 0 * dz


class PixelsAveraged(VAE):
    """The reconstruction is a mean over the pixels, the KL a sum over the latents."""

    def reconstruction(self, logits, x):
        return super().reconstruction(logits, x) / x[0].size

    def reconstruction_backward(self, logits, x):
        return super().reconstruction_backward(logits, x) / x[0].size


class OtherWeightInTest(VAE):
    """The test loss counts half of the KL."""

    def test_loss(self, x, eps):
        _, reconstruction, kl = self.loss(x, eps)
        return Loss(reconstruction + kl / 2, reconstruction, kl)


class WithoutHalf(VAE):
    """The KL lacks its factor ½."""

    def kl(self, mu, logvar):
        return 2 * super().kl(mu, logvar)

    def kl_backward(self, mu, logvar):
        dmu, dlogvar = super().kl_backward(mu, logvar)
        return 2 * dmu, 2 * dlogvar


class StepsTooLarge(VAE):
    """Adam's step size is 25 times the healthy one."""

    learning_rate = 0.05


class Detached(VAE):
    """The reconstruction's gradient stops at z: the encoder hears of the KL alone."""

    def reparameterize_backward(self, dz, logvar, eps):
        return 0 * dz, 0 * dz


class TwoSigmoids(VAE):
    """The decoder ends with a sigmoid, and whoever takes its result for logits applies another."""

    def output(self, y):
        return sigmoid(y)

    def output_backward(self, dlogits, y):
        return sigmoid_backward(dlogits, y)


class VarianceForSigma(VAE):
    """exp(logvar), the variance, stands where σ belongs."""

    def reparameterize(self, mu, logvar, eps):
        return mu + np.exp(logvar) * eps

    def reparameterize_backward(self, dz, logvar, eps):
        return dz, dz * eps * np.exp(logvar)


BROKEN = (
    WithoutNoise,
    PixelsAveraged,
    OtherWeightInTest,
    WithoutHalf,
    StepsTooLarge,
    Detached,
    TwoSigmoids,
    VarianceForSigma,
)
"""VAE 1 to VAE 8."""
