"""Wrong predictions, log densities and bounds."""

import numpy as np

from exercises.kit.exercise import mistakes_of

# log p(x, z)


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


JOINT = mistakes_of(
    "log_joint",
    (
        "log p(z) is missing",
        _joint(lambda error, z, sigma: log_normal(error, sigma**2)),
        "This is log p(x|z) alone. The joint is p(x|z) p(z), so log p(z) is added.",
    ),
    (
        "log p(x|z) is missing",
        _joint(lambda error, z, sigma: log_normal(z)),
        "This is log p(z) alone, which does not depend on x.",
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
        "An error of one σ costs ½ nat for every σ: divide error² by σ².",
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
        "The result is one number for all images; sum over axis 1 only.",
    ),
)


# log q(z|x)


def _q(squared, log_variance=lambda logvar: logvar):
    """A mistake in -½ the sum of these two and log 2π; `squared` takes error = z - mu and logvar."""
    return lambda z, mu, logvar: -np.sum(squared(z - mu, logvar) + log_variance(logvar) + LOG_2PI, axis=1) / 2


def _standard(error, logvar):
    return error**2 / np.exp(logvar)


def _right_q(z, mu, logvar):
    return log_normal(z - mu, np.exp(logvar))


Q = mistakes_of(
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
        "½ logvar (log 2 = 0.693 here) too low; the ½ is before the whole bracket.",
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
        "A z that is one σ away costs ½ nat for every σ.",
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
        lambda z, mu, logvar: _right_q(z, mu, logvar) + z.shape[1] * LOG_2PI / 2,
        "½ log 2π = 0.919 for every latent too much.",
    ),
    (
        "2π once, not for every latent",
        lambda z, mu, logvar: _right_q(z, mu, logvar) + (z.shape[1] - 1) * LOG_2PI / 2,
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
        "This is log p(z), which depends on neither mu nor logvar.",
    ),
    (
        "the average of log q instead of its value at z",
        lambda z, mu, logvar: -np.sum(1 + logvar + LOG_2PI, axis=1) / 2,
        "This is minus the entropy of q, where (z - mu)²/σ² has become its average, 1, so that it does not depend on "
        "z.",
    ),
    (
        "mean over the latents",
        lambda z, mu, logvar: _right_q(z, mu, logvar) / z.shape[1],
        "Every value is a share 1/Z of the right one. Latents are independent under q: their logarithms add up.",
    ),
    (
        "summed over the images",
        lambda z, mu, logvar: np.sum(_right_q(z, mu, logvar)),
        "The result is one number for all images; sum over axis 1 only.",
    ),
    (
        "wrong sign",
        lambda z, mu, logvar: -_right_q(z, mu, logvar),
        "This is -log q(z|x).",
    ),
    (
        "a density, not its logarithm",
        lambda z, mu, logvar: np.exp(_right_q(z, mu, logvar)),
        "This is exp of what is asked for: stay with logarithms.",
    ),
)


# Predictions, and the ELBO


def _signs(posterior, other):
    """Predictions for the posterior and for any other q, each as (one draw, all draws)."""
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
        "The exact average is not random: it is log p(x) minus a KL divergence, which is positive here.",
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


_right_elbo = _elbo(lambda likelihood, prior, q, D, Z: np.mean(likelihood + prior - q, axis=0))


def _mean(combine):
    return _elbo(lambda likelihood, prior, q, D, Z: np.mean(combine(likelihood, prior, q, D, Z), axis=0))


def _log_mean_exp(values):
    largest = values.max(axis=0)
    return largest + np.log(np.mean(np.exp(values - largest), axis=0))


def _closed_form(x, mu, logvar, eps, weight, bias, sigma):
    reconstruction = _mean(lambda likelihood, prior, q, D, Z: likelihood)(x, mu, logvar, eps, weight, bias, sigma)
    return reconstruction - np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1) / 2


def _variance_for_sigma(x, mu, logvar, eps, weight, bias, sigma):
    return _right_elbo(x, mu, logvar, eps * np.exp(logvar / 2), weight, bias, sigma)


def _q_of_the_noise(x, mu, logvar, eps, weight, bias, sigma):
    return _right_elbo(x, mu, logvar, eps, weight, bias, sigma) - np.sum(logvar, axis=1) / 2


BOUNDS = mistakes_of(
    "elbo",
    (
        "log q is added",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior + q),
        "{got}, where log p(x) is {expected}: log q(z|x) is subtracted, so a wide q raises the bound.",
    ),
    (
        "log q is missing",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior),
        "{got}, where log p(x) is {expected}: this is the average log joint, without the entropy of q.",
    ),
    (
        "log p(z) is missing",
        _mean(lambda likelihood, prior, q, D, Z: likelihood - q),
        "{got} is above log p(x), {expected}: a lower bound cannot. The joint is log p(x|z) + log p(z).",
    ),
    (
        "the KL is dropped",
        _mean(lambda likelihood, prior, q, D, Z: likelihood),
        "{got} is above log p(x), {expected}, on average: a lower bound cannot. "
        "The reconstruction alone leaves out log p(z) - log q(z|x).",
    ),
    (
        "the KL is added",
        _mean(lambda likelihood, prior, q, D, Z: likelihood - prior + q),
        "{got} is above log p(x), {expected}, on average: a lower bound cannot. "
        "log q - log p(z) is the KL's integrand, and the KL is subtracted.",
    ),
    (
        "the KL is a mean over the latents",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + (prior - q) / Z),
        "{got} is above log p(x), {expected}, on average: a lower bound cannot. "
        "Only a share 1/Z of the KL is subtracted; latents add up.",
    ),
    (
        "the reconstruction is a mean over the pixels",
        _mean(lambda likelihood, prior, q, D, Z: likelihood / D + prior - q),
        "{got}, where log p(x) is {expected}: log p(x|z) is a share 1/D of the right one. Pixels add up.",
    ),
    (
        "2π is left out",
        _mean(lambda likelihood, prior, q, D, Z: likelihood + prior - q + D * LOG_2PI / 2),
        "{got} is above log p(x), {expected}: a lower bound cannot. ½ log 2π = 0.919 for every pixel too much.",
    ),
    (
        "wrong sign",
        lambda *args: -_right_elbo(*args),
        "{got}, where log p(x) is {expected}: this is the loss, the negative ELBO.",
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
        "{got}, where log p(x) is {expected}: L times too much. Draws are averaged.",
    ),
    (
        "only the first draw",
        lambda x, mu, logvar, eps, *decoder: _right_elbo(x, mu, logvar, eps[:1], *decoder),
        "This is the estimate from eps[0]; average over all of eps.",
    ),
    (
        "not averaged over the draws",
        _elbo(lambda likelihood, prior, q, D, Z: likelihood + prior - q),
        "The result has a row for each draw; average over axis 0.",
    ),
    (
        "averaged over the images, too",
        lambda *args: np.mean(_right_elbo(*args)),
        "The result is one number for all images; each has its own ELBO, so average over the draws only.",
    ),
    (
        "averaged over the images instead of the draws",
        _elbo(lambda likelihood, prior, q, D, Z: np.mean(likelihood + prior - q, axis=1)),
        "The result is one number for each draw; axis 0 holds the draws, and that is the one to average.",
    ),
    (
        "z is the mean of q",
        lambda x, mu, logvar, eps, *decoder: _right_elbo(x, mu, logvar, np.zeros_like(eps[:1]), *decoder),
        "The result does not depend on eps. At the mean log q is highest; draws are around it.",
    ),
    (
        "exp(logvar) for σ",
        _variance_for_sigma,
        "z = mu + exp(logvar) eps is not a draw from q; σ is exp(logvar/2).",
    ),
    (
        "log q of the noise",
        _q_of_the_noise,
        "{got}, where log p(x) is {expected}: this uses log N(eps; 0, I) for log q(z|x), so that -½ logvar "
        "for every latent is missing.",
    ),
)


MISTAKES = SIGNS + JOINT + Q + BOUNDS
