"""What an evaluation's numbers mean, in sentences."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool
from torch import nn

from paper.evaluation.activity import ACTIVE
from paper.evaluation.disentanglement import Scores
from paper.evaluation.elbo import PIXEL_SEED
from paper.evaluation.ground_truth import World
from paper.evaluation.importance import Estimate


def pixels(binary: bool) -> str:
    """What the test images are made of."""
    return "black or white" if binary else "grey"


def about_bound(model: nn.Module, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the table of the negative ELBO."""
    yield "Sum: the negative ELBO, at least −log p(x), where z is drawn from q(z|x); no bound where z = μ."
    yield "±: standard error of the mean over the images."
    if test_pixels == "grey" and model.options.likelihood == "bernoulli":
        yield "Grey: pixels as in training. No bound on log p(x), since a Bernoulli gives grey pixels no density."
    elif test_pixels == "grey" and not drawn:
        yield "Grey: p(x) is a density, so that log p(x) may lie above 0; it compares with other densities alone."
    if drawn:
        yield f"Drawn: every pixel once, white with probability grey, by a fixed seed ({PIXEL_SEED})."
    yield from about_training(model)


def about_training(model: nn.Module) -> Iterator[str]:
    """Where the model was trained for something other than the ELBO."""
    options = model.options
    if getattr(options, "capacity", None) is not None:
        yield f"Trained to a KL of {options.capacity:g} nats; here the KL counts once, as log p(x) has it."
    elif model.beta != 1:
        yield f"Trained with the KL times β = {model.beta:g}; here it counts once, as log p(x) has it."
    if getattr(options, "draws", 1) > 1:
        yield f"Trained on the bound of {options.draws} draws, which lies between the ELBO and log p(x)."
    if getattr(options, "condition", "label") != "label":
        yield f"Only the missing pixels count; given: {options.condition}."


def activity(active: int, Z: int) -> str:
    """How many latents are in use, by Burda's criterion."""
    return (
        f"{active} of {Z} latents are active: the variance of μ over the images is above {ACTIVE} (Burda et al. 2016)."
    )


def about_likelihood(estimate: Estimate, draws: int) -> Iterator[str]:
    """How far the estimate can be trusted."""
    yield "A lower bound, in expectation, that rises to log p(x) as K grows."
    median, least = np.median(estimate.effective_draws), estimate.effective_draws.min()
    yield f"Effective draws, of {draws:,}: {median:.0f} for the median image, {least:.1f} for the worst."


def about_codes(model: nn.Module) -> str:
    """Why there is neither KL nor log p(x)."""
    kind = "map of codes" if hasattr(model, "codebook") else "code"
    return f"−log p(x|z) for the {kind} of x. It is one point, not a q(z|x): there is no KL, and log p(x) is left out."


def about_codebook(used: int, K: int, perplexity: float, places: int) -> Iterator[str]:
    """How the codebook is used, and what a map of codes costs to say."""
    yield f"{used} of {K} entries occur in the codes of the test images."
    yield f"Perplexity {perplexity:.1f}: as varied as {perplexity:.1f} entries that occur equally often."
    uniform, frequencies = places * math.log(K), places * math.log(perplexity)
    yield (
        f"A map of {places} codes takes {uniform:.1f} nats to say under a uniform prior, and {frequencies:.1f} where "
        "each entry costs what its frequency says."
    )


def codebook_warning(used: int, K: int) -> str | None:
    """One sentence where most entries lie idle."""
    if used >= K / 2:
        return None
    return f"{K - used} of {K} codebook entries never occur: a smaller codebook, or a slower start, would do as well."


def about_factors(scores: Scores, world: World | None, kept: Bool[np.ndarray, " Z"]) -> Iterator[str]:
    """What the scores were measured on."""
    yield f"Codes: μ of the {int(kept.sum())} active latents of {len(kept)}."
    yield "Knows: mutual information with the factor, as a share of the factor's entropy."
    if world is None:
        yield "The two other metrics need new images of chosen factors, which cannot be drawn for images from a file."
        return
    if world.given:
        yield f"Not asked for: {', '.join(world.given)}, which the model is told."
    if world.note is not None:
        yield world.note
