"""Wrong active units, free bits and gradients, each with the number that shows it."""

import math

import numpy as np

from exercises.kit.exercise import Mistake

# Active units


def _kl(mu, logvar):
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def _active(name, measure, explanation):
    """A wrong measure, compared with the threshold."""
    return Mistake(
        name, {"active_units": lambda mu, logvar, threshold=0.01: measure(mu, logvar) > threshold}, explanation
    )


ACTIVE = (
    _active(
        "standard deviation instead of variance",
        lambda mu, logvar: np.std(mu, axis=0),
        "Too many are active: a mean that moves by 0.05 has a variance of 0.0025 at most, below the threshold of 0.01.",
    ),
    _active(
        "mean square instead of variance",
        lambda mu, logvar: np.mean(mu**2, axis=0),
        "The latent that is at 2 for every image counts as active, yet it carries no information about the image: "
        "subtract the average first.",
    ),
    _active(
        "size of the average mean",
        lambda mu, logvar: np.abs(np.mean(mu, axis=0)),
        "A latent at 2 for every image carries no information; one that alternates between -1 and 1 averages 0 and "
        "does.",
    ),
    _active(
        "the largest |μ|",
        lambda mu, logvar: np.max(np.abs(mu), axis=0),
        "How far μ lies from 0 is not how much it moves: a latent at 2 for every image is not active.",
    ),
    _active(
        "KL above the threshold",
        lambda mu, logvar: np.mean(_kl(mu, logvar), axis=0),
        "A mean at 2, or a variance of ¼, that is the same for every image has a KL, too. The criterion of Burda et "
        "al. is whether μ moves.",
    ),
    _active(
        "variance of z, not of its mean",
        lambda mu, logvar: np.var(mu, axis=0) + np.mean(np.exp(logvar), axis=0),
        "All are active: z moves also by its noise. A collapsed latent has Var z = 1, all of it noise.",
    ),
    _active(
        "variance of q",
        lambda mu, logvar: np.mean(np.exp(logvar), axis=0),
        "exp(logvar) is the variance of q for one image, 1 for a collapsed latent. The criterion is the variance of μ.",
    ),
    _active(
        "spread of logvar",
        lambda mu, logvar: np.var(logvar, axis=0),
        "The criterion is about the means: the variance over images of μ.",
    ),
    _active(
        "squares not divided by N",
        lambda mu, logvar: np.sum((mu - mu.mean(axis=0)) ** 2, axis=0),
        "The sum of the squared differences grows with the number of images; the variance is their average.",
    ),
    Mistake(
        "narrow q counts as active",
        {"active_units": lambda mu, logvar, threshold=0.01: np.mean(np.exp(logvar), axis=0) < 1 - threshold},
        "How narrow q is does not enter; the criterion is the variance over images of μ.",
    ),
    Mistake(
        "inactive for active",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu, axis=0) < threshold},
        "The truth values are the wrong way round: active is what moves more than the threshold.",
    ),
    Mistake(
        "threshold not used",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu, axis=0) > 0.01},
        "Right for 0.01; but the threshold is an argument.",
    ),
    Mistake(
        "variance over the latents",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu, axis=1) > threshold},
        "The result is one truth value per image, one per latent is asked for: axis 0 holds the images.",
    ),
    Mistake(
        "variance of all entries together",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu) > threshold},
        "The result is one truth value, one per latent is asked for: axis=0.",
    ),
    Mistake(
        "the number of active units",
        {"active_units": lambda mu, logvar, threshold=0.01: np.sum(np.var(mu, axis=0) > threshold)},
        "Papers report the number; here, one truth value for each latent is asked for.",
    ),
    Mistake(
        "the numbers of the active latents",
        {"active_units": lambda mu, logvar, threshold=0.01: np.flatnonzero(np.var(mu, axis=0) > threshold)},
        "The result is a list of indices; one truth value for each latent is asked for.",
    ),
    Mistake(
        "not compared with the threshold",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu, axis=0)},
        "These are the variances; active is where they are greater than the threshold.",
    ),
)


# Free bits


def _free(name, term, explanation):
    return Mistake(name, {"free_bits": term}, explanation)


FREE = (
    _free(
        "floor for each image",
        lambda kl, free_nats: np.sum(np.mean(np.maximum(kl, free_nats), axis=0)),
        "{got} instead of {expected}: average over the batch first. One image may leave a latent unused "
        "if others use it.",
    ),
    _free(
        "floor under the total",
        lambda kl, free_nats: max(np.sum(np.mean(kl, axis=0)), free_nats),
        "{got} instead of {expected}: the floor is for each latent; under their sum, one latent could use all of it "
        "and the others collapse.",
    ),
    _free(
        "floor under each image's total",
        lambda kl, free_nats: np.mean(np.maximum(np.sum(kl, axis=1), free_nats)),
        "{got} instead of {expected}: the floor is for each latent, on average over the images.",
    ),
    _free(
        "Z λ under the total",
        lambda kl, free_nats: max(np.sum(np.mean(kl, axis=0)), kl.shape[1] * free_nats),
        "{got} instead of {expected}: the floor is for each latent, not for all together.",
    ),
    _free(
        "λ shared by the latents",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0), free_nats / kl.shape[1])),
        "{got} instead of {expected}: λ is for each latent; it is not divided among them.",
    ),
    _free(
        "minimum instead of maximum",
        lambda kl, free_nats: np.sum(np.minimum(np.mean(kl, axis=0), free_nats)),
        "{got} instead of {expected}: a ceiling. With the minimum, all that is *above* λ is free.",
    ),
    _free(
        "masked: nothing counted up to λ",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) * (np.mean(kl, axis=0) > free_nats)),
        "{got} instead of {expected}: a latent at or below λ counts 0 instead of λ. The gradient is the same, so "
        "training would be, too; but the number is not, and it jumps by λ where a latent crosses it.",
    ),
    _free(
        "masked: nothing counted below λ, all from λ on",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) * (np.mean(kl, axis=0) >= free_nats)),
        "{got} instead of {expected}: a latent below λ counts 0 instead of λ. The gradient is the same, so "
        "training would be, too; but the number is not, and it jumps by λ where a latent crosses it.",
    ),
    _free(
        "λ taken off",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0) - free_nats, 0)),
        "{got} instead of {expected}: λ less for every latent. The gradient is the same, so training would be, too; "
        "but max(λ, KL) is not max(KL - λ, 0).",
    ),
    _free(
        "λ added",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) + free_nats),
        "{got} instead of {expected}: an added λ changes no gradient at all; nothing is free.",
    ),
    _free(
        "λ not used",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0)),
        "{got} instead of {expected}: this is the KL without a floor.",
    ),
    _free(
        "distance from λ",
        lambda kl, free_nats: np.sum(np.abs(np.mean(kl, axis=0) - free_nats)),
        "{got} instead of {expected}: |KL - λ| moves every latent's KL to λ (Burgess et al. 2018 do that with the "
        "total). Below λ, free bits have no effect.",
    ),
    _free(
        "λ read as bits",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0), free_nats * math.log(2))),
        "{got} instead of {expected}: in spite of their name, λ is in nats here, as the KL is: no log 2.",
    ),
    _free(
        "batch summed before the floor",
        lambda kl, free_nats: np.sum(np.maximum(np.sum(kl, axis=0), free_nats)),
        "{got} instead of {expected}: the floor is under the average over the batch; a sum grows with the batch.",
    ),
    _free(
        "batch summed before the floor, averaged after it",
        lambda kl, free_nats: np.sum(np.maximum(np.sum(kl, axis=0), free_nats)) / len(kl),
        "{got} instead of {expected}: so the floor is only λ/N. The average is taken before it.",
    ),
    _free(
        "averaged over the latents",
        lambda kl, free_nats: np.mean(np.maximum(np.mean(kl, axis=0), free_nats)),
        "{got} instead of {expected}: a third, since there are 3 latents. Divergences of latents add up.",
    ),
    _free(
        "images and latents exchanged",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=1), free_nats)),
        "{got} instead of {expected}: average over images (axis 0), sum over latents (axis 1).",
    ),
    _free(
        "one number per latent",
        lambda kl, free_nats: np.maximum(np.mean(kl, axis=0), free_nats),
        "The result is the terms; the KL term of the loss is their sum.",
    ),
)


# Gradients of free bits


def _gradient(name, mask, explanation):
    """A wrong mask, on right derivatives of the KL."""

    def free_bits_backward(mu, logvar, free_nats):
        weight = mask(_kl(mu, logvar), free_nats) / len(mu)
        return weight * mu, weight * (np.exp(logvar) - 1) / 2

    return Mistake(f"gradient: {name}", {"free_bits_backward": free_bits_backward}, explanation)


def _derivative(name, derivatives, explanation):
    """Wrong derivatives, with the right mask."""

    def free_bits_backward(mu, logvar, free_nats):
        above = np.mean(_kl(mu, logvar), axis=0) > free_nats
        return derivatives(mu, logvar, above, len(mu))

    return Mistake(f"gradient: {name}", {"free_bits_backward": free_bits_backward}, explanation)


GRADIENTS = (
    _gradient(
        "not 0 below λ",
        lambda kl, free_nats: np.ones_like(kl),
        "This is the gradient of the whole KL. Below λ the cost is λ for every q: its gradient is 0.",
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
        "moves to λ from below",
        lambda kl, free_nats: np.sign(np.mean(kl, axis=0) - free_nats),
        "Below λ the sign is turned: this is the gradient of |KL - λ|, which raises the latent's KL. "
        "Free bits have no effect there.",
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


MISTAKES = ACTIVE + FREE + GRADIENTS
