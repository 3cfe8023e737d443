"""Wrong gradients of free bits."""

import math

import numpy as np

from exercises.kit.exercise import Mistake


def _kl(mu, logvar):
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def _gradient(name, mask, tell):
    """A wrong mask, on right derivatives of the KL."""

    def free_bits_backward(mu, logvar, free_nats):
        weight = mask(_kl(mu, logvar), free_nats) / len(mu)
        return weight * mu, weight * (np.exp(logvar) - 1) / 2

    return Mistake(f"gradient: {name}", {"free_bits_backward": free_bits_backward}, tell)


def _derivative(name, derivatives, tell):
    """Wrong derivatives, with the right mask."""

    def free_bits_backward(mu, logvar, free_nats):
        above = np.mean(_kl(mu, logvar), axis=0) > free_nats
        return derivatives(mu, logvar, above, len(mu))

    return Mistake(f"gradient: {name}", {"free_bits_backward": free_bits_backward}, tell)


GRADIENTS = (
    _gradient(
        "not 0 below λ",
        lambda kl, free_nats: np.ones_like(kl),
        "This is the gradient of the whole KL. Below λ the cost is λ whatever q is: its gradient is 0.",
    ),
    _gradient(
        "0 above λ",
        lambda kl, free_nats: 1.0 * (np.mean(kl, axis=0) <= free_nats),
        "The mask is the wrong way round: what is free has no gradient.",
    ),
    _gradient(
        "mask for each image",
        lambda kl, free_nats: 1.0 * (kl > free_nats),
        "The floor is for the average over the batch: where that is above λ, every image's part of it counts.",
    ),
    _gradient(
        "mask by the total",
        lambda kl, free_nats: 1.0 * (np.sum(np.mean(kl, axis=0)) > free_nats),
        "One truth value for all latents: the floor is for each of them.",
    ),
    _gradient(
        "mask by each image's total",
        lambda kl, free_nats: 1.0 * (np.sum(kl, axis=1, keepdims=True) > free_nats),
        "The floor is for each latent, on average over the images.",
    ),
    _gradient(
        "mask by the sum over the batch",
        lambda kl, free_nats: 1.0 * (np.sum(kl, axis=0) > free_nats),
        "The sum over the batch is compared with λ; it is the average that counts.",
    ),
    _gradient(
        "mask by λ in bits",
        lambda kl, free_nats: 1.0 * (np.mean(kl, axis=0) > free_nats * math.log(2)),
        "λ is in nats, as the KL is: no log 2.",
    ),
    _gradient(
        "draws to λ from below",
        lambda kl, free_nats: np.sign(np.mean(kl, axis=0) - free_nats),
        "Below λ the sign is turned: this is the gradient of |KL - λ|, which makes a latent talk. "
        "Free bits leave it alone there.",
    ),
    _derivative(
        "not divided by N",
        lambda mu, logvar, above, N: (above * mu, above * (np.exp(logvar) - 1) / 2),
        "5 times too large, since there are 5 images: the average over the batch has a 1/N.",
    ),
    _derivative(
        "divided by N Z",
        lambda mu, logvar, above, N: (above * mu / mu.size, above * (np.exp(logvar) - 1) / 2 / mu.size),
        "A third of it, since there are 3 latents: latents are summed, only images are averaged.",
    ),
    _derivative(
        "dmu with a ½",
        lambda mu, logvar, above, N: (above * mu / N / 2, above * (np.exp(logvar) - 1) / 2 / N),
        "The derivative of ½ μ² is μ.",
    ),
    _derivative(
        "dlogvar without ½",
        lambda mu, logvar, above, N: (above * mu / N, above * (np.exp(logvar) - 1) / N),
        "dlogvar is twice too large: the ½ of the KL stays.",
    ),
    _derivative(
        "dlogvar without -1",
        lambda mu, logvar, above, N: (above * mu / N, above * np.exp(logvar) / 2 / N),
        "The derivative of -logvar is missing: at the prior, where logvar = 0, dlogvar is 0.",
    ),
    _derivative(
        "logvar read as log σ",
        lambda mu, logvar, above, N: (above * mu / N, above * (np.exp(2 * logvar) - 1) / N),
        "exp(2 logvar) - 1 is the derivative for log σ; the argument is log σ².",
    ),
    _derivative(
        "wrong sign",
        lambda mu, logvar, above, N: (-above.astype(float) * mu / N, above * (1 - np.exp(logvar)) / 2 / N),
        "This is the gradient of the ELBO's part, -KL; the loss has +KL.",
    ),
    _derivative(
        "dlogvar is not masked",
        lambda mu, logvar, above, N: (above * mu / N, (np.exp(logvar) - 1) / 2 / N),
        "dmu is right. A latent below λ is free altogether: its dlogvar is 0, too.",
    ),
    _derivative(
        "dmu is not masked",
        lambda mu, logvar, above, N: (mu / N, above * (np.exp(logvar) - 1) / 2 / N),
        "dlogvar is right. A latent below λ is free altogether: its dmu is 0, too.",
    ),
    _derivative(
        "dmu and dlogvar exchanged",
        lambda mu, logvar, above, N: (above * (np.exp(logvar) - 1) / 2 / N, above * mu / N),
        "First dmu, then dlogvar, as the arguments come.",
    ),
)
