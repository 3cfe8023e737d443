"""Wrong log-mean-exps, weights and bounds, each with the number that shows it."""

import math

import numpy as np

from exercises.kit.exercise import Mistake


def log_normal(z, mean, logvar):
    """The right log density, from which the mistakes are made."""
    return -np.sum(math.log(2 * math.pi) + logvar + np.square(z - mean) / np.exp(logvar), axis=-1) / 2


def log_weights(log_likelihood, z, mu, logvar):
    """The right log-weights."""
    return log_likelihood + log_normal(z, 0, 0) - log_normal(z, mu[:, None], logvar[:, None])


def log_mean_exp(log_w):
    """The right log-mean-exp."""
    return np.logaddexp.reduce(log_w, axis=1) - math.log(log_w.shape[1])


# log_mean_exp


def _mean_exp(name, function, explanation):
    return Mistake(name, {"log_mean_exp": function}, explanation)


def _logsumexp(log_w, axis=1):
    return np.logaddexp.reduce(log_w, axis=axis)


def _shifted(log_w, shift):
    return np.log(np.mean(np.exp(log_w - shift), axis=1))


LOG_MEAN_EXP = (
    _mean_exp(
        "forgot -log K",
        _logsumexp,
        "{got} instead of {expected}: log 7 = 1.946 too much. The mean of K weights is their sum over K.",
    ),
    _mean_exp(
        "-log K with the wrong sign",
        lambda log_w: _logsumexp(log_w) + math.log(log_w.shape[1]),
        "{got} instead of {expected}: 2 log 7 = 3.892 too much. Dividing by K subtracts log K.",
    ),
    _mean_exp(
        "divides by K outside the logarithm",
        lambda log_w: _logsumexp(log_w) / log_w.shape[1],
        "{got} instead of {expected}: log(28)/7, where log(28/7) is asked for.",
    ),
    _mean_exp(
        "-log N, the number of images",
        lambda log_w: _logsumexp(log_w) - math.log(len(log_w)),
        "{got} instead of {expected}: the mean runs over the K draws, axis 1, not over the N images.",
    ),
    _mean_exp(
        "mean of the logs",
        lambda log_w: np.mean(log_w, axis=1),
        "{got} instead of {expected}: the logarithm comes after the mean. The mean of logs is the ELBO, for every K.",
    ),
    _mean_exp(
        "the mean over the images",
        lambda log_w: _logsumexp(log_w, axis=0) - math.log(len(log_w)),
        "The result is one number per draw, one per image is asked for: axis 1 holds the draws.",
    ),
    _mean_exp(
        "one number for all images",
        lambda log_w: _logsumexp(log_w.ravel(), axis=0) - math.log(log_w.size),
        "The result is one number, one for each image is asked for: images are averaged later, and outside the "
        "logarithm.",
    ),
    _mean_exp(
        "keeps the axis of the draws",
        lambda log_w: _logsumexp(log_w)[:, None] - math.log(log_w.shape[1]),
        "The values are right, the shape is (N, 1): keepdims is for the maximum, not for the result.",
    ),
    _mean_exp(
        "the largest log-weight alone",
        lambda log_w: np.max(log_w, axis=1),
        "{got} instead of {expected}: the best draw is not the mean of all; it is too high by up to log K.",
    ),
    _mean_exp(
        "forgot the logarithm",
        lambda log_w: np.mean(np.exp(log_w), axis=1),
        "{got} instead of {expected}: this is the mean of the weights; its logarithm is asked for.",
    ),
    _mean_exp(
        "logarithm to base 2",
        lambda log_w: np.log2(np.mean(np.exp2(log_w / math.log(2)), axis=1)),
        "{got} instead of {expected}: bits instead of nats, 1/log 2 = 1.443 times as many.",
    ),
    _mean_exp(
        "exponentiates without taking the maximum out",
        lambda log_w: np.log(np.mean(np.exp(log_w), axis=1)),
        "{got} instead of {expected}: exp(-1000) is 0 in float64 and exp(1000) is infinite. Take the row's largest "
        "log-weight out first and add it again after the logarithm.",
    ),
    _mean_exp(
        "a small number inside the logarithm",
        lambda log_w: np.log(np.mean(np.exp(log_w), axis=1) + 1e-12),
        "It hides the problem: at -1000 it gives log(1e-12) = -27.6, a bound that is 971 nats too good.",
    ),
    _mean_exp(
        "clips the log-weights",
        lambda log_w: np.log(np.mean(np.exp(np.clip(log_w, -700, 700)), axis=1)),
        "{got} instead of {expected}: finite, but every weight below exp(-700) has become exp(-700).",
    ),
    _mean_exp(
        "takes the maximum out and does not add it again",
        lambda log_w: _shifted(log_w, log_w.max(axis=1, keepdims=True)),
        "{got} instead of {expected}: too little by the largest log-weight, log 7 = 1.946 here.",
    ),
    _mean_exp(
        "subtracts the maximum once more",
        lambda log_w: _shifted(log_w, log_w.max(axis=1, keepdims=True)) - log_w.max(axis=1),
        "{got} instead of {expected}: exp(a - m) has lost m, so it must be added: m + log mean exp(a - m).",
    ),
    _mean_exp(
        "one maximum for all images",
        lambda log_w: log_w.max() + _shifted(log_w, log_w.max()),
        "Right while all images are about equally probable; beside an image near 1000, one near 0 has weights "
        "exp(-1000) = 0. Every row needs its own maximum: `axis=1, keepdims=True`.",
    ),
    _mean_exp(
        "something else than the largest log-weight is taken out",
        lambda log_w: log_w.mean(axis=1) + _shifted(log_w, log_w.mean(axis=1, keepdims=True)),
        "Right as long as the draws of an image are alike; a draw 1000 nats above what is taken out, such as the mean, "
        "the "
        "median or the smallest, still overflows. The maximum leaves no exponent above 0.",
    ),
)


# log_weights


def _weights(name, log_ratio, explanation):
    """A mistake in what is added to the log-likelihood; mu and logvar come as (N, 1, Z)."""

    def wrong(log_likelihood, z, mu, logvar):
        return log_likelihood + log_ratio(z, mu[:, None], logvar[:, None])

    return Mistake(name, {"log_weights": wrong}, explanation)


def _prior(z):
    return log_normal(z, 0, 0)


def kl(mu, logvar):
    """KL(q || N(0, I)), summed over the latents."""
    return np.sum(np.square(mu) + np.exp(logvar) - 1 - logvar, axis=-1) / 2


LOG_WEIGHTS = (
    _weights(
        "adds log q instead of subtracting it",
        lambda z, mu, logvar: _prior(z) + log_normal(z, mu, logvar),
        "{got} instead of {expected}: with q equal to the prior the two must cancel. The weight is p(x, z) over q.",
    ),
    _weights(
        "log q - log p(z)",
        lambda z, mu, logvar: log_normal(z, mu, logvar) - _prior(z),
        "{got} instead of {expected}: right where both are equal, else the sign is wrong: q is in the denominator.",
    ),
    _weights(
        "forgot the prior",
        lambda z, mu, logvar: -log_normal(z, mu, logvar),
        "{got} instead of {expected}: with q equal to the prior, log p(z) and log q must cancel. The numerator is "
        "p(x, z) = p(x|z) p(z).",
    ),
    _weights(
        "forgot q",
        lambda z, mu, logvar: _prior(z),
        "{got} instead of {expected}: with q equal to the prior, log p(z) and log q must cancel. Draws from q have "
        "to be divided by q.",
    ),
    _weights(
        "the likelihood alone",
        lambda z, mu, logvar: np.zeros(z.shape[:2]),
        "{got} instead of {expected}: right only where q is the prior. Elsewhere each draw counts p(z)/q(z|x) times.",
    ),
    _weights(
        "the KL instead of log p(z) - log q(z|x)",
        lambda z, mu, logvar: -kl(mu, logvar),
        "{got} instead of {expected}: the KL is the average over q. A weight belongs to one draw, so both densities "
        "are taken at its z.",
    ),
    _weights(
        "log q at its mean",
        lambda z, mu, logvar: _prior(z) - log_normal(mu, mu, logvar),
        "{got} instead of {expected}: (z - mu)² is missing. q is to be taken at the draw z.",
    ),
    _weights(
        "the prior at the mean of q",
        lambda z, mu, logvar: _prior(mu) - log_normal(z, mu, logvar),
        "{got} instead of {expected}: p(z) is to be taken at the draw z, not at mu.",
    ),
    _weights(
        "a prior round the mean of q",
        lambda z, mu, logvar: log_normal(z, mu, 0) - log_normal(z, mu, logvar),
        "{got} instead of {expected}: the prior is Normal(0, I) for every image, without mu.",
    ),
    _weights(
        "read logvar as log σ",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, 2 * logvar),
        "{got} instead of {expected}: the variance is exp(logvar) = 4 here, not exp(2·logvar) = 16.",
    ),
    _weights(
        "q without its ½ logvar",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) - logvar.sum(axis=-1) / 2,
        "{got} instead of {expected}: too little by ½ log 4 = 0.693 for each latent. A wide normal is a low one: "
        "log q has -½ logvar.",
    ),
    _weights(
        "logvar instead of ½ logvar in q",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) + logvar.sum(axis=-1) / 2,
        "{got} instead of {expected}: too much by ½ log 4 = 0.693 for each latent; log σ is ½ logvar.",
    ),
    _weights(
        "divides by σ instead of σ²",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + np.square(z - mu) / np.exp(logvar / 2), axis=-1) / 2
        ),
        "{got} instead of {expected}: (z - mu)²/σ instead of (z - mu)²/σ²: σ is squared as well.",
    ),
    _weights(
        "multiplies by the variance",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + np.square(z - mu) * np.exp(logvar), axis=-1) / 2
        ),
        "{got} instead of {expected}: (z - mu)² times the variance instead of over it.",
    ),
    _weights(
        "(z - mu)² without its ½ in q",
        lambda z, mu, logvar: (
            _prior(z) + np.sum(math.log(2 * math.pi) + logvar + 2 * np.square(z - mu) / np.exp(logvar), axis=-1) / 2
        ),
        "{got} instead of {expected}: with z one σ from the mean, ½ too much for each latent.",
    ),
    _weights(
        "z² without its ½ in the prior",
        lambda z, mu, logvar: _prior(z) - np.sum(z * z, axis=-1) / 2 - log_normal(z, mu, logvar),
        "{got} instead of {expected}: the prior's exponent is -½ z², so z = 1 costs ½ for each latent, not 1.",
    ),
    _weights(
        "2π in q only",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) + z.shape[-1] * math.log(2 * math.pi) / 2,
        "{got} instead of {expected}: too much by ½ log 2π = 0.919 for each latent. It is in both densities and "
        "cancels, or is left out of both.",
    ),
    _weights(
        "2π in the prior only",
        lambda z, mu, logvar: _prior(z) - log_normal(z, mu, logvar) - z.shape[-1] * math.log(2 * math.pi) / 2,
        "{got} instead of {expected}: too little by ½ log 2π = 0.919 for each latent. It is in both densities and "
        "cancels, or is left out of both.",
    ),
    _weights(
        "mean over the latents",
        lambda z, mu, logvar: (_prior(z) - log_normal(z, mu, logvar)) / z.shape[-1],
        "{got} instead of {expected}: latents are independent, so their log-densities add up; here they were averaged.",
    ),
    Mistake(
        "subtracts the log-likelihood",
        {
            "log_weights": lambda log_likelihood, z, mu, logvar: log_weights(-log_likelihood, z, mu, logvar),
        },
        "{got} instead of {expected}: log p(x|z) is given, not the reconstruction loss, which is -log p(x|z).",
    ),
)


# iwae_bound


def _bound(name, of_weights, explanation):
    """A mistake in what is done with the log-weights."""

    def wrong(log_likelihood, z, mu, logvar):
        return of_weights(log_weights(log_likelihood, z, mu, logvar))

    return Mistake(name, {"iwae_bound": wrong}, explanation)


BOUND = (
    _bound(
        "the average of the logs: the ELBO",
        np.mean,
        "{got} instead of {expected}: the mean of the logs is the ELBO however many draws there are. The mean over "
        "draws goes inside the logarithm.",
    ),
    _bound(
        "one logarithm for the whole batch",
        lambda log_w: np.logaddexp.reduce(log_w.ravel()) - math.log(log_w.size),
        "{got} instead of {expected}: images are averaged outside the logarithm, draws inside; or the most probable "
        "image dominates.",
    ),
    _bound(
        "draws averaged outside the logarithm, images inside",
        lambda log_w: np.mean(np.logaddexp.reduce(log_w, axis=0) - math.log(len(log_w))),
        "{got} instead of {expected}: the two axes are exchanged: axis 1 holds the draws.",
    ),
    _bound(
        "sum over the images",
        lambda log_w: np.sum(log_mean_exp(log_w)),
        "{got} instead of {expected}: N times as much. The bound is per image, so the batch is averaged.",
    ),
    _bound(
        "not averaged over the images",
        log_mean_exp,
        "The result is one number per image; the bound is their average.",
    ),
    _bound(
        "the loss instead of the bound",
        lambda log_w: -np.mean(log_mean_exp(log_w)),
        "{got} instead of {expected}: the sign is that of a loss. The bound lies below log p(x); training would "
        "maximise it.",
    ),
    _bound(
        "forgot -log K in the bound",
        lambda log_w: np.mean(np.logaddexp.reduce(log_w, axis=1)),
        "{got} instead of {expected}: log K = 1.946 too much for K = 7. At the true posterior it exceeds log p(x), "
        "which a lower bound cannot.",
    ),
    _bound(
        "the best draw of each image",
        lambda log_w: np.mean(log_w.max(axis=1)),
        "{got} instead of {expected}: the largest weight is not their mean, and no bound.",
    ),
    _bound(
        "only the first draw",
        lambda log_w: np.mean(log_w[:, 0]),
        "{got} instead of {expected}: right for K = 1; the other draws are not used.",
    ),
    Mistake(
        "the KL outside the logarithm",
        {
            "iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_mean_exp(log_likelihood) - kl(mu, logvar)),
        },
        "{got} instead of {expected}: right where q is the prior, and on average for K = 1. For more draws "
        "p(z)/q(z|x) belongs to each weight, inside the logarithm: the KL, already averaged over q, cannot replace "
        "it.",
    ),
    Mistake(
        "the ELBO with its KL in closed form",
        {"iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_likelihood) - np.mean(kl(mu, logvar))},
        "{got} instead of {expected}: the loss of the rungs with its sign turned, which on average over noise is the "
        "bound for K = 1. More draws only make it smoother, not tighter: there is no logarithm of a mean in it.",
    ),
    Mistake(
        "the likelihood's average alone",
        {"iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_mean_exp(log_likelihood))},
        "{got} instead of {expected}: draws from q count as draws from the prior. Where q is close to the "
        "posterior, this exceeds log p(x).",
    ),
)


def _bound_of(mistake):
    """The bound of log-weights with a mistake in them, where it does not call `log_weights`."""
    wrong_weights = mistake.functions["log_weights"]
    function = {"iwae_bound": lambda *arguments: np.mean(log_mean_exp(wrong_weights(*arguments)))}
    explanation = mistake.explanation.partition(": ")[2]
    return Mistake(f"in the bound: {mistake.name}", function, "{got} instead of {expected}: " + explanation)


IN_THE_BOUND = (
    "adds log q instead of subtracting it",
    "log q - log p(z)",
    "forgot the prior",
    "forgot q",
    "read logvar as log σ",
    "subtracts the log-likelihood",
)
MISTAKES = (
    LOG_MEAN_EXP
    + LOG_WEIGHTS
    + BOUND
    + tuple(_bound_of(mistake) for mistake in LOG_WEIGHTS if mistake.name in IN_THE_BOUND)
)
