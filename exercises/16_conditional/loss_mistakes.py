"""Wrong losses of a conditional VAE, and wrong images."""

import math

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import binary_cross_entropy_with_logits, sigmoid
from numpy_impl.vae_numpy import kl_divergence, reparameterize

from .stub import CLASSES, _decoder, _encoder


def _rows(labels):
    return np.eye(CLASSES)[labels]


def _join(*columns):
    return np.concatenate(columns, axis=1)


def _same(rows):
    return rows


def _none(rows):
    return 0 * rows


def _loss(
    name,
    tell,
    *,
    for_encoder=_same,
    for_decoder=_same,
    draw=reparameterize,
    nats=binary_cross_entropy_with_logits,
    target=lambda x, rows: x,
    total=lambda reconstruction, kl, x, mu: (reconstruction / len(x), kl / len(x)),
    combine=lambda reconstruction, kl: reconstruction + kl,
):
    """The right loss with one piece exchanged."""

    def loss(parameters, x, labels, eps):
        rows = _rows(labels)
        mu, logvar = _encoder(parameters, _join(x, for_encoder(rows)))
        logits = _decoder(parameters, _join(draw(mu, logvar, eps), for_decoder(rows)))
        reconstruction, kl = total(nats(logits, target(x, rows)), kl_divergence(mu, logvar), x, mu)
        return {"loss": combine(reconstruction, kl), "reconstruction": reconstruction, "kl": kl}

    return Mistake(f"loss: {name}", {"loss": loss}, tell)


LOSS = (
    _loss(
        "the label in the reconstruction target",
        "13 logits against a target of 13 + 3: the label is given, it is not reconstructed. The target is x.",
        target=_join,
    ),
    _loss(
        "no label for the encoder (legal, but looser)",
        "The loss was made with a q that does not know the label. That is legal, any q gives a lower bound on "
        "log p(x|y), but the bound is looser. The task is q(z|x, y).",
        for_encoder=_none,
    ),
    _loss(
        "no label for the decoder",
        "The decoder did not get the label: no class could be chosen when sampling.",
        for_decoder=_none,
    ),
    _loss(
        "no label at all",
        "This is the loss of a VAE without labels.",
        for_encoder=_none,
        for_decoder=_none,
    ),
    _loss(
        "log p(y) counted",
        "{came} instead of {expected}: log 3 = 1.099 too much, the price of naming one of three classes. That bounds "
        "log p(x, y); here y is given, and the bound is on log p(x|y).",
        combine=lambda reconstruction, kl: reconstruction + kl + math.log(CLASSES),
    ),
    _loss(
        "no noise",
        "z is mu here: eps was not used.",
        draw=lambda mu, logvar, eps: mu,
    ),
    _loss(
        "exp(logvar) for σ",
        "exp(logvar) is the variance; z = mu + σ eps with σ = exp(logvar / 2).",
        draw=lambda mu, logvar, eps: mu + np.exp(logvar) * eps,
    ),
    _loss(
        "z from the prior",
        "z is eps here: the loss draws z from q, and only `generate` from the prior.",
        draw=lambda mu, logvar, eps: eps,
    ),
    _loss(
        "sums over the batch",
        "{came} instead of {expected}: 7 times too much, since there are 7 images. A loss is per image.",
        total=lambda reconstruction, kl, x, mu: (reconstruction, kl),
    ),
    _loss(
        "means over pixels and latents",
        "{came} instead of {expected}: sum over pixels and latents, average over images only.",
        total=lambda reconstruction, kl, x, mu: (reconstruction / x.size, kl / mu.size),
    ),
    _loss(
        "mean over pixels",
        "{came} instead of {expected}: a 13th of the reconstruction. Pixels are summed.",
        total=lambda reconstruction, kl, x, mu: (reconstruction / x.size, kl / len(x)),
    ),
    _loss(
        "the sigmoid taken twice",
        "The cross-entropy is made for logits and got probabilities.",
        nats=lambda logits, x: binary_cross_entropy_with_logits(sigmoid(logits), x),
    ),
    _loss(
        "KL subtracted",
        "The loss is the negative bound: reconstruction + KL.",
        combine=lambda reconstruction, kl: reconstruction - kl,
    ),
)


def _generate(name, generate, tell):
    return Mistake(f"generate: {name}", {"generate": generate}, tell)


def _logits(parameters, label, z):
    return _decoder(parameters, _join(z, _rows(np.full(len(z), label))))


GENERATE = (
    _generate(
        "logits for an image",
        _logits,
        "These are logits, and no image between 0 and 1: the sigmoid is missing.",
    ),
    _generate(
        "no label",
        lambda parameters, label, z: sigmoid(_decoder(parameters, _join(z, np.zeros((len(z), CLASSES))))),
        "The class was not passed to the decoder: the images are the same for every label.",
    ),
    _generate(
        "one row for the label",
        lambda parameters, label, z: sigmoid(_decoder(parameters, _join(z, _rows(np.array([label]))))),
        "z has a row for each image, the label only one: repeat it len(z) times.",
    ),
    _generate(
        "a number for the label",
        lambda parameters, label, z: sigmoid(_decoder(parameters, _join(z, np.full((len(z), CLASSES), float(label))))),
        "The label went in as a number; it needs its one-hot row.",
    ),
    _generate(
        "label counted from 1",
        lambda parameters, label, z: sigmoid(_logits(parameters, label - 1, z)),
        "Images of the neighbouring class: labels count from 0.",
    ),
    _generate(
        "one image of each class",
        lambda parameters, label, z: sigmoid(_decoder(parameters, _join(z, _rows(np.arange(len(z)) % CLASSES)))),
        "The classes came in turn; all images are to be of the chosen one.",
    ),
    _generate(
        "one image",
        lambda parameters, label, z: sigmoid(_logits(parameters, label, z[:1])),
        "One image came, one for each z is asked for: the label is repeated len(z) times.",
    ),
    _generate(
        "black and white",
        lambda parameters, label, z: np.round(sigmoid(_logits(parameters, label, z))),
        "The pixels' expected values are asked for, between 0 and 1; these are rounded.",
    ),
    _generate(
        "every pixel less than one half",
        lambda parameters, label, z: sigmoid(-_logits(parameters, label, z)),
        "A negative: sigmoid(-logits) is the probability of black.",
    ),
)
