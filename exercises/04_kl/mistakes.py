"""Wrong KL divergences, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import Mistake


def _wrong(name, elementwise, explanation):
    """A mistake in the term that is summed over latents and averaged over images."""
    return Mistake(name, {"kl": lambda mu, logvar: np.sum(elementwise(mu, logvar)) / len(mu)}, explanation)


def _per_entry(mu, logvar):
    return -(1 + logvar - mu**2 - np.exp(logvar)) / 2


FORMULA = (
    _wrong(
        "forgot the factor ½",
        lambda mu, logvar: -(1 + logvar - mu**2 - np.exp(logvar)),
        "{got} instead of {expected}: twice too much. The ½ comes from the exponent of the normal density.",
    ),
    _wrong(
        "wrong sign",
        lambda mu, logvar: -_per_entry(mu, logvar),
        "{got} instead of {expected}: a KL divergence is never negative. This is what the ELBO adds, not the KL.",
    ),
    _wrong(
        "read logvar as log σ",
        lambda mu, logvar: -(1 + 2 * logvar - mu**2 - np.exp(2 * logvar)) / 2,
        "{got} instead of {expected}: exactly what exp(2·logvar) for the variance gives; logvar is log σ², not log σ.",
    ),
    _wrong(
        "-logvar instead of -½ logvar",
        lambda mu, logvar: (mu**2 + np.exp(logvar) - 1) / 2 - logvar,
        "{got} instead of {expected}: the ½ is before the whole bracket, logvar included.",
    ),
    _wrong(
        "exp(logvar/2) for the variance",
        lambda mu, logvar: -(1 + logvar - mu**2 - np.exp(logvar / 2)) / 2,
        "{got} instead of {expected}: exp(logvar/2) is σ; the formula has σ². (At σ = 2 this is even negative.)",
    ),
    _wrong(
        "logvar² for the variance",
        lambda mu, logvar: -(1 + logvar - mu**2 - logvar**2) / 2,
        "{got} instead of {expected}: the variance is exp(logvar), not logvar².",
    ),
    _wrong(
        "no -1",
        lambda mu, logvar: (mu**2 + np.exp(logvar) - logvar) / 2,
        "{got} instead of {expected}: half a nat too much for every latent, even where q is the prior.",
    ),
    _wrong(
        "+1 instead of -1",
        lambda mu, logvar: (mu**2 + np.exp(logvar) + 1 - logvar) / 2,
        "{got} instead of {expected}: one nat too much for every latent, even where q is the prior.",
    ),
    _wrong(
        "μ² is missing",
        lambda mu, logvar: (np.exp(logvar) - 1 - logvar) / 2,
        "{got} instead of {expected}: the mean of q has moved by 2 and the divergence has not changed.",
    ),
    _wrong(
        "μ is not squared",
        lambda mu, logvar: (mu + np.exp(logvar) - 1 - logvar) / 2,
        "{got} instead of {expected}: μ enters as μ², so that +2 and -2 are equally far from the prior.",
    ),
    _wrong(
        "|μ| instead of μ²",
        lambda mu, logvar: (np.abs(mu) + np.exp(logvar) - 1 - logvar) / 2,
        "{got} instead of {expected}: half of |μ| instead of half of μ².",
    ),
    _wrong(
        "exp(logvar) is missing",
        lambda mu, logvar: (mu**2 - logvar) / 2,
        "{got} instead of {expected}: without the variance nothing limits σ: -logvar decreases without bound.",
    ),
    _wrong(
        "reversed: KL(prior || q)",
        lambda mu, logvar: (logvar + (1 + mu**2) / np.exp(logvar) - 1) / 2,
        "{got} instead of {expected}: the expectation is over q, so q comes first: KL(q || prior).",
    ),
    _wrong(
        "+logvar instead of -logvar",
        lambda mu, logvar: (mu**2 + np.exp(logvar) - 1 + logvar) / 2,
        "{got} instead of {expected}: the entropy of q, ½ logvar, lowers the divergence.",
    ),
    _wrong(
        "exp(-logvar) for the variance",
        lambda mu, logvar: (mu**2 + np.exp(-logvar) - 1 - logvar) / 2,
        "{got} instead of {expected}: exp(-logvar) is the precision 1/σ².",
    ),
)

REDUCTIONS = (
    Mistake(
        "mean over the latents",
        {"kl": lambda mu, logvar: np.mean(_per_entry(mu, logvar))},
        "{got} instead of {expected}: a share 1/Z. Latents are independent, so their divergences add up.",
    ),
    Mistake(
        "sum over the batch",
        {"kl": lambda mu, logvar: np.sum(_per_entry(mu, logvar))},
        "{got} instead of {expected}: N times too much. The loss is per image, so the batch is averaged.",
    ),
    Mistake(
        "not reduced over the batch",
        {"kl": lambda mu, logvar: np.sum(_per_entry(mu, logvar), axis=1)},
        "The result is one number per image; `kl` is their average (`kl_per_image` returns them all).",
    ),
    Mistake(
        "sum over the images, mean over the latents",
        {"kl": lambda mu, logvar: np.sum(_per_entry(mu, logvar)) / mu.shape[1]},
        "{got} instead of {expected}: N/Z times the value. The axes are exchanged: axis 0 is the batch.",
    ),
    Mistake(
        "kl_per_image averages over the latents",
        {"kl_per_image": lambda mu, logvar: np.mean(_per_entry(mu, logvar), axis=1)},
        "Every value is a share 1/Z of the right one: an image's KL is the sum over its latents.",
    ),
    Mistake(
        "kl_per_image sums over the batch",
        {"kl_per_image": lambda mu, logvar: np.sum(_per_entry(mu, logvar), axis=0)},
        "The result is one number per latent, one per image is asked for: axis 1 holds the latents.",
    ),
    Mistake(
        "kl_per_image gives the whole batch's KL",
        {"kl_per_image": lambda mu, logvar: np.sum(_per_entry(mu, logvar))},
        "The result is one number, one for each image is asked for: sum over axis 1 only.",
    ),
    Mistake(
        "kl_per_image keeps the summed axis",
        {"kl_per_image": lambda mu, logvar: np.sum(_per_entry(mu, logvar), axis=1, keepdims=True)},
        "The values are right, the shape is (N, 1): with an (N,) it would broadcast to (N, N) silently.",
    ),
    Mistake(
        "kl_per_latent sums over the batch",
        {"kl_per_latent": lambda mu, logvar: np.sum(_per_entry(mu, logvar), axis=0)},
        "Every value is N times the right one: what a latent carries is an average over images.",
    ),
    Mistake(
        "kl_per_latent averages over the latents",
        {"kl_per_latent": lambda mu, logvar: np.mean(_per_entry(mu, logvar), axis=1)},
        "The result is one number per image, one per latent is asked for: axis 0 holds the images.",
    ),
    Mistake(
        "kl_per_latent takes the KL of the averages",
        {"kl_per_latent": lambda mu, logvar: _per_entry(mu.mean(axis=0), logvar.mean(axis=0))},
        "The average of the KLs is asked for, not the KL of the average mu: latents at +2 and -2 are not at the prior.",
    ),
)

MISTAKES = FORMULA + REDUCTIONS
