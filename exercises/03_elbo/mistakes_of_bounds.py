"""Wrong ideas of a lower bound, and wrong ways to add it up."""

import numpy as np

from exercises.model.wrong import mistakes_of

from .mistakes_of_joint import LOG_2PI, log_normal


def _signs(posterior, other):
    """Predictions from what is said of the posterior and of any other q, each as (one draw, all draws)."""
    return lambda q, draws: (posterior if q == "posterior" else other)[("one", "all").index(draws)]


def _narrow(word):
    """Right but for a q that is too narrow, averaged exactly."""
    right = _signs(("equal", "equal"), ("either", "below"))
    return lambda q, draws: word if (q, draws) == ("narrow", "all") else right(q, draws)


SIGNS = mistakes_of(
    "sign_of_gap",
    (
        "below and above exchanged",
        _signs(("equal", "equal"), ("either", "above")),
        "ELBO = log p(x) - KL(q || posterior), and a KL divergence is never negative: the ELBO is the lower one.",
    ),
    (
        "always below",
        lambda q, draws: "below",
        "The gap is KL(q || posterior), which is zero where q is the posterior; and one draw is not yet the average.",
    ),
    (
        "always above",
        lambda q, draws: "above",
        "ELBO = log p(x) - KL(q || posterior), and a KL divergence is never negative. The L of its name is for lower.",
    ),
    (
        "nothing is certain",
        lambda q, draws: "either",
        "The average over all draws has no chance left in it: log p(x) minus a KL divergence, and that has a sign.",
    ),
    (
        "one draw taken for the average",
        _signs(("equal", "equal"), ("below", "below")),
        "For one z, log p(x, z) - log q(z|x) is log p(x) + log p(z|x) - log q(z|x): "
        "above log p(x) wherever q gives z less density than the posterior does.",
    ),
    (
        "one draw from the posterior is noisy, too",
        _signs(("either", "equal"), ("either", "below")),
        "At the posterior log p(x, z) - log p(z|x) is log p(x) for every z: no draw differs from another.",
    ),
    (
        "a bound is never reached",
        _signs(("either", "below"), ("either", "below")),
        "The gap is KL(q || posterior), which is zero where q is the posterior: the bound is tight there.",
    ),
    (
        "the posterior and the prior exchanged",
        lambda q, draws: "equal" if q == "prior" else ("either", "below")[("one", "all").index(draws)],
        "The gap is KL(q || posterior). KL(q || prior) is another divergence; its being 0 closes no gap.",
    ),
    (
        "a narrow q is above",
        _narrow("above"),
        "A narrow q loses more entropy, -E[log q], than it gains in E[log p(x, z)]. No q leads above log p(x).",
    ),
    (
        "a q with the right mean is equal",
        _narrow("equal"),
        "The variance counts, too: KL(q || posterior) is zero only where both are right.",
    ),
)


def _elbo(combine):
    """A mistake in putting together log p(x|z), log p(z) and log q(z|x), each (L, N), D and Z."""

    def wrong(x, mu, logvar, eps, weight, bias, sigma):
        z = mu + np.exp(logvar / 2) * eps
        likelihood = np.array([log_normal(x - draw @ weight.T - bias, sigma**2) for draw in z])
        prior = np.array([log_normal(draw) for draw in z])
        q = np.array([log_normal(draw - mu, np.exp(logvar)) for draw in z])
        return combine(likelihood, prior, q, x.shape[1], mu.shape[1])

    return wrong


_right = _elbo(lambda likelihood, prior, q, D, Z: np.mean(likelihood + prior - q, axis=0))


def _mean(combine):
    return _elbo(lambda likelihood, prior, q, D, Z: np.mean(combine(likelihood, prior, q, D, Z), axis=0))


def _log_mean_exp(values):
    largest = values.max(axis=0)
    return largest + np.log(np.mean(np.exp(values - largest), axis=0))


def _closed_form(x, mu, logvar, eps, weight, bias, sigma):
    reconstruction = _mean(lambda likelihood, prior, q, D, Z: likelihood)(x, mu, logvar, eps, weight, bias, sigma)
    return reconstruction - np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1) / 2


def _variance_for_sigma(x, mu, logvar, eps, weight, bias, sigma):
    return _right(x, mu, logvar, eps * np.exp(logvar / 2), weight, bias, sigma)


def _q_of_the_noise(x, mu, logvar, eps, weight, bias, sigma):
    return _right(x, mu, logvar, eps, weight, bias, sigma) - np.sum(logvar, axis=1) / 2


BOUNDS = mistakes_of(
    "elbo",
    (
        "log q is added",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior + q),
        "{came}, where log p(x) is {expected}: log q(z|x) is subtracted: q earns by being wide.",
    ),
    (
        "log q is missing",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior),
        "{came}, where log p(x) is {expected}: this is the average log joint; q earns nothing by being wide.",
    ),
    (
        "log p(z) is missing",
        _mean(lambda likelihood, prior, q, D, Z: likelihood - q),
        "{came} is above log p(x), {expected}: a lower bound cannot. The joint is log p(x|z) + log p(z).",
    ),
    (
        "the KL is dropped",
        _mean(lambda likelihood, prior, q, D, Z: likelihood),
        "{came} is above log p(x), {expected}, on average: a lower bound cannot. "
        "The reconstruction alone leaves out log p(z) - log q(z|x).",
    ),
    (
        "the KL is added",
        _mean(lambda likelihood, prior, q, D, Z: likelihood - prior + q),
        "{came} is above log p(x), {expected}, on average: a lower bound cannot. "
        "log q - log p(z) is the KL's integrand, and the KL is subtracted.",
    ),
    (
        "the KL is a mean over the latents",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + (prior - q) / Z),
        "{came} is above log p(x), {expected}, on average: a lower bound cannot. "
        "Only a share 1/Z of the KL is subtracted; latents add up.",
    ),
    (
        "the reconstruction is a mean over the pixels",
        _mean(lambda likelihood, prior, q, D, Z: likelihood / D + prior - q),
        "{came}, where log p(x) is {expected}: log p(x|z) is a share 1/D of the right one. Pixels add up.",
    ),
    (
        "2π is left out",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior - q + D * LOG_2PI / 2),
        "{came} is above log p(x), {expected}: a lower bound cannot. ½ log 2π = 0.919 for every pixel too much.",
    ),
    (
        "wrong sign",
        lambda *args: -_right(*args),
        "{came}, where log p(x) is {expected}: this is the loss, the negative ELBO.",
    ),
    (
        "the KL in closed form",
        _closed_form,
        "On average the same, and with less noise: it is the estimator that the rungs' loss uses. "
        "But at the posterior it is log p(x) only on average; log p(x, z) - log q(z|x) is so for every draw.",
    ),
    (
        "log of the mean instead of mean of the logs",
        _elbo(lambda likelihood, prior, q, D, Z: _log_mean_exp(likelihood + prior - q)),
        "A tighter bound, that of the IWAE (exercise 17), and equal at the posterior. "
        "The ELBO is the mean of the logarithms.",
    ),
    (
        "sum over the draws",
        _elbo(lambda likelihood, prior, q, D, Z: np.sum(likelihood + prior - q, axis=0)),
        "{came}, where log p(x) is {expected}: L times too much. Draws are averaged.",
    ),
    (
        "only the first draw",
        lambda x, mu, logvar, eps, *decoder: _right(x, mu, logvar, eps[:1], *decoder),
        "This is the estimate from eps[0]; average over all of eps.",
    ),
    (
        "not averaged over the draws",
        _elbo(lambda likelihood, prior, q, D, Z: likelihood + prior - q),
        "A row for each draw came; average over axis 0.",
    ),
    (
        "averaged over the images, too",
        lambda *args: np.mean(_right(*args)),
        "One number came for all images; each has its own ELBO, so average over the draws only.",
    ),
    (
        "averaged over the images instead of the draws",
        _elbo(lambda likelihood, prior, q, D, Z: np.mean(likelihood + prior - q, axis=1)),
        "One number for each draw came; axis 0 holds the draws, and that is to be averaged.",
    ),
    (
        "z is the mean of q",
        lambda x, mu, logvar, eps, *decoder: _right(x, mu, logvar, np.zeros_like(eps[:1]), *decoder),
        "eps has no part in this. At the mean log q is highest; draws lie round it.",
    ),
    (
        "exp(logvar) for σ",
        _variance_for_sigma,
        "z = mu + exp(logvar) eps is not a draw from q; σ is exp(logvar/2).",
    ),
    (
        "log q of the noise",
        _q_of_the_noise,
        "{came}, where log p(x) is {expected}: log N(eps; 0, I) stands for log q(z|x), so that -½ logvar "
        "for every latent is missing.",
    ),
)

MISTAKES_OF_BOUNDS = SIGNS + BOUNDS
