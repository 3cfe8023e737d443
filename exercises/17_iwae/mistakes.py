"""Wrong ways to write the bound, each with the number that gives it away; and all mistakes together."""

import math

import numpy as np

from exercises.kit.exercise import Mistake

from .solution import log_mean_exp, log_weights
from .wrong_means import LOG_MEAN_EXP
from .wrong_weights import LOG_WEIGHTS, kl


def _bound(name, of_weights, tell):
    """A mistake in what is done with the log-weights."""

    def wrong(log_likelihood, z, mu, logvar):
        return of_weights(log_weights(log_likelihood, z, mu, logvar))

    return Mistake(name, {"iwae_bound": wrong}, tell)


BOUND = (
    _bound(
        "the average of the logs: the ELBO",
        np.mean,
        "{came} instead of {expected}: the mean of the logs is the ELBO however many draws there are. The mean over "
        "draws goes inside the logarithm.",
    ),
    _bound(
        "one logarithm for the whole batch",
        lambda log_w: np.logaddexp.reduce(log_w.ravel()) - math.log(log_w.size),
        "{came} instead of {expected}: images are averaged outside the logarithm, draws inside; or the most probable "
        "image decides alone.",
    ),
    _bound(
        "draws averaged outside the logarithm, images inside",
        lambda log_w: np.mean(np.logaddexp.reduce(log_w, axis=0) - math.log(len(log_w))),
        "{came} instead of {expected}: the two axes are exchanged: axis 1 holds the draws.",
    ),
    _bound(
        "sum over the images",
        lambda log_w: np.sum(log_mean_exp(log_w)),
        "{came} instead of {expected}: N times as much. The bound is per image, so the batch is averaged.",
    ),
    _bound(
        "not averaged over the images",
        log_mean_exp,
        "One number per image came; the bound is their average.",
    ),
    _bound(
        "the loss instead of the bound",
        lambda log_w: -np.mean(log_mean_exp(log_w)),
        "{came} instead of {expected}: the sign is that of a loss. The bound lies below log p(x); training would "
        "maximise it.",
    ),
    _bound(
        "forgot -log K in the bound",
        lambda log_w: np.mean(np.logaddexp.reduce(log_w, axis=1)),
        "{came} instead of {expected}: log K = 1.946 too much for K = 7. At the true posterior it exceeds log p(x), "
        "which a lower bound cannot.",
    ),
    _bound(
        "the best draw of each image",
        lambda log_w: np.mean(log_w.max(axis=1)),
        "{came} instead of {expected}: the largest weight is not their mean, and no bound.",
    ),
    _bound(
        "only the first draw",
        lambda log_w: np.mean(log_w[:, 0]),
        "{came} instead of {expected}: right for K = 1; the other draws are not used.",
    ),
    Mistake(
        "the KL outside the logarithm",
        {
            "iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_mean_exp(log_likelihood) - kl(mu, logvar)),
        },
        "{came} instead of {expected}: right where q is the prior, and on average for K = 1. For more draws "
        "p(z)/q(z|x) belongs to each weight, inside the logarithm: the KL, already averaged over q, cannot stand in "
        "for it.",
    ),
    Mistake(
        "the ELBO with its KL in closed form",
        {"iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_likelihood) - np.mean(kl(mu, logvar))},
        "{came} instead of {expected}: the loss of the rungs with its sign turned, which on average over noise is the "
        "bound for K = 1. More draws only make it smoother, not tighter: there is no logarithm of a mean in it.",
    ),
    Mistake(
        "the likelihood's average alone",
        {"iwae_bound": lambda log_likelihood, z, mu, logvar: np.mean(log_mean_exp(log_likelihood))},
        "{came} instead of {expected}: draws from q count as if they came from the prior. Where q has found the "
        "right z, this exceeds log p(x).",
    ),
)

MISTAKES = LOG_MEAN_EXP + LOG_WEIGHTS + BOUND
