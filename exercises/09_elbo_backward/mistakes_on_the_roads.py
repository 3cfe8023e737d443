"""Wrong ways from the loss to mu and logvar, where each term alone is right."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import sigmoid


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


def _elbo(name, tell, **steps):
    return Mistake(name, {"elbo_backward": _backward(**steps)}, tell)


def _kl_summed(x, mu, logvar, eps, weight, bias):
    dlogits, dmu, dlogvar = _backward()(x, mu, logvar, eps, weight, bias)
    rest = 1 - 1 / len(x)
    return dlogits, dmu + rest * mu, dlogvar + rest * (np.exp(logvar) - 1) / 2


def _with_own_noise(x, mu, logvar, eps, weight, bias):
    return _backward()(x, mu, logvar, np.random.default_rng().standard_normal(eps.shape), weight, bias)


ROADS = (
    _elbo(
        "only the KL's path: z detached",
        "dmu and dlogvar know nothing of the image: only the KL has reached them. The reconstruction pulls at both "
        "through z = mu + σ eps. Add what comes through dz.",
        dmu=lambda dz, kl, sigma, eps: kl,
        dlogvar=lambda dz, kl, sigma, eps: kl,
    ),
    _elbo(
        "only the path through z: the KL is missing",
        "dmu and dlogvar are what comes through z alone. A decoder that ignores z leaves nothing of it, and still the "
        "KL pulls: + mu/N and + ½ (exp(logvar) - 1)/N.",
        dmu=lambda dz, kl, sigma, eps: dz,
        dlogvar=lambda dz, kl, sigma, eps: dz * eps * sigma / 2,
    ),
    _elbo(
        "dmu has the KL's path only",
        "dlogvar is right, but in dmu one road has overwritten the other: mu moves z as well, so dz is added to it.",
        dmu=lambda dz, kl, sigma, eps: kl,
    ),
    _elbo(
        "dmu has the path through z only",
        "dlogvar is right, but in dmu one road has overwritten the other: the KL's mu/N is missing.",
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
        "dz was handed to logvar as it is. z = mu + σ eps: it takes the factors eps and ½ σ on the way.",
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
        "With one image all is right; with five, what comes through z is a fifth of it. dlogits has its 1/N already, "
        "and passes it on.",
        dz=lambda dz, n: dz / n,
    ),
    _elbo(
        "1/N undone on the path through z",
        "With one image all is right; with five, what comes through z is 5 times too much. dlogits has the 1/N, and "
        "passes it on.",
        dz=lambda dz, n: dz * n,
    ),
    _elbo(
        "the two paths averaged",
        "Half of the sum: where two roads lead to the loss, their gradients are added.",
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
        "dlogits is right, but what comes of it through z was subtracted: both terms stand with a plus in the loss.",
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
        "The KL's shares are right; what comes through z has changed places. mu gets dz, logvar gets dz · eps · ½ σ.",
        dmu=lambda dz, kl, sigma, eps: dz * eps * sigma / 2 + kl,
        dlogvar=lambda dz, kl, sigma, eps: dz + kl,
    ),
)
