"""Wrong ways to write log_weights, each with the number that gives it away."""

import math

import numpy as np

from exercises.kit.exercise import Mistake

from .solution import log_normal, log_weights


def _weights(name, log_ratio, tell):
    """A mistake in what is added to the log-likelihood; mu and logvar come as (N, 1, Z)."""

    def wrong(log_likelihood, z, mu, logvar):
        return log_likelihood + log_ratio(z, mu[:, None], logvar[:, None])

    return Mistake(name, {"log_weights": wrong}, tell)


def _prior(z):
    return log_normal(z, 0, 0)


def kl(mu, logvar):
    """KL(q || N(0, I)), summed over the latents."""
    return np.sum(np.square(mu) + np.exp(logvar) - 1 - logvar, axis=-1) / 2


LOG_WEIGHTS = (
    _weights(
        "adds log q instead of subtracting it",
        lambda z, mu, logvar: _prior(z) + log_normal(z, mu, logvar),
        "{came} instead of {expected}: with q equal to the prior the two must cancel. The weight is p(x, z) over q.",
    ),
    _weights(
        "log q - log p(z)",
        lambda z, mu, logvar: log_normal(z, mu, logvar) - _prior(z),
        "{came} instead of {expected}: right where both are equal, else the sign is turned round: q stands below the "
        "bar.",
    ),
    _weights(
        "forgot the prior",
        lambda z, mu, logvar: -log_normal(z, mu, logvar),
        "{came} instead of {expected}: with q equal to the prior, log p(z) and log q must cancel. The numerator is "
        "p(x, z) = p(x|z) p(z).",
    ),
    _weights(
        "forgot q",
        lambda z, mu, logvar: _prior(z),
        "{came} instead of {expected}: with q equal to the prior, log p(z) and log q must cancel. Draws from q have "
        "to be divided by q.",
    ),
    _weights(
        "the likelihood alone",
        lambda z, mu, logvar: np.zeros(z.shape[:2]),
        "{came} instead of {expected}: right only where q is the prior. Elsewhere each draw counts p(z)/q(z|x) times.",
    ),
    _weights(
        "the KL instead of log p(z) - log q(z|x)",
        lambda z, mu, logvar: -kl(mu, logvar),
        "{came} instead of {expected}: the KL is the average over q. A weight belongs to one draw, so both densities "
        "are taken at its z.",
    ),
    _weights(
        "log q at its mean",
        lambda z, mu, logvar: _prior(z) - log_normal(mu, mu, logvar),
        "{came} instead of {expected}: (z - mu)² is missing. q is to be taken at the draw z.",
    ),
    _weights(
        "the prior at the mean of q",
        lambda z, mu, logvar: _prior(mu) - log_normal(z, mu, logvar),
        "{came} instead of {expected}: p(z) is to be taken at the draw z, not at mu.",
    ),
    _weights(
        "a prior round the mean of q",
        lambda z, mu, logvar: log_normal(z, mu, 0) - log_normal(z, mu, logvar),
        "{came} instead of {expected}: the prior is Normal(0, I) for every image; it knows no mu.",
    ),
    _weights(
        "read logvar as log σ",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, 2 * logvar),
        "{came} instead of {expected}: the variance is exp(logvar) = 4 here, not exp(2·logvar) = 16.",
    ),
    _weights(
        "q without its ½ logvar",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) - logvar.sum(axis=-1) / 2,
        "{came} instead of {expected}: too little by ½ log 4 = 0.693 for each latent. A wide normal is a low one: "
        "log q has -½ logvar.",
    ),
    _weights(
        "logvar instead of ½ logvar in q",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) + logvar.sum(axis=-1) / 2,
        "{came} instead of {expected}: too much by ½ log 4 = 0.693 for each latent; log σ is ½ logvar.",
    ),
    _weights(
        "divides by σ instead of σ²",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + np.square(z - mu) / np.exp(logvar / 2), axis=-1) / 2
        ),
        "{came} instead of {expected}: (z - mu)²/σ instead of (z - mu)²/σ²: the square takes in both.",
    ),
    _weights(
        "multiplies by the variance",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + np.square(z - mu) * np.exp(logvar), axis=-1) / 2
        ),
        "{came} instead of {expected}: (z - mu)² times the variance instead of over it.",
    ),
    _weights(
        "(z - mu)² without its ½ in q",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + 2 * np.square(z - mu) / np.exp(logvar), axis=-1) / 2
        ),
        "{came} instead of {expected}: with z one σ from the mean, ½ too much for each latent.",
    ),
    _weights(
        "z² without its ½ in the prior",
        lambda z, mu, logvar: _prior(z) - np.sum(z * z, axis=-1) / 2 - log_normal(z, mu, logvar),
        "{came} instead of {expected}: the prior's exponent is -½ z², so z = 1 costs ½ for each latent, not 1.",
    ),
    _weights(
        "2π in q only",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) + z.shape[-1] * math.log(2 * math.pi) / 2,
        "{came} instead of {expected}: too much by ½ log 2π = 0.919 for each latent. It stands in both densities and "
        "cancels, or is left out of both.",
    ),
    _weights(
        "2π in the prior only",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) - z.shape[-1] * math.log(2 * math.pi) / 2,
        "{came} instead of {expected}: too little by ½ log 2π = 0.919 for each latent. It stands in both densities and "
        "cancels, or is left out of both.",
    ),
    _weights(
        "mean over the latents",
        lambda z, mu, logvar: (_prior(z) - log_normal(z, mu, logvar)) / z.shape[-1],
        "{came} instead of {expected}: latents are independent, so their log-densities add up; here they were "
        "averaged.",
    ),
    Mistake(
        "subtracts the log-likelihood",
        {
            "log_weights": lambda log_likelihood, z, mu, logvar: log_weights(-log_likelihood, z, mu, logvar),
        },
        "{came} instead of {expected}: log p(x|z) is given, not the reconstruction loss, which is -log p(x|z).",
    ),
)
