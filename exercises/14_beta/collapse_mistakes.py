"""Wrong weights and thresholds of the linear VAE, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake


def _weights(name, weights, tell):
    return Mistake(name, {"linear_vae_weights": weights}, tell)


COLLAPSE = (
    _weights(
        "|w|: root of a negative number",
        lambda variances, noise_variance, beta: np.sqrt(variances - beta * noise_variance),
        "{came} instead of {expected}: where λ < βσ² the best weight is 0, and the root of a negative number NaN.",
    ),
    _weights(
        "|w|: the root is missing",
        lambda variances, noise_variance, beta: np.maximum(variances - beta * noise_variance, 0),
        "{came} instead of {expected}: these are w². λ is a variance, w a length.",
    ),
    _weights(
        "|w|: β is not used",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - noise_variance, 0)),
        "{came} instead of {expected}: this is the answer for β = 1.",
    ),
    _weights(
        "|w|: σ² is not used",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta, 0)),
        "{came} instead of {expected}: β alone is no variance; what is taken off λ is βσ².",
    ),
    _weights(
        "|w|: σ for σ²",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta * np.sqrt(noise_variance), 0)),
        "{came} instead of {expected}: noise_variance is σ² already; no root of it is wanted.",
    ),
    _weights(
        "|w|: σ⁴ for σ²",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta * noise_variance**2, 0)),
        "{came} instead of {expected}: noise_variance is σ² already; it was squared again.",
    ),
    _weights(
        "|w|: σ² divided by β",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - noise_variance / beta, 0)),
        "{came} instead of {expected}: a larger β raises the threshold, so it multiplies σ².",
    ),
    _weights(
        "|w|: βσ² added",
        lambda variances, noise_variance, beta: np.sqrt(variances + beta * noise_variance),
        "{came} instead of {expected}: the noise explains a part of λ; the decoder needs only the rest.",
    ),
    _weights(
        "|w|: absolute value instead of the maximum",
        lambda variances, noise_variance, beta: np.sqrt(np.abs(variances - beta * noise_variance)),
        "{came} instead of {expected}: below the threshold the weight is 0; with | | it would grow again with β.",
    ),
    _weights(
        "|w|: cut off, not shrunk",
        lambda variances, noise_variance, beta: np.where(variances > beta * noise_variance, np.sqrt(variances), 0.0),
        "{came} instead of {expected}: these weights are those of PCA, √λ. Above the threshold w² is λ less βσ².",
    ),
    _weights(
        "|w|: difference of the roots",
        lambda variances, noise_variance, beta: np.maximum(np.sqrt(variances) - np.sqrt(beta * noise_variance), 0),
        "{came} instead of {expected}: variances are subtracted, then the root is taken.",
    ),
    Mistake(
        "collapse β: upside down",
        {"collapse_beta": lambda variances, noise_variance: noise_variance / variances},
        "{came} instead of {expected}: a direction with more variance holds out longer, so λ stands above.",
    ),
    Mistake(
        "collapse β: λ - σ²",
        {"collapse_beta": lambda variances, noise_variance: variances - noise_variance},
        "{came} instead of {expected}: λ - βσ² = 0 is solved for β by a division.",
    ),
    Mistake(
        "collapse β: σ for σ²",
        {"collapse_beta": lambda variances, noise_variance: variances / np.sqrt(noise_variance)},
        "{came} instead of {expected}: noise_variance is σ² already; no root of it is wanted.",
    ),
    Mistake(
        "collapse β: √λ / σ",
        {"collapse_beta": lambda variances, noise_variance: np.sqrt(variances / noise_variance)},
        "{came} instead of {expected}: the root belongs to |w|; the threshold is a ratio of variances.",
    ),
    Mistake(
        "collapse β: one for all latents",
        {"collapse_beta": lambda variances, noise_variance: np.max(variances) / noise_variance},
        "One number came: the β at which the last latent collapses. Each latent has a threshold of its own.",
    ),
    Mistake(
        "collapse β: never below 1",
        {"collapse_beta": lambda variances, noise_variance: np.maximum(variances / noise_variance, 1)},
        "{came} instead of {expected}: where λ < σ², a latent has collapsed before β reaches 1: in a plain VAE.",
    ),
)
