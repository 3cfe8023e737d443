"""Wrong free bits, each with the number that gives it away."""

import math

import numpy as np

from exercises.kit.exercise import Mistake


def _free(name, term, tell):
    return Mistake(name, {"free_bits": term}, tell)


FREE = (
    _free(
        "floor for each image",
        lambda kl, free_nats: np.sum(np.mean(np.maximum(kl, free_nats), axis=0)),
        "{came} instead of {expected}: average over the batch first. One image may leave a latent unused "
        "if others use it.",
    ),
    _free(
        "floor under the total",
        lambda kl, free_nats: max(np.sum(np.mean(kl, axis=0)), free_nats),
        "{came} instead of {expected}: the floor is for each latent; under their sum, one latent could use all of it "
        "and the others collapse.",
    ),
    _free(
        "floor under each image's total",
        lambda kl, free_nats: np.mean(np.maximum(np.sum(kl, axis=1), free_nats)),
        "{came} instead of {expected}: the floor is for each latent, on average over the images.",
    ),
    _free(
        "Z λ under the total",
        lambda kl, free_nats: max(np.sum(np.mean(kl, axis=0)), kl.shape[1] * free_nats),
        "{came} instead of {expected}: the floor is for each latent, not for all together.",
    ),
    _free(
        "λ shared by the latents",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0), free_nats / kl.shape[1])),
        "{came} instead of {expected}: λ is for each latent; it is not divided among them.",
    ),
    _free(
        "minimum instead of maximum",
        lambda kl, free_nats: np.sum(np.minimum(np.mean(kl, axis=0), free_nats)),
        "{came} instead of {expected}: a ceiling. With the minimum, all that is *above* λ is free.",
    ),
    _free(
        "masked: nothing counted up to λ",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) * (np.mean(kl, axis=0) > free_nats)),
        "{came} instead of {expected}: a latent at or below λ counts 0 instead of λ. The gradient is the same, so "
        "training would be, too; but the number is not, and it jumps by λ where a latent crosses it.",
    ),
    _free(
        "masked: nothing counted below λ, all from λ on",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) * (np.mean(kl, axis=0) >= free_nats)),
        "{came} instead of {expected}: a latent below λ counts 0 instead of λ. The gradient is the same, so "
        "training would be, too; but the number is not, and it jumps by λ where a latent crosses it.",
    ),
    _free(
        "λ taken off",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0) - free_nats, 0)),
        "{came} instead of {expected}: λ less for every latent. The gradient is the same, so training would be, too; "
        "but max(λ, KL) is not max(KL - λ, 0).",
    ),
    _free(
        "λ added",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0) + free_nats),
        "{came} instead of {expected}: an added λ changes no gradient at all; nothing is free.",
    ),
    _free(
        "λ not used",
        lambda kl, free_nats: np.sum(np.mean(kl, axis=0)),
        "{came} instead of {expected}: this is the KL without a floor.",
    ),
    _free(
        "distance from λ",
        lambda kl, free_nats: np.sum(np.abs(np.mean(kl, axis=0) - free_nats)),
        "{came} instead of {expected}: |KL - λ| draws every latent to λ (Burgess et al. 2018 do that with the total). "
        "Free bits leave it alone below.",
    ),
    _free(
        "λ read as bits",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=0), free_nats * math.log(2))),
        "{came} instead of {expected}: in spite of their name, λ is in nats here, as the KL is: no log 2.",
    ),
    _free(
        "batch summed before the floor",
        lambda kl, free_nats: np.sum(np.maximum(np.sum(kl, axis=0), free_nats)),
        "{came} instead of {expected}: the floor is under the average over the batch; a sum grows with the batch.",
    ),
    _free(
        "batch summed before the floor, averaged after it",
        lambda kl, free_nats: np.sum(np.maximum(np.sum(kl, axis=0), free_nats)) / len(kl),
        "{came} instead of {expected}: the floor is only λ/N so. The average comes before it.",
    ),
    _free(
        "averaged over the latents",
        lambda kl, free_nats: np.mean(np.maximum(np.mean(kl, axis=0), free_nats)),
        "{came} instead of {expected}: a third, since there are 3 latents. Divergences of latents add up.",
    ),
    _free(
        "images and latents exchanged",
        lambda kl, free_nats: np.sum(np.maximum(np.mean(kl, axis=1), free_nats)),
        "{came} instead of {expected}: average over images (axis 0), sum over latents (axis 1).",
    ),
    _free(
        "one number per latent",
        lambda kl, free_nats: np.maximum(np.mean(kl, axis=0), free_nats),
        "The terms of the sum came; the KL term of the loss is their sum.",
    ),
)
