"""Wrong logarithms of the joint density p(x, z)."""

import numpy as np

from exercises.model.wrong import mistakes_of

LOG_2PI = np.log(2 * np.pi)


def log_normal(error, variance=1.0):
    """The right log density of each row, from which the mistakes are made."""
    return -np.sum(error**2 / variance + np.log(variance) + LOG_2PI + 0 * error, axis=1) / 2


def _joint(combine):
    """A mistake in the terms of the joint: `combine` takes error = x - W z - b, z and sigma."""
    return lambda x, z, weight, bias, sigma: combine(x - z @ weight.T - bias, z, sigma)


def _constants(error, z):
    return (error.shape[1] + z.shape[1]) * LOG_2PI / 2


def _likelihood(squared, log_variance):
    """A mistake in log p(x|z) alone: -½ the sum of these two and log 2π; log p(z) is right."""

    def combine(error, z, sigma):
        terms = squared(error, sigma) + log_variance(sigma) + LOG_2PI
        return -np.sum(terms, axis=1) / 2 + log_normal(z)

    return _joint(combine)


def _squared(error, sigma):
    return error**2 / sigma**2


def _log_variance(sigma):
    return 2 * np.log(sigma)


MISTAKES_OF_JOINT = mistakes_of(
    "log_joint",
    (
        "log p(z) is missing",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2)),
        "This is log p(x|z) alone. The joint is p(x|z) p(z), so log p(z) is added.",
    ),
    (
        "log p(x|z) is missing",
        _joint(lambda error, z, sigma: log_normal(z)),
        "This is log p(z) alone, and x has no part in it.",
    ),
    (
        "log p(z) is subtracted",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) - log_normal(z)),
        "The joint is a product, p(x|z) p(z), so its logarithms add up.",
    ),
    (
        "wrong sign",
        _joint(lambda error, z, sigma: -log_normal(error, sigma**2) - log_normal(z)),
        "This is the negative log joint, a loss.",
    ),
    (
        "a density, not its logarithm",
        _joint(lambda error, z, sigma: np.exp(log_normal(error, sigma**2) + log_normal(z))),
        "This is exp of what is asked for. With 784 pixels it rounds to 0 or infinity: stay with logarithms.",
    ),
    (
        "no ½ before the squared error",
        _likelihood(lambda error, sigma: 2 * error**2 / sigma**2, _log_variance),
        "Right where x is the decoder's mean; elsewhere half of error²/σ² too low.",
    ),
    (
        "squared error not divided by σ²",
        _likelihood(lambda error, sigma: error**2, _log_variance),
        "An error of one σ costs ½ nat, whatever σ is: divide error² by σ².",
    ),
    (
        "squared error divided by σ",
        _likelihood(lambda error, sigma: error**2 / sigma, _log_variance),
        "The variance is σ², so error² is divided by σ².",
    ),
    (
        "σ taken for the variance",
        _likelihood(lambda error, sigma: error**2 / sigma, np.log),
        "This is exactly what variance = sigma gives; sigma is the standard deviation.",
    ),
    (
        "log σ is missing",
        _likelihood(_squared, lambda sigma: 0.0),
        "log σ (log 2 = 0.693 here) for every pixel too much. A wider density is lower.",
    ),
    (
        "plus log σ",
        _likelihood(_squared, lambda sigma: -2 * np.log(sigma)),
        "2 log σ (2 log 2 = 1.386 here) for every pixel too much. A wider density is lower: subtract log σ.",
    ),
    (
        "log σ² where log σ belongs",
        _likelihood(_squared, lambda sigma: 4 * np.log(sigma)),
        "log σ (log 2 = 0.693 here) for every pixel too low; the ½ before the bracket makes log σ of log σ².",
    ),
    (
        "2π is left out",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) + log_normal(z) + _constants(error, z)),
        "½ log 2π = 0.919 too much for every pixel and every latent.",
    ),
    (
        "2π is left out of log p(z)",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) - np.sum(z**2, axis=1) / 2),
        "½ log 2π = 0.919 for every latent too much.",
    ),
    (
        "2π is left out of log p(x|z)",
        _likelihood(_squared, lambda sigma: 2 * np.log(sigma) - LOG_2PI),
        "½ log 2π = 0.919 for every pixel too much.",
    ),
    (
        "the constant once, not for every pixel",
        _joint(
            lambda error, z, sigma: (
                -(np.sum(error**2, axis=1) / sigma**2 + np.log(2 * np.pi * sigma**2)) / 2 + log_normal(z)
            )
        ),
        "log σ and ½ log 2π are there once; every pixel has its own density, so D times.",
    ),
    (
        "mean over the pixels",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) / error.shape[1] + log_normal(z)),
        "log p(x|z) is a share 1/D of the right one. Pixels are independent given z: their logarithms add up.",
    ),
    (
        "no ½ in log p(z)",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) + log_normal(z) - np.sum(z**2, axis=1) / 2),
        "log p(z) has -½ z², and this -z². Where z is 0 it makes no difference.",
    ),
    (
        "only the squares",
        _joint(lambda error, z, sigma: -np.sum(error**2, axis=1) / 2 / sigma**2 - np.sum(z**2, axis=1) / 2),
        "The constants are missing: ½ log 2π = 0.919 for every pixel and latent, log σ for every pixel. "
        "A gradient does not need them; a density does.",
    ),
    (
        "σ in log p(z) as well",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2) + log_normal(z, sigma**2)),
        "σ is the pixels' standard deviation; the prior's is 1.",
    ),
    (
        "the bias is missing",
        lambda x, z, weight, bias, sigma: log_normal(x - z @ weight.T, sigma**2) + log_normal(z),
        "The mean of a pixel is W z + b, and b is missing.",
    ),
    (
        "the bias with the wrong sign",
        lambda x, z, weight, bias, sigma: log_normal(x - z @ weight.T + bias, sigma**2) + log_normal(z),
        "The error is x - (W z + b) = x - W z - b.",
    ),
    (
        "weight is not transposed",
        lambda x, z, weight, bias, sigma: log_normal(x - z @ weight - bias, sigma**2) + log_normal(z),
        "z is (N, Z) and weight (D, Z): the batch of W z is z @ weight.T, (N, D).",
    ),
    (
        "summed over the images",
        _joint(lambda error, z, sigma: np.sum(log_normal(error, sigma**2) + log_normal(z))),
        "One number came for all images; sum over axis 1 only.",
    ),
)
