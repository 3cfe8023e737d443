"""Wrong ways to write log_mean_exp, each with the number that gives it away."""

import math

import numpy as np

from exercises.kit.exercise import Mistake


def _mean_exp(name, function, tell):
    return Mistake(name, {"log_mean_exp": function}, tell)


def _logsumexp(log_w, axis=1):
    return np.logaddexp.reduce(log_w, axis=axis)


def _shifted(log_w, shift):
    return np.log(np.mean(np.exp(log_w - shift), axis=1))


LOG_MEAN_EXP = (
    _mean_exp(
        "forgot -log K",
        _logsumexp,
        "{came} instead of {expected}: log 7 = 1.946 too much. The mean of K weights is their sum over K.",
    ),
    _mean_exp(
        "-log K with the wrong sign",
        lambda log_w: _logsumexp(log_w) + math.log(log_w.shape[1]),
        "{came} instead of {expected}: 2 log 7 = 3.892 too much. Dividing by K subtracts log K.",
    ),
    _mean_exp(
        "divides by K outside the logarithm",
        lambda log_w: _logsumexp(log_w) / log_w.shape[1],
        "{came} instead of {expected}: log(28)/7, where log(28/7) is asked for.",
    ),
    _mean_exp(
        "-log N, the number of images",
        lambda log_w: _logsumexp(log_w) - math.log(len(log_w)),
        "{came} instead of {expected}: the mean runs over the K draws, axis 1, not over the N images.",
    ),
    _mean_exp(
        "mean of the logs",
        lambda log_w: np.mean(log_w, axis=1),
        "{came} instead of {expected}: the logarithm comes after the mean. The mean of logs is the ELBO, for every K.",
    ),
    _mean_exp(
        "the mean over the images",
        lambda log_w: _logsumexp(log_w, axis=0) - math.log(len(log_w)),
        "One number per draw came, one per image is asked for: axis 1 holds the draws.",
    ),
    _mean_exp(
        "one number for all images",
        lambda log_w: _logsumexp(log_w.ravel(), axis=0) - math.log(log_w.size),
        "One number came, one for each image is asked for: images are averaged later, and outside the logarithm.",
    ),
    _mean_exp(
        "keeps the axis of the draws",
        lambda log_w: _logsumexp(log_w)[:, None] - math.log(log_w.shape[1]),
        "The values are right, the shape is (N, 1): the maximum wants keepdims, the result does not.",
    ),
    _mean_exp(
        "the largest log-weight alone",
        lambda log_w: np.max(log_w, axis=1),
        "{came} instead of {expected}: the best draw is not the mean of all; it is too high by up to log K.",
    ),
    _mean_exp(
        "forgot the logarithm",
        lambda log_w: np.mean(np.exp(log_w), axis=1),
        "{came} instead of {expected}: this is the mean of the weights; its logarithm is asked for.",
    ),
    _mean_exp(
        "logarithm to base 2",
        lambda log_w: np.log2(np.mean(np.exp2(log_w / math.log(2)), axis=1)),
        "{came} instead of {expected}: bits instead of nats, 1/log 2 = 1.443 times as many.",
    ),
    _mean_exp(
        "exponentiates without taking the maximum out",
        lambda log_w: np.log(np.mean(np.exp(log_w), axis=1)),
        "{came} instead of {expected}: exp(-1000) is 0 in float64 and exp(1000) is infinite. Take the row's largest "
        "log-weight out first and add it again after the logarithm.",
    ),
    _mean_exp(
        "a small number inside the logarithm",
        lambda log_w: np.log(np.mean(np.exp(log_w), axis=1) + 1e-12),
        "It hides the problem: at -1000 it gives log(1e-12) = -27.6, a bound that is 971 nats too good.",
    ),
    _mean_exp(
        "clips the log-weights",
        lambda log_w: np.log(np.mean(np.exp(np.clip(log_w, -700, 700)), axis=1)),
        "{came} instead of {expected}: finite, but every weight below exp(-700) has become exp(-700).",
    ),
    _mean_exp(
        "takes the maximum out and does not add it again",
        lambda log_w: _shifted(log_w, log_w.max(axis=1, keepdims=True)),
        "{came} instead of {expected}: too little by the largest log-weight, log 7 = 1.946 here.",
    ),
    _mean_exp(
        "subtracts the maximum once more",
        lambda log_w: _shifted(log_w, log_w.max(axis=1, keepdims=True)) - log_w.max(axis=1),
        "{came} instead of {expected}: exp(a - m) has lost m, so it must be added: m + log mean exp(a - m).",
    ),
    _mean_exp(
        "one maximum for all images",
        lambda log_w: log_w.max() + _shifted(log_w, log_w.max()),
        "Right while all images are about equally probable; beside an image near 1000, one near 0 has weights "
        "exp(-1000) = 0. Every row needs its own maximum: `axis=1, keepdims=True`.",
    ),
    _mean_exp(
        "the mean taken out instead of the maximum",
        lambda log_w: log_w.mean(axis=1) + _shifted(log_w, log_w.mean(axis=1, keepdims=True)),
        "Right as long as the draws of an image are alike; a draw 1000 nats above the mean still overflows. The "
        "maximum leaves no exponent above 0.",
    ),
)
