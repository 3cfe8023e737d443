"""Wrong ways to weight the KL, by β or by a reduction, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from foundation.objective import Objective
from numpy_impl import vae_numpy
from numpy_impl.functional import sigmoid


def _parts(logits, x, mu, logvar):
    _, reconstruction, kl = vae_numpy.loss(logits, x, mu, logvar, Objective())
    return reconstruction, kl


def _loss(name, combine, tell):
    """A mistake in the way the two right parts make the loss."""

    def beta_loss(logits, x, mu, logvar, beta):
        reconstruction, kl = _parts(logits, x, mu, logvar)
        loss = combine(reconstruction, kl, beta, pixels=x[0].size, latents=mu.shape[1])
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    return Mistake(name, {"beta_loss": beta_loss}, tell)


def _reduced(name, change, tell):
    """A mistake in the parts; the loss is made of them as it should be."""

    def beta_loss(logits, x, mu, logvar, beta):
        reconstruction, kl = change(*_parts(logits, x, mu, logvar), len(x), x[0].size, mu.shape[1])
        return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}

    return Mistake(name, {"beta_loss": beta_loss}, tell)


def _reported_with_beta(logits, x, mu, logvar, beta):
    reconstruction, kl = _parts(logits, x, mu, logvar)
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": beta * kl}


def _twice(logits, x, mu, logvar, beta):
    reconstruction, kl = _parts(logits, x, mu, logvar)
    return {"loss": reconstruction + beta**2 * kl, "reconstruction": reconstruction, "kl": beta * kl}


def _squared_error(logits, x, mu, logvar, beta):
    _, kl = _parts(logits, x, mu, logvar)
    reconstruction = np.sum((x - sigmoid(logits)) ** 2) / len(x)
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}


LOSS = (
    _loss(
        "β is not used",
        lambda r, kl, beta, **_: r + kl,
        "{came} instead of {expected}, which is the value for β = 1: the result must change when β does.",
    ),
    _loss(
        "β on the reconstruction",
        lambda r, kl, beta, **_: beta * r + kl,
        "{came} instead of {expected}: β multiplies the KL alone. A large β would now mean sharper images.",
    ),
    _loss(
        "β on both terms",
        lambda r, kl, beta, **_: beta * (r + kl),
        "{came} instead of {expected}: a factor on the whole loss moves no optimum, only the size of the steps.",
    ),
    _loss(
        "KL divided by β",
        lambda r, kl, beta, **_: r + kl / beta,
        "{came} instead of {expected}: a larger β asks more of q, so it multiplies.",
    ),
    _loss(
        "β added to the KL",
        lambda r, kl, beta, **_: r + beta + kl,
        "{came} instead of {expected}: an added constant has no gradient. β is a factor.",
    ),
    _loss(
        "β KL subtracted",
        lambda r, kl, beta, **_: r - beta * kl,
        "{came} instead of {expected}: the loss is the negative ELBO, where the KL counts as a cost.",
    ),
    _loss(
        "the ELBO instead of the loss",
        lambda r, kl, beta, **_: -r - beta * kl,
        "{came} instead of {expected}: this is what is made large. A loss is made small.",
    ),
    _loss(
        "(1 - β) on the reconstruction",
        lambda r, kl, beta, **_: (1 - beta) * r + beta * kl,
        "{came} instead of {expected}: β is no share of a whole. β = 1 is the VAE, not a loss without images.",
    ),
    _loss(
        "β scaled by latents / pixels",
        lambda r, kl, beta, pixels, latents: r + beta * latents / pixels * kl,
        "{came} instead of {expected}: latents / pixels turns a β for sums into one for means; here both are sums.",
    ),
    Mistake(
        "the reported KL holds β",
        {"beta_loss": _reported_with_beta},
        "{came} instead of {expected}: the loss is right, but a KL that contains β cannot be compared between runs.",
    ),
    Mistake(
        "β applied twice",
        {"beta_loss": _twice},
        "{came} instead of {expected}: the KL was multiplied by β, and then again in the loss: β² in all.",
    ),
    Mistake(
        "squared error for the cross-entropy",
        {"beta_loss": _squared_error},
        "{came} instead of {expected}: (x - x_hat)² belongs to a Gaussian likelihood. Here it is the Bernoulli's.",
    ),
    _reduced(
        "mean over pixels and mean over latents",
        lambda r, kl, N, D, Z: (r / D, kl / Z),
        "{came} instead of {expected}: with 77 pixels and 3 latents this is a loss with 77/3 = 25.67 times the β.",
    ),
    _reduced(
        "mean over pixels",
        lambda r, kl, N, D, Z: (r / D, kl),
        "{came} instead of {expected}: a 77th of the reconstruction beside the whole KL: 77 times the β.",
    ),
    _reduced(
        "mean over latents",
        lambda r, kl, N, D, Z: (r, kl / Z),
        "{came} instead of {expected}: a third of the KL, since there are 3 latents: a third of the β.",
    ),
    _reduced(
        "KL summed over the batch",
        lambda r, kl, N, D, Z: (r, kl * N),
        "{came} instead of {expected}: 5 times the KL, since there are 5 images; β would depend on the batch size.",
    ),
    _reduced(
        "reconstruction summed over the batch",
        lambda r, kl, N, D, Z: (r * N, kl),
        "{came} instead of {expected}: 5 times the reconstruction, since there are 5 images.",
    ),
    _reduced(
        "both summed over the batch",
        lambda r, kl, N, D, Z: (r * N, kl * N),
        "{came} instead of {expected}: 5 times too much, since there are 5 images. A loss is per image.",
    ),
)


def _effective(name, change, tell):
    def effective_beta(beta, pixels, latents, reconstruction, kl):
        D = pixels if reconstruction == "mean" else 1
        Z = latents if kl == "mean" else 1
        return change(beta, D, Z, pixels, latents)

    return Mistake(name, {"effective_beta": effective_beta}, tell)


EFFECTIVE = (
    _effective(
        "effective β: reductions change nothing",
        lambda beta, D, Z, pixels, latents: beta,
        "{came} instead of {expected}: a mean over 784 pixels makes that term 784 times smaller than the sum.",
    ),
    _effective(
        "effective β: upside down",
        lambda beta, D, Z, pixels, latents: beta * Z / D,
        "{came} instead of {expected}: one over it. A smaller reconstruction term makes the KL weigh more.",
    ),
    _effective(
        "effective β: always pixels / latents",
        lambda beta, D, Z, pixels, latents: beta * pixels / latents,
        "{came} instead of {expected}: only a mean divides. Look at the two reductions first.",
    ),
    _effective(
        "effective β: sum and mean confused",
        lambda beta, D, Z, pixels, latents: beta * (pixels // D) / (latents // Z),
        "{came} instead of {expected}: the mean is what divides by the number of entries, not the sum.",
    ),
    _effective(
        "effective β: only two means looked at",
        lambda beta, D, Z, pixels, latents: beta * D / Z if D > 1 and Z > 1 else beta,
        "{came} instead of {expected}: one mean beside one sum changes β, too, and more than two means do.",
    ),
    _effective(
        "effective β: the product",
        lambda beta, D, Z, pixels, latents: beta * D * Z,
        "{came} instead of {expected}: a mean over the latents makes the KL smaller, and so the effective β.",
    ),
    _effective(
        "effective β: one over the product",
        lambda beta, D, Z, pixels, latents: beta / (D * Z),
        "{came} instead of {expected}: a mean over the pixels makes the other term smaller, and so the KL larger.",
    ),
    _effective(
        "effective β: latents forgotten",
        lambda beta, D, Z, pixels, latents: beta * D,
        "{came} instead of {expected}: the mean over the latents divides the KL by their number.",
    ),
    _effective(
        "effective β: pixels forgotten",
        lambda beta, D, Z, pixels, latents: beta / Z,
        "{came} instead of {expected}: the mean over the pixels divides the reconstruction by their number.",
    ),
    _effective(
        "effective β: whole numbers",
        lambda beta, D, Z, pixels, latents: beta * (D // Z) if D > 1 else beta / Z,
        "{came} instead of {expected}: // drops the fraction.",
    ),
    _effective(
        "effective β: the written β forgotten",
        lambda beta, D, Z, pixels, latents: D / Z,
        "{came} instead of {expected}: the ratio of the reductions multiplies the β that is written in the code.",
    ),
    Mistake(
        "effective β: the two reductions exchanged",
        {
            "effective_beta": lambda beta, pixels, latents, reconstruction, kl: (
                beta * (pixels if kl == "mean" else 1) / (latents if reconstruction == "mean" else 1)
            )
        },
        "{came} instead of {expected}: `reconstruction` is about the pixels, `kl` about the latents.",
    ),
)
