"""Wrong ways to give a label to a network."""

import numpy as np

from exercises.kit.exercise import Mistake

from .stub import CLASSES, _decoder, _encoder


def _rows(labels):
    return np.eye(CLASSES)[labels]


def _one_hot(name, one_hot, tell):
    return Mistake(f"one_hot: {name}", {"one_hot": one_hot}, tell)


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
        "Label 2 came into column 1, as the second of the labels that occur. Its column is 2, whatever else occurs.",
    ),
    _one_hot(
        "labels renumbered as they appear",
        _by_first_appearance,
        "Label 2 came into column 0, as the first to appear. Its column is 2, whatever else appears.",
    ),
    _one_hot(
        "the number in every column",
        lambda labels, classes: np.repeat(labels[:, None].astype(float), classes, axis=1),
        "Every column holds the label as a number; the layer's answer would be a straight line in it.",
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
        "Labels count from 0: label 0 belongs into column 0, and with index -1 it came into the last.",
    ),
    _one_hot(
        "columns and rows exchanged",
        lambda labels, classes: np.eye(classes)[labels].T.copy(),
        "It is the transpose: labels are rows, classes are columns.",
    ),
    _one_hot(
        "0 for the label and 1 elsewhere",
        lambda labels, classes: 1 - np.eye(classes)[labels],
        "The wrong way round: 1 stands in the label's column.",
    ),
    _one_hot(
        "-1 for the other classes",
        lambda labels, classes: 2 * np.eye(classes)[labels] - 1,
        "The other classes have 0: they add nothing to the layer.",
    ),
    _one_hot(
        "1 up to the label",
        lambda labels, classes: 1.0 * (np.arange(classes) <= labels[:, None]),
        "A staircase: it says that class 2 is more than class 1. Classes have no order, so one column holds the 1.",
    ),
)


def _in_encoder(name, encode, tell):
    return Mistake(f"encode: {name}", {"encode": encode}, tell)


def _join(*columns):
    return np.concatenate(columns, axis=1)


LOOSER = (
    "q does not move when the label changes: the label is in the decoder only. That is legal, any q gives a lower "
    "bound on log p(x|y); but the bound is looser, since q must find out the class from x. The task is q(z|x, y)."
)

IN_ENCODER = (
    _in_encoder(
        "no label (legal, but looser)",
        lambda parameters, x, labels: _encoder(parameters, _join(x, 0 * _rows(labels))),
        LOOSER,
    ),
    _in_encoder(
        "the image alone (legal, but looser)",
        lambda parameters, x, labels: _encoder(parameters, x),
        "The layer has 13 + 3 inputs and got 13: the label is missing. With the label in the decoder only, a CVAE is "
        "legal, but its bound is looser; it would have 13 inputs here. The task is q(z|x, y).",
    ),
    _in_encoder(
        "the label as a number",
        lambda parameters, x, labels: _encoder(parameters, _join(x, labels[:, None].astype(float))),
        "The layer has 13 + 3 inputs and got 13 + 1: the label went in as one number. Were the layer made for it, its "
        "answer would be a straight line in the label, as if class 2 were twice class 1. One column a class: one_hot.",
    ),
    _in_encoder(
        "the number in every column",
        lambda parameters, x, labels: _encoder(
            parameters, _join(x, np.repeat(labels[:, None], CLASSES, 1).astype(float))
        ),
        "The three label columns hold the label as a number: the layer's answer is a straight line in it. Use one_hot.",
    ),
    _in_encoder(
        "as many columns as the largest label needs",
        lambda parameters, x, labels: _encoder(parameters, _join(x, np.eye(labels.max() + 1)[labels])),
        "This batch has no image of the last class, but the layer has its column all the same: CLASSES of them.",
    ),
    _in_encoder(
        "the label before the image",
        lambda parameters, x, labels: _encoder(parameters, _join(_rows(labels), x)),
        "The first 13 columns of the weight are for the pixels, the last 3 for the label. No shape tells them apart.",
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


def _in_decoder(name, decode, tell):
    return Mistake(f"decode: {name}", {"decode": decode}, tell)


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
        "The layer has 5 + 3 inputs and got 5 + 1: the label went in as one number. Were the layer made for it, its "
        "answer would be a straight line in the label. One column for each class: one_hot.",
    ),
    _in_decoder(
        "the number in every column",
        lambda parameters, z, labels: _decoder(
            parameters, _join(z, np.repeat(labels[:, None], CLASSES, 1).astype(float))
        ),
        "The three label columns hold the label as a number: the layer's answer is a straight line in it. Use one_hot.",
    ),
    _in_decoder(
        "as many columns as the largest label needs",
        lambda parameters, z, labels: _decoder(parameters, _join(z, np.eye(labels.max() + 1)[labels])),
        "This batch has no label of the last class, but the layer has its column all the same: CLASSES of them.",
    ),
    _in_decoder(
        "the label before the latents",
        lambda parameters, z, labels: _decoder(parameters, _join(_rows(labels), z)),
        "The first 5 columns of the weight are for the latents, the last 3 for the label. No shape tells them apart.",
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
        "The sigmoid of the right logits came. The loss takes logits; `generate` takes the sigmoid.",
    ),
)
