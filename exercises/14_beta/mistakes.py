"""Wrong losses, schedules, reductions and thresholds, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import Mistake
from foundation.objective import Objective
from numpy_impl import vae_numpy
from numpy_impl.functional import sigmoid

# The loss, and the effective β


def _parts(logits, x, mu, logvar):
    _, reconstruction, kl = vae_numpy.loss(logits, x, mu, logvar, Objective())
    return reconstruction, kl


def _loss(name, combine, explanation):
    """A mistake in the way the two right parts make the loss."""

    def beta_loss(logits, x, mu, logvar, beta):
        reconstruction, kl = _parts(logits, x, mu, logvar)
        loss = combine(reconstruction, kl, beta, pixels=x[0].size, latents=mu.shape[1])
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    return Mistake(name, {"beta_loss": beta_loss}, explanation)


def _reduced(name, change, explanation):
    """A mistake in the parts; the loss is made of them as it should be."""

    def beta_loss(logits, x, mu, logvar, beta):
        reconstruction, kl = change(*_parts(logits, x, mu, logvar), len(x), x[0].size, mu.shape[1])
        return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}

    return Mistake(name, {"beta_loss": beta_loss}, explanation)


def _reported_with_beta(logits, x, mu, logvar, beta):
    reconstruction, kl = _parts(logits, x, mu, logvar)
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": beta * kl}


def _twice(logits, x, mu, logvar, beta):
    reconstruction, kl = _parts(logits, x, mu, logvar)
    return {"loss": reconstruction + beta**2 * kl, "reconstruction": reconstruction, "kl": beta * kl}


def _squared_error(logits, x, mu, logvar, beta):
    _, kl = _parts(logits, x, mu, logvar)
    reconstruction = np.sum((x - sigmoid(logits)) ** 2) / len(x)
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}


LOSS = (
    _loss(
        "β is not used",
        lambda r, kl, beta, **_: r + kl,
        "{got} instead of {expected}, which is the value for β = 1: the result must change when β does.",
    ),
    _loss(
        "β on the reconstruction",
        lambda r, kl, beta, **_: beta * r + kl,
        "{got} instead of {expected}: β multiplies the KL alone. A large β would now mean sharper images.",
    ),
    _loss(
        "β on both terms",
        lambda r, kl, beta, **_: beta * (r + kl),
        "{got} instead of {expected}: a factor on the whole loss moves no optimum, only the size of the steps.",
    ),
    _loss(
        "KL divided by β",
        lambda r, kl, beta, **_: r + kl / beta,
        "{got} instead of {expected}: a larger β makes the KL more expensive, so it multiplies.",
    ),
    _loss(
        "β added to the KL",
        lambda r, kl, beta, **_: r + beta + kl,
        "{got} instead of {expected}: an added constant has no gradient. β is a factor.",
    ),
    _loss(
        "β KL subtracted",
        lambda r, kl, beta, **_: r - beta * kl,
        "{got} instead of {expected}: the loss is the negative ELBO, where the KL counts as a cost.",
    ),
    _loss(
        "the ELBO instead of the loss",
        lambda r, kl, beta, **_: -r - beta * kl,
        "{got} instead of {expected}: this is what is made large. A loss is made small.",
    ),
    _loss(
        "(1 - β) on the reconstruction",
        lambda r, kl, beta, **_: (1 - beta) * r + beta * kl,
        "{got} instead of {expected}: β is no share of a whole. β = 1 is the VAE, not a loss without images.",
    ),
    _loss(
        "β scaled by latents / pixels",
        lambda r, kl, beta, pixels, latents: r + beta * latents / pixels * kl,
        "{got} instead of {expected}: latents / pixels turns a β for sums into one for means; here both are sums.",
    ),
    Mistake(
        "the reported KL holds β",
        {"beta_loss": _reported_with_beta},
        "{got} instead of {expected}: the loss is right, but a KL that contains β cannot be compared between runs.",
    ),
    Mistake(
        "β applied twice",
        {"beta_loss": _twice},
        "{got} instead of {expected}: the KL was multiplied by β, and then again in the loss: β² in all.",
    ),
    Mistake(
        "squared error for the cross-entropy",
        {"beta_loss": _squared_error},
        "{got} instead of {expected}: (x - x_hat)² belongs to a Gaussian likelihood. Here it is the Bernoulli's.",
    ),
    _reduced(
        "mean over pixels and mean over latents",
        lambda r, kl, N, D, Z: (r / D, kl / Z),
        "{got} instead of {expected}: with 77 pixels and 3 latents this is a loss with 77/3 = 25.67 times the β.",
    ),
    _reduced(
        "mean over pixels",
        lambda r, kl, N, D, Z: (r / D, kl),
        "{got} instead of {expected}: a 77th of the reconstruction beside the whole KL: 77 times the β.",
    ),
    _reduced(
        "mean over latents",
        lambda r, kl, N, D, Z: (r, kl / Z),
        "{got} instead of {expected}: a third of the KL, since there are 3 latents: a third of the β.",
    ),
    _reduced(
        "KL summed over the batch",
        lambda r, kl, N, D, Z: (r, kl * N),
        "{got} instead of {expected}: 5 times the KL, since there are 5 images; β would depend on the batch size.",
    ),
    _reduced(
        "reconstruction summed over the batch",
        lambda r, kl, N, D, Z: (r * N, kl),
        "{got} instead of {expected}: 5 times the reconstruction, since there are 5 images.",
    ),
    _reduced(
        "both summed over the batch",
        lambda r, kl, N, D, Z: (r * N, kl * N),
        "{got} instead of {expected}: 5 times too much, since there are 5 images. A loss is per image.",
    ),
)


def _effective(name, change, explanation):
    def effective_beta(beta, pixels, latents, reconstruction, kl):
        D = pixels if reconstruction == "mean" else 1
        Z = latents if kl == "mean" else 1
        return change(beta, D, Z, pixels, latents)

    return Mistake(name, {"effective_beta": effective_beta}, explanation)


EFFECTIVE = (
    _effective(
        "effective β: reductions change nothing",
        lambda beta, D, Z, pixels, latents: beta,
        "{got} instead of {expected}: a mean over 784 pixels makes that term 784 times smaller than the sum.",
    ),
    _effective(
        "effective β: upside down",
        lambda beta, D, Z, pixels, latents: beta * Z / D,
        "{got} instead of {expected}: one over it. A smaller reconstruction term makes the KL weigh more.",
    ),
    _effective(
        "effective β: always pixels / latents",
        lambda beta, D, Z, pixels, latents: beta * pixels / latents,
        "{got} instead of {expected}: only a mean divides. Look at the two reductions first.",
    ),
    _effective(
        "effective β: sum and mean confused",
        lambda beta, D, Z, pixels, latents: beta * (pixels // D) / (latents // Z),
        "{got} instead of {expected}: the mean is what divides by the number of entries, not the sum.",
    ),
    _effective(
        "effective β: only two means looked at",
        lambda beta, D, Z, pixels, latents: beta * D / Z if D > 1 and Z > 1 else beta,
        "{got} instead of {expected}: one mean beside one sum changes β, too, and more than two means do.",
    ),
    _effective(
        "effective β: the product",
        lambda beta, D, Z, pixels, latents: beta * D * Z,
        "{got} instead of {expected}: a mean over the latents makes the KL smaller, and so the effective β.",
    ),
    _effective(
        "effective β: one over the product",
        lambda beta, D, Z, pixels, latents: beta / (D * Z),
        "{got} instead of {expected}: a mean over the pixels makes the other term smaller, and so the KL larger.",
    ),
    _effective(
        "effective β: latents forgotten",
        lambda beta, D, Z, pixels, latents: beta * D,
        "{got} instead of {expected}: the mean over the latents divides the KL by their number.",
    ),
    _effective(
        "effective β: pixels forgotten",
        lambda beta, D, Z, pixels, latents: beta / Z,
        "{got} instead of {expected}: the mean over the pixels divides the reconstruction by their number.",
    ),
    _effective(
        "effective β: whole numbers",
        lambda beta, D, Z, pixels, latents: beta * (D // Z) if D > 1 else beta / Z,
        "{got} instead of {expected}: // drops the fraction.",
    ),
    _effective(
        "effective β: the written β forgotten",
        lambda beta, D, Z, pixels, latents: D / Z,
        "{got} instead of {expected}: the ratio of the reductions multiplies the β that is written in the code.",
    ),
    Mistake(
        "effective β: the two reductions exchanged",
        {
            "effective_beta": lambda beta, pixels, latents, reconstruction, kl: (
                beta * (pixels if kl == "mean" else 1) / (latents if reconstruction == "mean" else 1)
            )
        },
        "{got} instead of {expected}: `reconstruction` is about the pixels, `kl` about the latents.",
    ),
)


# Schedules


def _warm_up(name, schedule, explanation):
    """A mistake while there is a warm-up at all."""

    def linear_warm_up(step, warm_up_steps, beta):
        return schedule(step, warm_up_steps, beta) if warm_up_steps else beta

    return Mistake(name, {"linear_warm_up": linear_warm_up}, explanation)


WARM_UP = (
    _warm_up(
        "the warm-up does not start at 0",
        lambda t, T, beta: beta * min((t + 1) / T, 1),
        "{got} instead of {expected}: step counts from 0, so (step + 1) is one step ahead.",
    ),
    _warm_up(
        "β a step too early",
        lambda t, T, beta: beta * min(t / (T - 1), 1),
        "{got} instead of {expected}: β is reached at step = warm_up_steps, not at the step before it.",
    ),
    _warm_up(
        "the warm-up never reaches β",
        lambda t, T, beta: beta * min(t, T) / (T + 1),
        "{got} instead of {expected}: divide by warm_up_steps, not by one more.",
    ),
    _warm_up(
        "the warm-up stops a step short of β",
        lambda t, T, beta: beta * min(t, T - 1) / T,
        "{got} instead of {expected}: the last step of the rise is never taken.",
    ),
    _warm_up(
        "the warm-up never ends",
        lambda t, T, beta: beta * t / T,
        "{got} instead of {expected}: after warm_up_steps the weight stays at β.",
    ),
    _warm_up(
        "the warm-up starts again",
        lambda t, T, beta: beta * (t % T) / T,
        "{got} instead of {expected}: step % warm_up_steps is 0 again and again. (So does a counter set to 0 in "
        "each epoch or batch.) It counts through the whole training.",
    ),
    _warm_up(
        "the warm-up ends at 1",
        lambda t, T, beta: min(t / T, 1),
        "{got} instead of {expected}: the rise leads from 0 to β, not from 0 to 1.",
    ),
    _warm_up(
        "the warm-up is cut off at β, not scaled",
        lambda t, T, beta: min(t / T, beta),
        "{got} instead of {expected}: with min(step / warm_up_steps, β) a larger β takes longer to reach.",
    ),
    _warm_up(
        "the warm-up falls",
        lambda t, T, beta: beta * max(1 - t / T, 0),
        "{got} instead of {expected}: the KL is switched on, not off.",
    ),
    _warm_up(
        "the warm-up is a switch",
        lambda t, T, beta: beta * min(t // T, 1),
        "{got} instead of {expected}: // divides whole numbers, 0 all the way and then β at once.",
    ),
    Mistake(
        "0 without a warm-up",
        {"linear_warm_up": lambda step, warm_up_steps, beta: beta * min(step / max(warm_up_steps, 1), 1)},
        "{got} instead of {expected}: where there is no warm-up, the first step already has the whole β.",
    ),
)


def _cyclical(name, schedule, explanation):
    return Mistake(name, {"cyclical_warm_up": schedule}, explanation)


CYCLICAL = (
    _cyclical(
        "the cycle does not repeat",
        lambda step, period, warm_up_steps, beta: beta * min(step / warm_up_steps, 1),
        "{got} instead of {expected}: this is the warm-up without cycles; at step = period it starts at 0 again.",
    ),
    _cyclical(
        "the cycle rises all the time",
        lambda step, period, warm_up_steps, beta: beta * (step % period) / period,
        "{got} instead of {expected}: the rise takes warm_up_steps, and the rest of the period is spent at β.",
    ),
    _cyclical(
        "the cycle has no time at β",
        lambda step, period, warm_up_steps, beta: beta * (step % warm_up_steps) / warm_up_steps,
        "{got} instead of {expected}: a cycle is as long as the period, not as long as the rise.",
    ),
    _cyclical(
        "the cycle takes the rise on top of the period",
        lambda step, period, warm_up_steps, beta: beta * min(step % (period + warm_up_steps) / warm_up_steps, 1),
        "{got} instead of {expected}: the period is the rise and the time at β together.",
    ),
    _cyclical(
        "the cycle ends at 1",
        lambda step, period, warm_up_steps, beta: min(step % period / warm_up_steps, 1),
        "{got} instead of {expected}: the rise leads from 0 to β, not from 0 to 1.",
    ),
    _cyclical(
        "the cycle is cut off at β, not scaled",
        lambda step, period, warm_up_steps, beta: min(step % period / warm_up_steps, beta),
        "{got} instead of {expected}: β scales the rise; min(..., β) only ends it.",
    ),
    _cyclical(
        "the cycle never levels off",
        lambda step, period, warm_up_steps, beta: beta * (step % period) / warm_up_steps,
        "{got} instead of {expected}: after warm_up_steps the weight stays at β until the period is over.",
    ),
    _cyclical(
        "the cycle falls as it rose",
        lambda step, period, warm_up_steps, beta: (
            beta * min(step % period / warm_up_steps, (period - step % period) / (period - warm_up_steps), 1)
        ),
        "{got} instead of {expected}: a triangle. The weight stays at β and then drops to 0 at once.",
    ),
    _cyclical(
        "the cycle starts a step ahead",
        lambda step, period, warm_up_steps, beta: beta * min((step + 1) % period / warm_up_steps, 1),
        "{got} instead of {expected}: step counts from 0, so (step + 1) is one step ahead.",
    ),
    _cyclical(
        "the cycle rises at its end",
        lambda step, period, warm_up_steps, beta: (
            beta * max(step % period - (period - warm_up_steps), 0) / warm_up_steps
        ),
        "{got} instead of {expected}: first the rise, then the time at β.",
    ),
)


# Weights and thresholds of the linear VAE


def _weights(name, weights, explanation):
    return Mistake(name, {"linear_vae_weights": weights}, explanation)


COLLAPSE = (
    _weights(
        "|w|: root of a negative number",
        lambda variances, noise_variance, beta: np.sqrt(variances - beta * noise_variance),
        "{got} instead of {expected}: where λ < βσ² the best weight is 0, and the root of a negative number NaN.",
    ),
    _weights(
        "|w|: the root is missing",
        lambda variances, noise_variance, beta: np.maximum(variances - beta * noise_variance, 0),
        "{got} instead of {expected}: these are w². λ is a variance, w a length.",
    ),
    _weights(
        "|w|: β is not used",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - noise_variance, 0)),
        "{got} instead of {expected}: this is the answer for β = 1.",
    ),
    _weights(
        "|w|: σ² is not used",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta, 0)),
        "{got} instead of {expected}: β alone is no variance; what is taken off λ is βσ².",
    ),
    _weights(
        "|w|: σ for σ²",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta * np.sqrt(noise_variance), 0)),
        "{got} instead of {expected}: noise_variance is σ² already; no root of it is wanted.",
    ),
    _weights(
        "|w|: σ⁴ for σ²",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - beta * noise_variance**2, 0)),
        "{got} instead of {expected}: noise_variance is σ² already; it was squared again.",
    ),
    _weights(
        "|w|: σ² divided by β",
        lambda variances, noise_variance, beta: np.sqrt(np.maximum(variances - noise_variance / beta, 0)),
        "{got} instead of {expected}: a larger β raises the threshold, so it multiplies σ².",
    ),
    _weights(
        "|w|: βσ² added",
        lambda variances, noise_variance, beta: np.sqrt(variances + beta * noise_variance),
        "{got} instead of {expected}: the noise explains a part of λ; the decoder needs only the rest.",
    ),
    _weights(
        "|w|: absolute value instead of the maximum",
        lambda variances, noise_variance, beta: np.sqrt(np.abs(variances - beta * noise_variance)),
        "{got} instead of {expected}: below the threshold the weight is 0; with | | it would grow again with β.",
    ),
    _weights(
        "|w|: cut off, not shrunk",
        lambda variances, noise_variance, beta: np.where(variances > beta * noise_variance, np.sqrt(variances), 0.0),
        "{got} instead of {expected}: these weights are those of PCA, √λ. Above the threshold w² is λ less βσ².",
    ),
    _weights(
        "|w|: difference of the roots",
        lambda variances, noise_variance, beta: np.maximum(np.sqrt(variances) - np.sqrt(beta * noise_variance), 0),
        "{got} instead of {expected}: variances are subtracted, then the root is taken.",
    ),
    Mistake(
        "collapse β: upside down",
        {"collapse_beta": lambda variances, noise_variance: noise_variance / variances},
        "{got} instead of {expected}: a direction with more variance collapses later, so λ is the numerator.",
    ),
    Mistake(
        "collapse β: λ - σ²",
        {"collapse_beta": lambda variances, noise_variance: variances - noise_variance},
        "{got} instead of {expected}: λ - βσ² = 0 is solved for β by a division.",
    ),
    Mistake(
        "collapse β: σ for σ²",
        {"collapse_beta": lambda variances, noise_variance: variances / np.sqrt(noise_variance)},
        "{got} instead of {expected}: noise_variance is σ² already; no root of it is wanted.",
    ),
    Mistake(
        "collapse β: √λ / σ",
        {"collapse_beta": lambda variances, noise_variance: np.sqrt(variances / noise_variance)},
        "{got} instead of {expected}: the root belongs to |w|; the threshold is a ratio of variances.",
    ),
    Mistake(
        "collapse β: one for all latents",
        {"collapse_beta": lambda variances, noise_variance: np.max(variances) / noise_variance},
        "The result is one number: the β at which the last latent collapses. Each latent has a threshold of its own.",
    ),
    Mistake(
        "collapse β: never below 1",
        {"collapse_beta": lambda variances, noise_variance: np.maximum(variances / noise_variance, 1)},
        "{got} instead of {expected}: where λ < σ², a latent has collapsed before β reaches 1: in a plain VAE.",
    ),
)


MISTAKES = LOSS + WARM_UP + CYCLICAL + EFFECTIVE + COLLAPSE
