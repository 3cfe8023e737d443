"""The sentences of an evaluation's report, which say how to read its numbers."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from foundation.latents import ACTIVE
from foundation.objective import OVER_LEVELS
from paper.evaluation.bound import PIXEL_SEED
from paper.evaluation.disentanglement import REPEATS
from paper.evaluation.ground_truth import GroundTruth
from paper.evaluation.importance import Estimate
from paper.models.base import Model

WIDE = 1.0
"""Bounds on log p(x) that are more nats apart come with a warning."""
ABOUT_DRAWN_KL = "The KL is that of all latents together: log q(z|x) − log p(z) at the z drawn."

ABOUT_STEPS = (
    "The mean over the images, of one draw of the noise at each step; training minimises the mean over all steps. "
    "Beside it the loss of the prediction that is right for N(0, I); the difference is what was learned."
)


def about_bound(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the table of the negative ELBO."""
    yield "Sum: the negative ELBO, at least −log p(x), where z is drawn from q(z|x); no bound where z = μ."
    yield "±: standard error of the mean over the images."
    yield from about_pixels(model, test_pixels, drawn)
    yield from about_training(model)


def about_diffusion(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the table of the negative ELBO under two priors."""
    yield "Sum: the negative ELBO, at least −log p(x). ±: standard error of the mean over the images."
    yield (
        "KL: log q(z|x) − log p(z) at the z drawn, the same z under both priors. Of a diffusion log p(z) is a bound "
        "(Ho et al. 2020, eq. 5), by one draw of the noise of each step."
    )
    yield from about_pixels(model, test_pixels, drawn)


def about_pixels(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """Which pixels were measured, and what kind of number p(x) is over them."""
    if test_pixels == "grey" and model.options.likelihood == "bernoulli":
        yield "Grey: pixels as in training. No bound on log p(x), since a Bernoulli gives grey pixels no density."
    elif model.options.likelihood in OVER_LEVELS:
        yield "p(x) is a probability of images of 256 levels. bits/dim: the sum per pixel, divided by log 2."
    elif test_pixels == "grey" and not drawn:
        yield "Grey: p(x) is a density, so log p(x) may lie above 0; compare it with other densities only."
        yield "No bits/dim: the pixels are levels without the uniform noise that would dequantise them."
    if drawn:
        yield f"Drawn: every pixel once, white with probability grey, by a fixed seed ({PIXEL_SEED})."


def about_lengths(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the lengths of codes and pixels."""
    yield "Frequencies: of the entries in the codes of these images. ±: standard error of the sum over the images."
    yield "Sum: at least −log p(x), as the negative ELBO of a VAE is: p(x) is a sum over all maps, and this is one."
    if test_pixels == "grey" and model.options.likelihood == "bernoulli":
        yield "Grey: pixels as in training. No bound on log p(x), since a Bernoulli gives grey pixels no density."
    if drawn:
        yield f"Drawn: every pixel once, white with probability grey, by a fixed seed ({PIXEL_SEED})."


def about_training(model: Model) -> Iterator[str]:
    """The differences between the training objective and the ELBO."""
    options = model.options
    if getattr(options, "capacity", None) is not None:
        yield f"Trained to a KL of {options.capacity:g} nats; here the KL has the weight 1, as in the ELBO."
    elif model.options.objective().beta != 1:
        yield f"Trained with β = {model.options.objective().beta:g}; here the KL has the weight 1, as in the ELBO."
    if options.model in ("beta-tcvae", "factor-vae"):
        weight = options.beta if options.model == "beta-tcvae" else 1 + options.gamma
        yield f"Trained with {weight:g} times the total correlation; here the KL has the weight 1, as in the ELBO."
    if getattr(options, "draws", 1) > 1:
        yield f"Trained on the bound of {options.draws} draws, which lies between the ELBO and log p(x)."
    if model.traits.condition == "part":
        yield f"Only the missing pixels count; given: {options.condition}."


def about_classes(model: Model) -> Iterator[str]:
    """How to read the table of q(y|x)."""
    labelled = model.options.labelled
    kept = f"{labelled:,} training images" if labelled else "all training images"
    yield f"Correct: the most probable class under q(y|x) is that of the label. Trained with the labels of {kept}."
    yield "Sum: U(x), at least −log p(x). Here y is inferred; in the first table it is given, which bounds log p(x|y)."
    yield "KL of y: between q(y|x) and equally probable classes. ±: standard errors over the images."


def about_activity(active: int, Z: int) -> str:
    """How many latents are active, by Burda's criterion."""
    return (
        f"{active} of {Z} latents are active: the variance of μ over the images is above {ACTIVE} (Burda et al. 2016)."
    )


def about_likelihood(estimate: Estimate, draws: int) -> Iterator[str]:
    """How reliable the estimate is."""
    yield "A lower bound, in expectation, that rises to log p(x) as K grows."
    yield (
        "Difference: what K draws gain over one. In expectation it is at most KL(q(z|x) ‖ p(z|x)), and reaches it only "
        "where many draws are effective."
    )
    median, least = np.median(estimate.effective_draws), estimate.effective_draws.min()
    yield f"Effective draws, of {draws:,}: {median:.0f} for the median image, {least:.1f} for the worst."


def about_annealing(T: int, chains: int, accepted: float | None, draws: int) -> Iterator[str]:
    """How to read the bounds by annealing."""
    steps = "" if accepted is None else f"; {accepted:.0%} of the steps were accepted"
    yield f"{T:,} temperatures, {chains:,} chains for each image{steps}. ±: standard error of the mean over the images."
    both = " Both are lower bounds: the higher one is nearer." if draws else ""
    yield f"Annealing begins at the prior and needs no q(z|x). From below: a lower bound, in expectation.{both}"
    yield (
        "Of an image that the model drew its z is known, and annealing back from it is an upper bound: log p(x) lies "
        "between the two, in expectation, and their width is how far the annealing is off on such images."
    )


def about_curve(gap: float, error: float | None) -> Iterator[str]:
    """How to read the rate-distortion curve."""
    yield (
        "Rate: KL(q(z|x) ‖ p(z)); distortion: −E[log p(x|z)]. On the curve q is p(z) p(x|z)^β, normalised: no other "
        "has less distortion at this rate. Each point lies on the curve or above it, in expectation."
    )
    yield f"Sum: −ELBO of this q; at β = 1, where q is p(z|x), it is −log p(x). {encoder_gap(gap, error)}"


def encoder_gap(gap: float, error: float | None) -> str:
    """How far the encoder's −ELBO is above the curve's end."""
    amount = f"{gap:.2f}".replace("-", "−") + ("" if error is None else f" ± {error:.2f}")
    return f"The encoder's is {amount} more: at least that, in expectation, is KL(q(z|x) ‖ p(z|x))."


def annealing_warning(width: float, gap: float, error: float | None) -> str | None:
    """A sentence where the annealing was too fast; None elsewhere."""
    if width > WIDE:
        return (
            f"The bounds by annealing are {width:.2f} nats apart on images that the model drew: it was too fast. "
            "Take more temperatures."
        )
    if error is not None and gap < -2 * error:
        return (
            "By annealing −log p(x) is above −ELBO, which it cannot be: it was too fast for these images. Take more "
            "temperatures."
        )
    return None


def about_bits(bits: float | None) -> Iterator[str]:
    """-log p(x) in the unit of papers on images, where there is one."""
    if bits is not None:
        yield f"−log p(x): {bits:.3f} bits per dimension, over the pixels of 256 levels."


def about_codes(model: Model) -> str:
    """Why there is neither KL nor log p(x)."""
    kind = "map of codes" if model.traits.codes else "code"
    return f"−log p(x|z) for the {kind} of x. It is one point, not a q(z|x): there is no KL, and log p(x) is left out."


def about_codebook(used: int, K: int, perplexity: float, places: int) -> Iterator[str]:
    """How the codebook is used, and how many nats a map of codes takes."""
    yield f"{used} of {K} entries occur in the codes of the test images."
    yield f"Perplexity {perplexity:.1f}: as varied as {perplexity:.1f} entries that occur equally often."
    uniform, frequencies = places * math.log(K), places * math.log(perplexity)
    yield (
        f"A map of {places} codes takes {uniform:.1f} nats under a uniform prior, and {frequencies:.1f} under the "
        "frequencies of the entries."
    )


def codebook_warning(used: int, K: int) -> str | None:
    """A sentence where most entries never occur; None elsewhere."""
    if used >= K / 2:
        return None
    return f"{K - used} of {K} codebook entries never occur: try a smaller codebook or a learning-rate warm-up."


def about_factors(truth: GroundTruth | None, kept: Bool[np.ndarray, " Z"]) -> Iterator[str]:
    """What the scores were measured on."""
    yield f"Codes: μ of the {int(kept.sum())} active latents of {len(kept)}."
    yield f"Scores: 1 for a perfect code; mean and standard deviation (±) over {REPEATS} seeds of the metrics."
    yield "Best latent, second best: mutual information with the factor, as a share of the factor's entropy."
    if truth is None:
        yield "The first two metrics need new images of chosen factors, which cannot be drawn for images from a file."
        return
    if truth.given:
        yield f"Left out: {', '.join(truth.given)}, which the model is given."
    if truth.note is not None:
        yield truth.note
