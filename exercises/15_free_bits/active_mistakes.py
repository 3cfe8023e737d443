"""Wrong ways to tell which latents are in use."""

import numpy as np

from exercises.kit.exercise import Mistake


def _kl(mu, logvar):
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def _active(name, measure, tell):
    """A wrong measure, compared with the threshold."""
    return Mistake(name, {"active_units": lambda mu, logvar, threshold=0.01: measure(mu, logvar) > threshold}, tell)


ACTIVE = (
    _active(
        "standard deviation instead of variance",
        lambda mu, logvar: np.std(mu, axis=0),
        "Too many are active: a mean that moves by 0.05 has a variance of 0.0025 at most, below the threshold of 0.01.",
    ),
    _active(
        "mean square instead of variance",
        lambda mu, logvar: np.mean(mu**2, axis=0),
        "The latent that is at 2 for every image counts as active, yet it says nothing about the image: take the "
        "average off first.",
    ),
    _active(
        "size of the average mean",
        lambda mu, logvar: np.abs(np.mean(mu, axis=0)),
        "A latent at 2 for every image says nothing; one at -1 and 1 in turns averages 0 and says much.",
    ),
    _active(
        "the largest |μ|",
        lambda mu, logvar: np.max(np.abs(mu), axis=0),
        "How far μ lies from 0 is not how much it moves: a latent at 2 for every image is not active.",
    ),
    _active(
        "KL above the threshold",
        lambda mu, logvar: np.mean(_kl(mu, logvar), axis=0),
        "A KL is paid also for a mean at 2, or a variance of ¼, that is the same for every image. Burda et al. ask "
        "whether μ moves.",
    ),
    _active(
        "variance of z, not of its mean",
        lambda mu, logvar: np.var(mu, axis=0) + np.mean(np.exp(logvar), axis=0),
        "All are active: z moves also by its noise. A collapsed latent has Var z = 1, all of it noise.",
    ),
    _active(
        "variance of q",
        lambda mu, logvar: np.mean(np.exp(logvar), axis=0),
        "exp(logvar) is how wide q is for one image; a collapsed latent has 1. Ask how μ moves between images.",
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
        "One truth value per image came, one per latent is asked for: axis 0 holds the images.",
    ),
    Mistake(
        "variance of all entries together",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu) > threshold},
        "One truth value came, one per latent is asked for: axis=0.",
    ),
    Mistake(
        "the number of active units",
        {"active_units": lambda mu, logvar, threshold=0.01: np.sum(np.var(mu, axis=0) > threshold)},
        "The number is what papers report; asked for is which latents they are.",
    ),
    Mistake(
        "the numbers of the active latents",
        {"active_units": lambda mu, logvar, threshold=0.01: np.flatnonzero(np.var(mu, axis=0) > threshold)},
        "A list of places came; asked for is one truth value for each latent.",
    ),
    Mistake(
        "not compared with the threshold",
        {"active_units": lambda mu, logvar, threshold=0.01: np.var(mu, axis=0)},
        "These are the variances; active is where they are greater than the threshold.",
    ),
)
