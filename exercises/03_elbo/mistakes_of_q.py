"""Wrong logarithms of the density q(z|x)."""

import numpy as np

from exercises.model.wrong import mistakes_of

from .mistakes_of_joint import LOG_2PI, log_normal


def _q(squared, log_variance=lambda logvar: logvar):
    """A mistake in -½ the sum of these two and log 2π; `squared` takes error = z - mu and logvar."""
    return lambda z, mu, logvar: -np.sum(squared(z - mu, logvar) + log_variance(logvar) + LOG_2PI, axis=1) / 2


def _standard(error, logvar):
    return error**2 / np.exp(logvar)


def _right(z, mu, logvar):
    return log_normal(z - mu, np.exp(logvar))


MISTAKES_OF_Q = mistakes_of(
    "log_q",
    (
        "read logvar as log σ",
        _q(lambda error, logvar: error**2 / np.exp(2 * logvar), lambda logvar: 2 * logvar),
        "This is exactly what variance = exp(2 logvar) gives; logvar is log σ², not log σ.",
    ),
    (
        "logvar is missing",
        _q(_standard, lambda logvar: 0.0),
        "½ logvar (log 2 = 0.693 here) too much. A wider density is lower.",
    ),
    (
        "plus ½ logvar",
        _q(_standard, lambda logvar: -logvar),
        "logvar (log 4 = 1.386 here) too much. A wider density is lower, so ½ logvar is subtracted.",
    ),
    (
        "logvar without its ½",
        _q(_standard, lambda logvar: 2 * logvar),
        "½ logvar (log 2 = 0.693 here) too low; the ½ stands before the whole bracket.",
    ),
    (
        "squared error divided by σ",
        _q(lambda error, logvar: error**2 / np.exp(logvar / 2)),
        "exp(logvar/2) is σ; the square is divided by σ² = exp(logvar).",
    ),
    (
        "squared error times the variance",
        _q(lambda error, logvar: error**2 * np.exp(logvar)),
        "(z - mu)² is divided by the variance, not multiplied.",
    ),
    (
        "squared error not divided by the variance",
        _q(lambda error, logvar: error**2),
        "A z that is one σ away costs ½ nat, whatever σ is.",
    ),
    (
        "squared error divided by logvar",
        _q(lambda error, logvar: error**2 / logvar),
        "logvar is the logarithm of the variance; the variance is exp(logvar).",
    ),
    (
        "no ½ before the squared error",
        _q(lambda error, logvar: 2 * error**2 / np.exp(logvar)),
        "Right where z is mu; elsewhere half of (z - mu)²/σ² too low.",
    ),
    (
        "2π is left out",
        lambda z, mu, logvar: _right(z, mu, logvar) + z.shape[1] * LOG_2PI / 2,
        "½ log 2π = 0.919 for every latent too much.",
    ),
    (
        "2π once, not for every latent",
        lambda z, mu, logvar: _right(z, mu, logvar) + (z.shape[1] - 1) * LOG_2PI / 2,
        "½ log 2π is there once; every latent has its own density, so Z times.",
    ),
    (
        "mu is missing",
        lambda z, mu, logvar: log_normal(z, np.exp(logvar)),
        "This is the density of a normal round 0; q(z|x) lies round mu.",
    ),
    (
        "the prior's density",
        lambda z, mu, logvar: log_normal(z),
        "This is log p(z), in which neither mu nor logvar has a part.",
    ),
    (
        "the average of log q instead of its value at z",
        lambda z, mu, logvar: -np.sum(1 + logvar + LOG_2PI, axis=1) / 2,
        "This is minus the entropy of q, where (z - mu)²/σ² has become its average, 1; z has no part in it.",
    ),
    (
        "mean over the latents",
        lambda z, mu, logvar: _right(z, mu, logvar) / z.shape[1],
        "Every value is a share 1/Z of the right one. Latents are independent under q: their logarithms add up.",
    ),
    (
        "summed over the images",
        lambda z, mu, logvar: np.sum(_right(z, mu, logvar)),
        "One number came for all images; sum over axis 1 only.",
    ),
    (
        "wrong sign",
        lambda z, mu, logvar: -_right(z, mu, logvar),
        "This is -log q(z|x).",
    ),
    (
        "a density, not its logarithm",
        lambda z, mu, logvar: np.exp(_right(z, mu, logvar)),
        "This is exp of what is asked for: stay with logarithms.",
    ),
)
