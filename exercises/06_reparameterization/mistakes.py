"""Wrong ways to draw z, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.vae_numpy import reparameterize

from .backward_mistakes import BACKWARD


def _draw(name, z, tell):
    return Mistake(name, {"reparameterize": z}, tell)


def _own_noise(mu, logvar, eps):
    return reparameterize(mu, logvar, np.random.default_rng().standard_normal(mu.shape))


DRAW = (
    _draw(
        "exp(logvar) for σ",
        lambda mu, logvar, eps: mu + np.exp(logvar) * eps,
        "{came} instead of {expected}: exp(logvar) is the variance, here 4; σ is its root, 2.",
    ),
    _draw(
        "logvar for σ",
        lambda mu, logvar, eps: mu + logvar * eps,
        "{came} instead of {expected}: exactly 1 + log 4. The encoder gives the logarithm of the variance, so that it "
        "may be negative; σ may not.",
    ),
    _draw(
        "logvar/2 for σ",
        lambda mu, logvar, eps: mu + logvar / 2 * eps,
        "{came} instead of {expected}: exactly 1 + log 2. logvar/2 is log σ; the exponential is missing.",
    ),
    _draw(
        "root of logvar for σ",
        lambda mu, logvar, eps: mu + np.sqrt(logvar) * eps,
        "{came} instead of {expected}: the root of the variance is σ, but logvar is its logarithm: exp comes first. "
        "For a variance below 1 this is NaN.",
    ),
    _draw(
        "exp(2 logvar) for σ",
        lambda mu, logvar, eps: mu + np.exp(2 * logvar) * eps,
        "{came} instead of {expected}: the root halves the logarithm, the square doubles it.",
    ),
    _draw(
        "exp(-logvar/2) for σ",
        lambda mu, logvar, eps: mu + np.exp(-logvar / 2) * eps,
        "{came} instead of {expected}: exp(-logvar/2) is 1/σ = ½.",
    ),
    _draw(
        "log(1 + exp(logvar)) for σ",
        lambda mu, logvar, eps: mu + np.logaddexp(0, logvar) * eps,
        "{came} instead of {expected}: exactly 1 + log 5. Softplus is another way to make σ positive; here the encoder "
        "gives log σ².",
    ),
    _draw(
        "exponent divided as integers",
        lambda mu, logvar, eps: mu + np.exp(logvar // 2) * eps,
        "{came} instead of {expected}: `//` rounds down, and exp(0) = 1 stands for σ = 2.",
    ),
    _draw(
        "no σ",
        lambda mu, logvar, eps: mu + eps,
        "{came} instead of {expected}: the noise arrives as it is. Without σ the encoder cannot say how sure it is.",
    ),
    _draw(
        "no noise",
        lambda mu, logvar, eps: mu.copy(),
        "{came} instead of {expected}: the mean, whatever ε is. The VAE becomes an autoencoder with a penalty.",
    ),
    _draw(
        "σ added, not multiplied",
        lambda mu, logvar, eps: mu + np.exp(logvar / 2) + eps,
        "{came} instead of {expected}: 1 + 2 + 1. σ stretches the noise: it is a factor.",
    ),
    _draw(
        "noise of 1 everywhere",
        lambda mu, logvar, eps: mu + np.exp(logvar / 2),
        "{came} instead of {expected}: always one σ above the mean; ε = -1 must lie below it.",
    ),
    _draw(
        "no μ",
        lambda mu, logvar, eps: np.exp(logvar / 2) * eps,
        "{came} instead of {expected}: the noise is stretched, but not moved to the mean.",
    ),
    _draw(
        "μ and σ exchanged",
        lambda mu, logvar, eps: np.exp(logvar / 2) + mu * eps,
        "{came} instead of {expected}: 2 + 1·ε. The noise is multiplied by σ and added to μ, not the other way round.",
    ),
    _draw(
        "σ multiplies μ too",
        lambda mu, logvar, eps: np.exp(logvar / 2) * (mu + eps),
        "{came} instead of {expected}: 2·(1 + ε). First stretch, then move.",
    ),
    _draw(
        "noise subtracted",
        lambda mu, logvar, eps: mu - np.exp(logvar / 2) * eps,
        "{came} instead of {expected}: as a random draw it is just as good, since -ε is distributed like ε; but the "
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


def _latents(name, function, tell):
    return Mistake(name, {"latents": function}, tell)


LATENTS = (
    _latents(
        "never samples",
        lambda mu, logvar, eps, training: mu.copy(),
        "In training, too, the mean came back: two draws of the noise give one z, and the decoder never learns that "
        "neighbouring z mean the same image.",
    ),
    _latents(
        "samples when reconstructing",
        lambda mu, logvar, eps, training: reparameterize(mu, logvar, eps),
        "There is noise in the reconstruction: each look at an image shows another picture. Use the mean there.",
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

MISTAKES = DRAW + BACKWARD + LATENTS
