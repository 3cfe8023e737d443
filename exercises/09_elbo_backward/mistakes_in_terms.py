"""Wrong derivatives of the two terms of the loss, each with the numbers that give it away."""

import numpy as np

from exercises.kit.exercise import Mistake


def _reconstruction(name, per_pixel, tell):
    """A mistake in the derivative of one pixel's term; `per_pixel` is not yet averaged over the images."""
    return Mistake(name, {"reconstruction_backward": lambda logits, x: per_pixel(logits, x) / len(x)}, tell)


def _p(logits):
    return 1 / (1 + np.exp(-logits))


RECONSTRUCTION = (
    _reconstruction(
        "divided by p(1-p)",
        lambda l, x: (_p(l) - x) / (_p(l) * (1 - _p(l))),
        "{came} instead of {expected}: the derivative for the probability p. For the logit, the sigmoid's slope p(1-p) "
        "is still to come and cancels the denominator. At p = ½ it is ¼, so this is 4 times too much.",
    ),
    _reconstruction(
        "multiplied by p(1-p)",
        lambda l, x: (_p(l) - x) * _p(l) * (1 - _p(l)),
        "{came} instead of {expected}: a quarter, which is p(1-p) at p = ½. p - x is already the derivative for the "
        "logit; the sigmoid's slope is in it.",
    ),
    _reconstruction(
        "wrong sign",
        lambda l, x: x - _p(l),
        "{came} instead of {expected}: a dark pixel (x = 0) wants a smaller logit, so the loss grows with it. "
        "This is the gradient of the ELBO, not of the loss.",
    ),
    _reconstruction(
        "not divided by N",
        lambda l, x: (_p(l) - x) * len(x),
        "Three times too much with three images. The loss is an average over images, so each has a share of 1/N in it.",
    ),
    _reconstruction(
        "divided by the number of pixels too",
        lambda l, x: (_p(l) - x) / x.shape[1],
        "{came} instead of {expected}: a third, with three pixels. Pixels are summed; only images are averaged. "
        "(A mean over pixels makes the KL weigh as much more.)",
    ),
    _reconstruction(
        "divided by the pixels instead of the images",
        lambda l, x: (_p(l) - x) / x.shape[1] * len(x),
        "{came} instead of {expected}: axis 0 holds the images, which are averaged; "
        "axis 1 the pixels, which are summed.",
    ),
    _reconstruction(
        "logits without the sigmoid",
        lambda l, x: l - x,
        "{came} instead of {expected}: this is 0 - x. The logit is not the pixel's probability; sigmoid(0) = ½ is.",
    ),
    _reconstruction(
        "sigmoid taken twice",
        lambda l, x: _p(_p(l)) - x,
        "{came} instead of {expected}: sigmoid(sigmoid(0)) = sigmoid(½) = 0.6225. Logits go through it once.",
    ),
    _reconstruction(
        "the gradient of the squared error",
        lambda l, x: 2 * (_p(l) - x) * _p(l) * (1 - _p(l)),
        "{came} instead of {expected}: 2(p - x) · p(1-p), half of p - x at p = ½. Squared error is not what a "
        "Bernoulli pixel costs; its gradient dies where p is near 0 or 1, even if x is not.",
    ),
    _reconstruction(
        "twice p - x",
        lambda l, x: 2 * (_p(l) - x),
        "{came} instead of {expected}: the 2 comes from a square, and there is none in a Bernoulli's log-probability.",
    ),
    _reconstruction(
        "x and the logits exchanged",
        lambda l, x: _p(x) - l,
        "{came} instead of {expected}: this is sigmoid(x) - logits. The network's result goes through the sigmoid, the "
        "image does not.",
    ),
    _reconstruction(
        "only the term x log p",
        lambda l, x: -x * (1 - _p(l)),
        "{came} instead of {expected}: a pixel with x = 0 gets nothing. Dark pixels cost something, too: "
        "(1 - x) log(1 - p) is missing.",
    ),
    _reconstruction(
        "only the term (1 - x) log(1 - p)",
        lambda l, x: (1 - x) * _p(l),
        "{came} instead of {expected}: a pixel with x = 1 gets nothing. The term x log p is missing.",
    ),
    _reconstruction(
        "x rounded to 0 or 1",
        lambda l, x: _p(l) - (x > 0.5),
        "{came} instead of {expected}: grey pixels are targets as they are: ½ - ¼, not ½ - 0.",
    ),
    Mistake(
        "one gradient for all images",
        {"reconstruction_backward": lambda logits, x: np.mean(_p(logits) - x, axis=0)},
        "Every image has logits of its own, so dlogits has a row for each. The average is taken of the loss; in the "
        "gradient it leaves only the factor 1/N.",
    ),
)


def _kl(name, dmu, dlogvar, tell):
    """A mistake in the derivatives of one latent's term; both are not yet averaged over the images."""
    return Mistake(name, {"kl_backward": lambda mu, logvar: (dmu(mu) / len(mu), dlogvar(logvar) / len(mu))}, tell)


def _same(mu):
    return mu


def _half_variance_minus_1(logvar):
    return (np.exp(logvar) - 1) / 2


KL = (
    Mistake(
        "KL not divided by N",
        {"kl_backward": lambda mu, logvar: (mu.copy(), _half_variance_minus_1(logvar))},
        "With one image all is right; with five, all is 5 times too much. The KL term is an average over images.",
    ),
    Mistake(
        "KL averaged over the latents",
        {
            "kl_backward": lambda mu, logvar: (mu / mu.size, _half_variance_minus_1(logvar) / mu.size),
        },
        "A third, with three latents: the KL is summed over latents and averaged over images only.",
    ),
    _kl(
        "dmu = 2 mu",
        lambda mu: 2 * mu,
        _half_variance_minus_1,
        "Twice too much: ½ mu² has the derivative mu.",
    ),
    _kl(
        "dlogvar without ½",
        _same,
        lambda logvar: np.exp(logvar) - 1,
        "Twice too much: the ½ of the KL stands before the variance as well. At variance 4: ½ (4 - 1) = 1.5.",
    ),
    _kl(
        "both without the ½ of the KL",
        lambda mu: 2 * mu,
        lambda logvar: np.exp(logvar) - 1,
        "dmu and dlogvar are both twice too much: the KL begins with a ½.",
    ),
    _kl(
        "dlogvar without -1",
        _same,
        lambda logvar: np.exp(logvar) / 2,
        "½ for every latent, where q is the prior and nothing should pull. The -1 is the derivative of -logvar.",
    ),
    _kl(
        "dlogvar with +1",
        _same,
        lambda logvar: (np.exp(logvar) + 1) / 2,
        "1 for every latent, where q is the prior and nothing should pull: exp(logvar) and logvar have different signs "
        "in the KL.",
    ),
    _kl(
        "dlogvar with the wrong sign",
        _same,
        lambda logvar: (1 - np.exp(logvar)) / 2,
        "A variance of 4 is too large, so the KL grows with logvar there: ½ (4 - 1), not ½ (1 - 4).",
    ),
    _kl(
        "dmu with the wrong sign",
        lambda mu: -mu,
        _half_variance_minus_1,
        "A mean at 2 is too far right, so the KL grows with mu there: the gradient is 2, not -2.",
    ),
    _kl(
        "minus the KL",
        lambda mu: -mu,
        lambda logvar: (1 - np.exp(logvar)) / 2,
        "Both have the wrong sign: the ELBO has -KL in it, the loss +KL.",
    ),
    _kl(
        "σ for the variance",
        _same,
        lambda logvar: (np.exp(logvar / 2) - 1) / 2,
        "exp(½ logvar) is σ. At variance 4 the gradient is ½ (4 - 1), not ½ (2 - 1).",
    ),
    _kl(
        "logvar read as log σ",
        _same,
        lambda logvar: np.exp(2 * logvar) - 1,
        "At variance 4 this is 16 - 1: exp(2·logvar) is the variance only if logvar were log σ.",
    ),
    _kl(
        "the derivative for the variance",
        _same,
        lambda logvar: (1 - np.exp(-logvar)) / 2,
        "½ (1 - 1/σ²), which is ½ (1 - ¼) at variance 4, is dKL/dσ². The network gives log σ²: one more factor σ².",
    ),
    _kl(
        "the derivative for σ",
        _same,
        lambda logvar: np.exp(logvar / 2) - np.exp(-logvar / 2),
        "σ - 1/σ, which is 2 - ½ = 1.5 at variance 4 (as it should be, by chance) and ½ - 2 at variance ¼, is dKL/dσ. "
        "The network gives log σ²: one more factor ½ σ.",
    ),
    _kl(
        "dlogvar is ½ logvar",
        _same,
        lambda logvar: logvar / 2,
        "The variance is exp(logvar): at variance 4 the gradient is ½ (4 - 1) = 1.5, not ½ log 4 = 0.693.",
    ),
    Mistake(
        "dmu and dlogvar exchanged",
        {"kl_backward": lambda mu, logvar: (_half_variance_minus_1(logvar) / len(mu), mu / len(mu))},
        "The two have changed places: (dmu, dlogvar) is asked for.",
    ),
)


TERMS = RECONSTRUCTION + KL
