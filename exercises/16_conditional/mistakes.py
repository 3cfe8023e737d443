"""Wrong labels, losses and images of a conditional VAE."""

import math

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import binary_cross_entropy_with_logits, sigmoid
from numpy_impl.vae_numpy import kl_divergence, reparameterize

from .stub import CLASSES, _decoder, _encoder

# The label in a network


def _rows(labels):
    return np.eye(CLASSES)[labels]


def _one_hot(name, one_hot, explanation):
    return Mistake(f"one_hot: {name}", {"one_hot": one_hot}, explanation)


def _by_first_appearance(labels, classes):
    order = list(dict.fromkeys(labels.tolist()))
    return np.eye(classes)[[order.index(label) for label in labels]]


ONE_HOT = (
    _one_hot(
        "as many columns as the largest label needs",
        lambda labels, classes: np.eye(labels.max() + 1)[labels],
        "There are 7 classes, though the batch has none above 4. With this, the width would change with the batch.",
    ),
    _one_hot(
        "as many columns as labels occur",
        lambda labels, classes: np.eye(len(np.unique(labels)))[np.unique(labels, return_inverse=True)[1]],
        "A class that is missing in this batch still has its column.",
    ),
    _one_hot(
        "labels renumbered by size",
        lambda labels, classes: np.eye(classes)[np.unique(labels, return_inverse=True)[1]],
        "Label 2 is in column 1, as the second of the labels that occur. Its column is always 2.",
    ),
    _one_hot(
        "labels renumbered as they appear",
        _by_first_appearance,
        "Label 2 is in column 0, as the first to appear. Its column is always 2.",
    ),
    _one_hot(
        "the number in every column",
        lambda labels, classes: np.repeat(labels[:, None].astype(float), classes, axis=1),
        "Every column holds the label as a number; the layer's output would be linear in it.",
    ),
    _one_hot(
        "the number in its column",
        lambda labels, classes: np.eye(classes)[labels] * labels[:, None],
        "The label's column holds the label instead of 1; class 0 has no mark at all.",
    ),
    _one_hot(
        "the number in the first column",
        lambda labels, classes: labels[:, None] * np.eye(classes)[0],
        "The label as a number, in one column: class 2 would weigh twice as much as class 1.",
    ),
    _one_hot(
        "every row has the marks of the whole batch",
        lambda labels, classes: np.tile(np.eye(classes)[labels].max(axis=0), (len(labels), 1)),
        "y[:, labels] = 1 writes into all rows; y[np.arange(N), labels] = 1 writes one entry in each.",
    ),
    _one_hot(
        "counted from 1",
        lambda labels, classes: np.eye(classes)[labels - 1],
        "Labels count from 0: label 0 belongs in column 0, and with index -1 it is in the last.",
    ),
    _one_hot(
        "columns and rows exchanged",
        lambda labels, classes: np.eye(classes)[labels].T.copy(),
        "It is the transpose: labels are rows, classes are columns.",
    ),
    _one_hot(
        "0 for the label and 1 elsewhere",
        lambda labels, classes: 1 - np.eye(classes)[labels],
        "The wrong way round: 1 belongs in the label's column.",
    ),
    _one_hot(
        "-1 for the other classes",
        lambda labels, classes: 2 * np.eye(classes)[labels] - 1,
        "The other classes have 0: they add nothing to the layer.",
    ),
    _one_hot(
        "1 up to the label",
        lambda labels, classes: 1.0 * (np.arange(classes) <= labels[:, None]),
        "A staircase, in which class 2 is more than class 1. Classes have no order, so one column holds the 1.",
    ),
)


def _in_encoder(name, encode, explanation):
    return Mistake(f"encode: {name}", {"encode": encode}, explanation)


def _join(*columns):
    return np.concatenate(columns, axis=1)


LOOSER = (
    "q does not move when the label changes: the label is in the decoder only. That is legal, any q gives a lower "
    "bound on log p(x|y); but it is never tighter, and looser where x leaves the class open and the posterior "
    "depends on it. The task is q(z|x, y)."
)

IN_ENCODER = (
    _in_encoder(
        "no label (legal, with a bound that is no tighter)",
        lambda parameters, x, labels: _encoder(parameters, _join(x, 0 * _rows(labels))),
        LOOSER,
    ),
    _in_encoder(
        "the image alone (legal, with a bound that is no tighter)",
        lambda parameters, x, labels: _encoder(parameters, x),
        "The layer has 13 + 3 inputs and got 13: the label is missing. With the label in the decoder only, a CVAE is "
        "legal, with a bound that is no tighter; it would have 13 inputs here. The task is q(z|x, y).",
    ),
    _in_encoder(
        "the label as a number",
        lambda parameters, x, labels: _encoder(parameters, _join(x, labels[:, None].astype(float))),
        "The layer has 13 + 3 inputs and got 13 + 1: the label went in as one number. With such a layer, the "
        "output would be linear in the label, as if class 2 were twice class 1. One column a class: one_hot.",
    ),
    _in_encoder(
        "the number in every column",
        lambda parameters, x, labels: _encoder(
            parameters, _join(x, np.repeat(labels[:, None], CLASSES, 1).astype(float))
        ),
        "The three label columns hold the label as a number: the layer's output is linear in it. Use one_hot.",
    ),
    _in_encoder(
        "as many columns as the largest label needs",
        lambda parameters, x, labels: _encoder(parameters, _join(x, np.eye(labels.max() + 1)[labels])),
        "This batch has no image of the last class, but the layer has its column all the same: CLASSES of them.",
    ),
    _in_encoder(
        "the label before the image",
        lambda parameters, x, labels: _encoder(parameters, _join(_rows(labels), x)),
        "The first 13 columns of the weight are for the pixels, the last 3 for the label. The shape is right either "
        "way.",
    ),
    _in_encoder(
        "labels counted from 1",
        lambda parameters, x, labels: _encoder(parameters, _join(x, _rows(labels - 1))),
        "Every image has its neighbour's label: labels count from 0.",
    ),
    _in_encoder(
        "the first label for all",
        lambda parameters, x, labels: _encoder(parameters, _join(x, _rows(np.full_like(labels, labels[0])))),
        "Only the first image has its own label: one label was used for the whole batch.",
    ),
    _in_encoder(
        "mu and logvar exchanged",
        lambda parameters, x, labels: _encoder(parameters, _join(x, _rows(labels)))[::-1],
        "First mu, then logvar.",
    ),
    _in_encoder(
        "σ for logvar",
        lambda parameters, x, labels: tuple(
            part if place == 0 else np.exp(part / 2)
            for place, part in enumerate(_encoder(parameters, _join(x, _rows(labels))))
        ),
        "mu is right; the second came as exp(logvar / 2). The network's logvar is asked for as it is.",
    ),
    _in_encoder(
        "variance for logvar",
        lambda parameters, x, labels: tuple(
            part if place == 0 else np.exp(part)
            for place, part in enumerate(_encoder(parameters, _join(x, _rows(labels))))
        ),
        "mu is right; the second came as exp(logvar). The network's logvar is asked for as it is.",
    ),
)


def _in_decoder(name, decode, explanation):
    return Mistake(f"decode: {name}", {"decode": decode}, explanation)


IN_DECODER = (
    _in_decoder(
        "no label",
        lambda parameters, z, labels: _decoder(parameters, _join(z, 0 * _rows(labels))),
        "p does not move when the label changes: with the label in the encoder only, no class can be chosen when "
        "sampling, and z must carry the class after all.",
    ),
    _in_decoder(
        "the latents alone",
        lambda parameters, z, labels: _decoder(parameters, z),
        "The layer has 5 + 3 inputs and got 5: the label is missing. With the label in the encoder only, no class can "
        "be chosen when sampling.",
    ),
    _in_decoder(
        "the label as a number",
        lambda parameters, z, labels: _decoder(parameters, _join(z, labels[:, None].astype(float))),
        "The layer has 5 + 3 inputs and got 5 + 1: the label went in as one number. With such a layer, the "
        "output would be linear in the label. One column for each class: one_hot.",
    ),
    _in_decoder(
        "the number in every column",
        lambda parameters, z, labels: _decoder(
            parameters, _join(z, np.repeat(labels[:, None], CLASSES, 1).astype(float))
        ),
        "The three label columns hold the label as a number: the layer's output is linear in it. Use one_hot.",
    ),
    _in_decoder(
        "as many columns as the largest label needs",
        lambda parameters, z, labels: _decoder(parameters, _join(z, np.eye(labels.max() + 1)[labels])),
        "This batch has no label of the last class, but the layer has its column all the same: CLASSES of them.",
    ),
    _in_decoder(
        "the label before the latents",
        lambda parameters, z, labels: _decoder(parameters, _join(_rows(labels), z)),
        "The first 5 columns of the weight are for the latents, the last 3 for the label. The shape is right either "
        "way.",
    ),
    _in_decoder(
        "labels counted from 1",
        lambda parameters, z, labels: _decoder(parameters, _join(z, _rows(labels - 1))),
        "Every row has its neighbour's label: labels count from 0.",
    ),
    _in_decoder(
        "the first label for all",
        lambda parameters, z, labels: _decoder(parameters, _join(z, _rows(np.full_like(labels, labels[0])))),
        "Only the first row has its own label: one label was used for the whole batch.",
    ),
    _in_decoder(
        "probabilities for logits",
        lambda parameters, z, labels: 1 / (1 + np.exp(-_decoder(parameters, _join(z, _rows(labels))))),
        "The result is the sigmoid of the right logits. The loss takes logits; `generate` takes the sigmoid.",
    ),
)


# The loss, and generated images


def _same(rows):
    return rows


def _none(rows):
    return 0 * rows


def _loss(
    name,
    explanation,
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

    return Mistake(f"loss: {name}", {"loss": loss}, explanation)


LOSS = (
    _loss(
        "the label in the reconstruction target",
        "13 logits against a target of 13 + 3: the label is given, it is not reconstructed. The target is x.",
        target=_join,
    ),
    _loss(
        "no label for the encoder (legal, with a bound that is no tighter)",
        "The loss was computed with a q that does not get the label. That is legal, any q gives a lower bound on "
        "log p(x|y), but no tighter a one. The task is q(z|x, y).",
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
        "{got} instead of {expected}: log 3 = 1.099 too much, the cost of one of three classes. That bounds "
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
        "{got} instead of {expected}: 7 times too much, since there are 7 images. A loss is per image.",
        total=lambda reconstruction, kl, x, mu: (reconstruction, kl),
    ),
    _loss(
        "means over pixels and latents",
        "{got} instead of {expected}: sum over pixels and latents, average over images only.",
        total=lambda reconstruction, kl, x, mu: (reconstruction / x.size, kl / mu.size),
    ),
    _loss(
        "mean over pixels",
        "{got} instead of {expected}: a 13th of the reconstruction. Pixels are summed.",
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


def _generate(name, generate, explanation):
    return Mistake(f"generate: {name}", {"generate": generate}, explanation)


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
        "The classes take turns; all images are to be of the chosen one.",
    ),
    _generate(
        "one image",
        lambda parameters, label, z: sigmoid(_logits(parameters, label, z[:1])),
        "The result is one image, one for each z is asked for: the label is repeated len(z) times.",
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


MISTAKES = ONE_HOT + IN_ENCODER + IN_DECODER + LOSS + GENERATE
