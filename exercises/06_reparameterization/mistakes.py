"""Wrong draws of z, derivatives and latents, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.vae_numpy import reparameterize

# The draw, and the latents


def _draw(name, z, explanation):
    return Mistake(name, {"reparameterize": z}, explanation)


def _own_noise(mu, logvar, eps):
    return reparameterize(mu, logvar, np.random.default_rng().standard_normal(mu.shape))


DRAW = (
    _draw(
        "exp(logvar) for σ",
        lambda mu, logvar, eps: mu + np.exp(logvar) * eps,
        "{got} instead of {expected}: exp(logvar) is the variance, here 9; σ is its root, 3.",
    ),
    _draw(
        "exp(logvar)/2 for σ",
        lambda mu, logvar, eps: mu + np.exp(logvar) / 2 * eps,
        "{got} instead of {expected}: half of the variance, 4.5, where its root is 3. The ½ belongs inside the "
        "exponential. (Right by accident at σ = 2.)",
    ),
    _draw(
        "logvar for σ",
        lambda mu, logvar, eps: mu + logvar * eps,
        "{got} instead of {expected}: exactly 1 + log 9. The encoder gives the logarithm of the variance, so that it "
        "may be negative; σ may not.",
    ),
    _draw(
        "logvar/2 for σ",
        lambda mu, logvar, eps: mu + logvar / 2 * eps,
        "{got} instead of {expected}: exactly 1 + log 3. logvar/2 is log σ; the exponential is missing.",
    ),
    _draw(
        "root of logvar for σ",
        lambda mu, logvar, eps: mu + np.sqrt(logvar) * eps,
        "{got} instead of {expected}: the root of the variance is σ, but logvar is its logarithm: exp comes first. "
        "For a variance below 1 this is NaN.",
    ),
    _draw(
        "exp(2 logvar) for σ",
        lambda mu, logvar, eps: mu + np.exp(2 * logvar) * eps,
        "{got} instead of {expected}: the root halves the logarithm, the square doubles it.",
    ),
    _draw(
        "exp(-logvar/2) for σ",
        lambda mu, logvar, eps: mu + np.exp(-logvar / 2) * eps,
        "{got} instead of {expected}: exp(-logvar/2) is 1/σ = ⅓.",
    ),
    _draw(
        "log(1 + exp(logvar)) for σ",
        lambda mu, logvar, eps: mu + np.logaddexp(0, logvar) * eps,
        "{got} instead of {expected}: exactly 1 + log 10. Softplus is another way to make σ positive; here the encoder "
        "gives log σ².",
    ),
    _draw(
        "exponent divided as integers",
        lambda mu, logvar, eps: mu + np.exp(logvar // 2) * eps,
        "{got} instead of {expected}: `//` rounds down, and exp(1) = 2.718 is used for σ = 3.",
    ),
    _draw(
        "no σ",
        lambda mu, logvar, eps: mu + eps,
        "{got} instead of {expected}: the noise is not scaled. Without σ the encoder cannot express how certain it is.",
    ),
    _draw(
        "no noise",
        lambda mu, logvar, eps: mu.copy(),
        "{got} instead of {expected}: the mean for every ε. The VAE becomes an autoencoder with a penalty.",
    ),
    _draw(
        "σ added, not multiplied",
        lambda mu, logvar, eps: mu + np.exp(logvar / 2) + eps,
        "{got} instead of {expected}: 1 + 3 + 1. σ stretches the noise: it is a factor.",
    ),
    _draw(
        "noise of 1 everywhere",
        lambda mu, logvar, eps: mu + np.exp(logvar / 2),
        "{got} instead of {expected}: always one σ above the mean; ε = -1 must lie below it.",
    ),
    _draw(
        "no μ",
        lambda mu, logvar, eps: np.exp(logvar / 2) * eps,
        "{got} instead of {expected}: the noise is stretched, but not moved to the mean.",
    ),
    _draw(
        "μ and σ exchanged",
        lambda mu, logvar, eps: np.exp(logvar / 2) + mu * eps,
        "{got} instead of {expected}: 3 + 1·ε. The noise is multiplied by σ and added to μ, not the other way round.",
    ),
    _draw(
        "σ multiplies μ too",
        lambda mu, logvar, eps: np.exp(logvar / 2) * (mu + eps),
        "{got} instead of {expected}: 3·(1 + ε). First stretch, then move.",
    ),
    _draw(
        "noise subtracted",
        lambda mu, logvar, eps: mu - np.exp(logvar / 2) * eps,
        "{got} instead of {expected}: as a random draw it is just as good, since -ε is distributed like ε; but the "
        "formula adds it, and so does the derivative that you are going to write.",
    ),
    _draw(
        "one ε for all latents of an image",
        lambda mu, logvar, eps: reparameterize(mu, logvar, np.repeat(eps[:, :1], eps.shape[1], axis=1)),
        "The first latent is right, the others use its noise: latents would move together. q is diagonal, so every "
        "latent has noise of its own.",
    ),
    _draw(
        "one ε for all images",
        lambda mu, logvar, eps: reparameterize(mu, logvar, np.repeat(eps[:1], len(eps), axis=0)),
        "The first image is right, the others use its noise. Every image has noise of its own.",
    ),
    _draw(
        "draws its own noise",
        _own_noise,
        "The argument eps is not used, and two calls with the same arguments differ. With the noise as an argument, a "
        "gradient can be checked and a run repeated.",
    ),
)


def _latents(name, function, explanation):
    return Mistake(name, {"latents": function}, explanation)


LATENTS = (
    _latents(
        "never samples",
        lambda mu, logvar, eps, training: mu.copy(),
        "The result is the mean in training, too: two draws of the noise give one z, and the decoder never learns that "
        "neighbouring z belong to the same image.",
    ),
    _latents(
        "samples when reconstructing",
        lambda mu, logvar, eps, training: reparameterize(mu, logvar, eps),
        "There is noise in the reconstruction: each call gives another image. Use the mean there.",
    ),
    _latents(
        "training and showing exchanged",
        lambda mu, logvar, eps, training: mu.copy() if training else reparameterize(mu, logvar, eps),
        "A mean in training and a draw for the reconstruction: it is the other way round.",
    ),
    _latents(
        "half the noise when reconstructing",
        lambda mu, logvar, eps, training: mu + np.exp(logvar / 2) * eps * (1 if training else 0.5),
        "A reconstruction takes the mean of q itself, without any noise.",
    ),
    _latents(
        "a draw from the prior when reconstructing",
        lambda mu, logvar, eps, training: reparameterize(mu, logvar, eps) if training else eps.copy(),
        "z = ε is a draw from the prior: that makes new images, not this one again.",
    ),
    _latents(
        "z = 0 when reconstructing",
        lambda mu, logvar, eps, training: reparameterize(mu, logvar, eps) if training else np.zeros_like(mu),
        "The mean of q, not of the prior: with z = 0 every image has the same reconstruction.",
    ),
    _latents(
        "draws its own noise in training",
        lambda mu, logvar, eps, training: _own_noise(mu, logvar, eps) if training else mu.copy(),
        "The argument eps is not used in training, and two calls with the same arguments differ.",
    ),
)


# The derivatives


def _backward(name, dlogvar, explanation):
    return Mistake(
        name, {"reparameterize_backward": lambda dz, logvar, eps: (dz, dlogvar(dz, logvar, eps))}, explanation
    )


def _dlogvar(dz, logvar, eps):
    return dz * eps * np.exp(logvar / 2) / 2


def _dmu(name, dmu, explanation):
    wrong = {"reparameterize_backward": lambda dz, logvar, eps: (dmu(dz, logvar, eps), _dlogvar(dz, logvar, eps))}
    return Mistake(name, wrong, explanation)


BACKWARD = (
    _backward(
        "dlogvar without ½",
        lambda dz, logvar, eps: dz * eps * np.exp(logvar / 2),
        "{got} instead of {expected}: twice too much. The derivative of exp(logvar/2) has the factor ½.",
    ),
    _backward(
        "dlogvar without σ",
        lambda dz, logvar, eps: dz * eps / 2,
        "{got} instead of {expected}: divided by σ = 4. The derivative of exp(logvar/2) holds exp(logvar/2) itself.",
    ),
    _backward(
        "dlogvar without ε",
        lambda dz, logvar, eps: dz * np.exp(logvar / 2) / 2,
        "{got} instead of {expected}: divided by ε = 3. σ moves z by as much as it stretches the noise.",
    ),
    _backward(
        "dσ instead of dlogvar",
        lambda dz, logvar, eps: dz * eps,
        "{got} instead of {expected}: dz·ε is the derivative with respect to σ; the factor σ/2 leads on to logvar.",
    ),
    _backward(
        "exp(logvar) in dlogvar",
        lambda dz, logvar, eps: dz * eps * np.exp(logvar) / 2,
        "{got} instead of {expected}: the variance 16 is used for σ = 4.",
    ),
    _backward(
        "1/σ in dlogvar",
        lambda dz, logvar, eps: dz * eps / np.exp(logvar / 2) / 2,
        "{got} instead of {expected}: divided by σ = 4 instead of multiplied.",
    ),
    _backward(
        "dlogvar negative",
        lambda dz, logvar, eps: -_dlogvar(dz, logvar, eps),
        "{got} instead of {expected}: for ε > 0 a larger σ moves z up, in the direction of dz.",
    ),
    _backward(
        "dlogvar detached",
        lambda dz, logvar, eps: np.zeros_like(dz),
        "{got} instead of {expected}: no gradient reaches logvar, so the KL alone would train σ: everywhere 1.",
    ),
    _backward(
        "dlogvar ignores dz",
        lambda dz, logvar, eps: eps * np.exp(logvar / 2) / 2,
        "dmu is right, and dlogvar is for dz = 1 only: dz is a factor of both.",
    ),
    _dmu(
        "dmu times ε",
        lambda dz, logvar, eps: dz * eps,
        "{got} instead of {expected}: μ moves z by as much as it moves itself; the noise plays no part.",
    ),
    _dmu(
        "dmu times σ",
        lambda dz, logvar, eps: dz * np.exp(logvar / 2),
        "{got} instead of {expected}: σ = 4 stretches the noise, not the mean.",
    ),
    _dmu(
        "dmu detached",
        lambda dz, logvar, eps: np.zeros_like(dz),
        "{got} instead of {expected}: the reconstruction cannot move the mean, and the KL alone pulls it to 0.",
    ),
    _dmu(
        "dmu is 1",
        lambda dz, logvar, eps: np.ones_like(dz),
        "∂z/∂μ = 1 is right, and dz is its factor: the derivative of the loss is dz · 1.",
    ),
    _dmu(
        "dmu averaged over the batch",
        lambda dz, logvar, eps: dz / len(dz),
        "{got} instead of {expected}: a share 1/N. The average over images is part of the loss, and already in dz.",
    ),
    Mistake(
        "both averaged over the batch",
        {"reparameterize_backward": lambda dz, logvar, eps: (dz / len(dz), _dlogvar(dz, logvar, eps) / len(dz))},
        "{got} instead of {expected}: a share 1/N. The average over images is part of the loss, and already in dz.",
    ),
    Mistake(
        "dmu and dlogvar exchanged",
        {"reparameterize_backward": lambda dz, logvar, eps: (_dlogvar(dz, logvar, eps), dz)},
        "Both are right, in the wrong order: the tuple is (dmu, dlogvar).",
    ),
    Mistake(
        "both ignore dz",
        {"reparameterize_backward": lambda dz, logvar, eps: (np.ones_like(dz), _dlogvar(1, logvar, eps))},
        "Right for dz = 1 only: dz is a factor of both results.",
    ),
    Mistake(
        "summed over the batch",
        {
            "reparameterize_backward": lambda dz, logvar, eps: (
                dz.sum(axis=0),
                _dlogvar(dz, logvar, eps).sum(axis=0),
            )
        },
        "The result is one number per latent. mu and logvar are no parameters: every image has its own, so there is "
        "no sum.",
    ),
)


MISTAKES = DRAW + BACKWARD + LATENTS
