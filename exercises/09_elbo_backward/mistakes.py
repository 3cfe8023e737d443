"""Wrong gradients of the two terms and of their sum, each with the numbers that show it."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import sigmoid

# The two terms alone


def _reconstruction(name, per_pixel, explanation):
    """A mistake in the derivative of one pixel's term; `per_pixel` is not yet averaged over the images."""
    return Mistake(name, {"reconstruction_backward": lambda logits, x: per_pixel(logits, x) / len(x)}, explanation)


def _p(logits):
    return 1 / (1 + np.exp(-logits))


RECONSTRUCTION = (
    _reconstruction(
        "divided by p(1-p)",
        lambda l, x: (_p(l) - x) / (_p(l) * (1 - _p(l))),
        "{got} instead of {expected}: the derivative for the probability p. For the logit, the sigmoid's slope p(1-p) "
        "is still to come and cancels the denominator. At p = ½ it is ¼, so this is 4 times too much.",
    ),
    _reconstruction(
        "multiplied by p(1-p)",
        lambda l, x: (_p(l) - x) * _p(l) * (1 - _p(l)),
        "{got} instead of {expected}: a quarter, which is p(1-p) at p = ½. p - x is already the derivative for the "
        "logit; the sigmoid's slope is in it.",
    ),
    _reconstruction(
        "wrong sign",
        lambda l, x: x - _p(l),
        "{got} instead of {expected}: for a dark pixel (x = 0) the loss grows with the logit. "
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
        "{got} instead of {expected}: a third, with three pixels. Pixels are summed; only images are averaged. "
        "(A mean over pixels makes the KL weigh as much more.)",
    ),
    _reconstruction(
        "divided by the pixels instead of the images",
        lambda l, x: (_p(l) - x) / x.shape[1] * len(x),
        "{got} instead of {expected}: axis 0 holds the images, which are averaged; "
        "axis 1 the pixels, which are summed.",
    ),
    _reconstruction(
        "logits without the sigmoid",
        lambda l, x: l - x,
        "{got} instead of {expected}: this is 0 - x. The logit is not the pixel's probability; sigmoid(0) = ½ is.",
    ),
    _reconstruction(
        "sigmoid taken twice",
        lambda l, x: _p(_p(l)) - x,
        "{got} instead of {expected}: sigmoid(sigmoid(0)) = sigmoid(½) = 0.6225. Logits go through it once.",
    ),
    _reconstruction(
        "the gradient of the squared error",
        lambda l, x: 2 * (_p(l) - x) * _p(l) * (1 - _p(l)),
        "{got} instead of {expected}: 2(p - x) · p(1-p), half of p - x at p = ½. Squared error is not the loss of a "
        "Bernoulli pixel; its gradient vanishes where p is near 0 or 1, even if x is not.",
    ),
    _reconstruction(
        "twice p - x",
        lambda l, x: 2 * (_p(l) - x),
        "{got} instead of {expected}: the 2 is that of a square, and a Bernoulli's log-probability has none.",
    ),
    _reconstruction(
        "x and the logits exchanged",
        lambda l, x: _p(x) - l,
        "{got} instead of {expected}: this is sigmoid(x) - logits. The network's result goes through the sigmoid, the "
        "image does not.",
    ),
    _reconstruction(
        "only the term x log p",
        lambda l, x: -x * (1 - _p(l)),
        "{got} instead of {expected}: a pixel with x = 0 gets no gradient. Dark pixels cost something, too: "
        "(1 - x) log(1 - p) is missing.",
    ),
    _reconstruction(
        "only the term (1 - x) log(1 - p)",
        lambda l, x: (1 - x) * _p(l),
        "{got} instead of {expected}: a pixel with x = 1 gets no gradient. The term x log p is missing.",
    ),
    _reconstruction(
        "x rounded to 0 or 1",
        lambda l, x: _p(l) - (x > 0.5),
        "{got} instead of {expected}: grey pixels are targets as they are: ½ - ¼, not ½ - 0.",
    ),
    Mistake(
        "one gradient for all images",
        {"reconstruction_backward": lambda logits, x: np.mean(_p(logits) - x, axis=0)},
        "Every image has logits of its own, so dlogits has a row for each. The average is taken of the loss; in the "
        "gradient it leaves only the factor 1/N.",
    ),
)


def _kl(name, dmu, dlogvar, explanation):
    """A mistake in the derivatives of one latent's term; both are not yet averaged over the images."""
    return Mistake(
        name, {"kl_backward": lambda mu, logvar: (dmu(mu) / len(mu), dlogvar(logvar) / len(mu))}, explanation
    )


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
        "Twice too much: the ½ of the KL is before the variance as well. At variance 4: ½ (4 - 1) = 1.5.",
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
        "½ for every latent, where q is the prior and the gradient should be 0. The -1 is the derivative of -logvar.",
    ),
    _kl(
        "dlogvar with +1",
        _same,
        lambda logvar: (np.exp(logvar) + 1) / 2,
        "1 for every latent, where q is the prior and the gradient should be 0: exp(logvar) and logvar have different "
        "signs in the KL.",
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
        "A mean at 2 is too large, so the KL grows with mu there: the gradient is 2, not -2.",
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


# From the loss to mu and logvar


def _backward(z=None, dlogits=None, dz=None, dmu=None, dlogvar=None):
    """The right `elbo_backward`, in which some steps can be replaced.

    Each keyword replaces one step: z(mu, sigma, eps), dlogits(dlogits, p) on its way to the decoder, dz(dz, n), and
    dmu and dlogvar of (dz, the KL's share, sigma, eps).
    """

    def elbo_backward(x, mu, logvar, eps, weight, bias):
        n, sigma = len(x), np.exp(logvar / 2)
        p = sigmoid((z(mu, sigma, eps) if z else mu + sigma * eps) @ weight.T + bias)
        to_logits = (p - x) / n
        passed_on = dlogits(to_logits, p) if dlogits else to_logits
        to_z = passed_on @ weight
        if dz:
            to_z = dz(to_z, n)
        kl_mu, kl_logvar = mu / n, (sigma**2 - 1) / 2 / n
        return (
            to_logits,
            dmu(to_z, kl_mu, sigma, eps) if dmu else to_z + kl_mu,
            dlogvar(to_z, kl_logvar, sigma, eps) if dlogvar else to_z * eps * sigma / 2 + kl_logvar,
        )

    return elbo_backward


def _elbo(name, explanation, **steps):
    return Mistake(name, {"elbo_backward": _backward(**steps)}, explanation)


def _kl_summed(x, mu, logvar, eps, weight, bias):
    dlogits, dmu, dlogvar = _backward()(x, mu, logvar, eps, weight, bias)
    rest = 1 - 1 / len(x)
    return dlogits, dmu + rest * mu, dlogvar + rest * (np.exp(logvar) - 1) / 2


def _with_own_noise(x, mu, logvar, eps, weight, bias):
    return _backward()(x, mu, logvar, np.random.default_rng().standard_normal(eps.shape), weight, bias)


PATHS = (
    _elbo(
        "only the KL's path: z detached",
        "dmu and dlogvar do not depend on the image: they are those of the KL alone. The reconstruction depends on "
        "both through z = mu + σ eps. Add the gradient through dz.",
        dmu=lambda dz, kl, sigma, eps: kl,
        dlogvar=lambda dz, kl, sigma, eps: kl,
    ),
    _elbo(
        "only the path through z: the KL is missing",
        "dmu and dlogvar are the gradients through z alone. With a decoder that ignores z these are 0, and that of the "
        "KL remains: + mu/N and + ½ (exp(logvar) - 1)/N.",
        dmu=lambda dz, kl, sigma, eps: dz,
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma / 2,
    ),
    _elbo(
        "dmu has the KL's path only",
        "dlogvar is right, but in dmu one path has overwritten the other: mu moves z as well, so dz is added to it.",
        dmu=lambda dz, kl, sigma, eps: kl,
    ),
    _elbo(
        "dmu has the path through z only",
        "dlogvar is right, but in dmu one path has overwritten the other: the KL's mu/N is missing.",
        dmu=lambda dz, kl, sigma, eps: dz,
    ),
    _elbo(
        "dlogvar has the KL's path only",
        "dmu is right, but the size of the noise was taken as a constant: z = mu + exp(½ logvar) eps has logvar in it.",
        dlogvar=lambda dz, kl, sigma, eps: kl,
    ),
    _elbo(
        "dlogvar has the path through z only",
        "dmu is right, but the KL's ½ (exp(logvar) - 1)/N is missing in dlogvar.",
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma / 2,
    ),
    _elbo(
        "dlogvar through z without ½",
        "Twice dz · eps · ½ σ: the derivative of exp(½ logvar) has the ½ before it.",
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma + kl,
    ),
    _elbo(
        "dlogvar through z without σ",
        "Right where σ = 1, but at variance 4 the share through z is half of what it should be: the derivative of "
        "exp(½ logvar) is ½ exp(½ logvar), not ½.",
        dlogvar=lambda dz, kl, sigma, eps: dz * eps / 2 + kl,
    ),
    _elbo(
        "dlogvar through z without eps",
        "eps is [1 2], and the second entry is half of what it should be: z = mu + σ eps, so dσ = dz · eps.",
        dlogvar=lambda dz, kl, sigma, eps: dz * sigma / 2 + kl,
    ),
    _elbo(
        "dlogvar through z with the variance for σ",
        "Right where σ = 1, but at variance 4 the share through z is twice what it should be: dz · eps · ½ σ has "
        "σ = exp(½ logvar) = 2 in it, not exp(logvar) = 4.",
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma**2 / 2 + kl,
    ),
    _elbo(
        "dlogvar through z is dσ",
        "dz · eps is the gradient for σ. logvar is log σ²: one more factor dσ/dlogvar = ½ σ.",
        dlogvar=lambda dz, kl, sigma, eps: dz * eps + kl,
    ),
    _elbo(
        "dlogvar through z is dz",
        "dz was used for dlogvar as it is. z = mu + σ eps gives it the factors eps and ½ σ.",
        dlogvar=lambda dz, kl, sigma, eps: dz + kl,
    ),
    _elbo(
        "dmu multiplied by eps",
        "mu is added to z as it is, so dz goes to it as it is; eps belongs to σ.",
        dmu=lambda dz, kl, sigma, eps: dz * eps + kl,
    ),
    _elbo(
        "z = mu: decoded without the noise",
        "dlogits is that of the mean's reconstruction. The loss is one at z = mu + σ eps, and so is its gradient.",
        z=lambda mu, sigma, eps: mu,
    ),
    _elbo(
        "z = mu + variance · eps",
        "Right where σ = 1, wrong elsewhere: noise is multiplied by σ = exp(½ logvar), not by exp(logvar).",
        z=lambda mu, sigma, eps: mu + sigma**2 * eps,
    ),
    _elbo(
        "the sigmoid's slope once more",
        "dlogits is right, and then was multiplied by p(1-p) before the decoder, a quarter at p = ½. "
        "The decoder ends with the logits: p - x is already their gradient.",
        dlogits=lambda dlogits, p: dlogits * p * (1 - p),
    ),
    _elbo(
        "1/N twice on the path through z",
        "With one image all is right; with five, the gradient through z is a fifth of it. dlogits has its 1/N already.",
        dz=lambda dz, n: dz / n,
    ),
    _elbo(
        "1/N undone on the path through z",
        "With one image all is right; with five, the gradient through z is 5 times too much. dlogits has the 1/N, and "
        "so has everything that follows from it.",
        dz=lambda dz, n: dz * n,
    ),
    _elbo(
        "the two paths averaged",
        "Half of the sum: where two paths lead to the loss, their gradients are added.",
        dmu=lambda dz, kl, sigma, eps: (dz + kl) / 2,
        dlogvar=lambda dz, kl, sigma, eps: (dz * eps * sigma / 2 + kl) / 2,
    ),
    _elbo(
        "the KL subtracted",
        "The KL's share has the wrong sign: the ELBO is -reconstruction - KL, and the loss is minus the ELBO.",
        dmu=lambda dz, kl, sigma, eps: dz - kl,
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma / 2 - kl,
    ),
    _elbo(
        "the reconstruction's share subtracted",
        "dlogits is right, but the gradient through z was subtracted: both terms have a plus in the loss.",
        dz=lambda dz, n: -dz,
    ),
    Mistake(
        "the gradients of the ELBO, not of the loss",
        {"elbo_backward": lambda *arguments: tuple(-gradient for gradient in _backward()(*arguments))},
        "All three have the other sign. The loss is minus the ELBO: it is made small, the ELBO large.",
    ),
    Mistake(
        "no 1/N anywhere",
        {"elbo_backward": lambda x, *others: tuple(len(x) * gradient for gradient in _backward()(x, *others))},
        "With one image all is right; with five, all is 5 times too much. Both terms are averages over images.",
    ),
    Mistake(
        "1/N for the reconstruction only",
        {"elbo_backward": _kl_summed},
        "With one image all is right; with five, the KL's share is 5 times too much. It is an average over images.",
    ),
    Mistake(
        "draws its own noise",
        {"elbo_backward": _with_own_noise},
        "Two calls with the same arguments differ. The gradient is that of one loss, computed with the eps given.",
    ),
    _elbo(
        "dmu and dlogvar through z exchanged",
        "The KL's shares are right; the gradients through z are exchanged. mu gets dz, logvar gets dz · eps · ½ σ.",
        dmu=lambda dz, kl, sigma, eps: dz * eps * sigma / 2 + kl,
        dlogvar=lambda dz, kl, sigma, eps: dz + kl,
    ),
)


MISTAKES = RECONSTRUCTION + KL + PATHS
