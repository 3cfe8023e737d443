"""How many bits does an image need?

Varied: K, the entries of the VQ-VAE's codebook, and how it learns: by moving averages or by gradients. Held fixed: the
map of codes, the networks, and the training. The images are black and white, so that every number of bits is one that
an arithmetic coder would reach: for the codes, and for the pixels given the codes.
Measured on test images: the bits of the codes when all are equally likely, h w log2 K, and under a PixelCNN that is
trained on the codes; the bits of the pixels given the codes; and the perplexity of the choice of entries.
"""

import dataclasses
import math
from typing import cast

import torch
from torch import Tensor, nn

from figures.lines import Panel, line_panels
from foundation.options import DataOptions
from paper.experiments.baseline import fit_baseline
from paper.experiments.experiment import Experiment, Settings, image_rows, line_over
from paper.experiments.tables import Column, cell, over_seeds
from paper.models.base import Images
from paper.models.options import VQVAEOptions
from paper.models.pixelcnn import CodesPrior, GatedPixelCNN, prior_over
from paper.models.vq_vae import VQVAE, Codes, perplexity

CODEBOOKS = {"ema": "moving averages", "gradient": "gradients"}
"""The names of the ways to learn, by the option's value."""
AT_ONCE = 500
"""Images that are encoded at a time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodebookSizes(Settings):
    """The sizes, the networks, and the training of the prior."""

    codes: tuple[int, ...] = (8, 32, 128, 512)
    """K."""
    code_dim: int = 16
    channels: tuple[int, ...] = (16, 32)
    batch_size: int = 64
    """Of the VQ-VAE and of the prior."""
    prior_channels: int = 24
    prior_layers: int = 3
    prior_epochs: int = 5
    """Passes of the prior over the codes of the training images."""


DATA = DataOptions(binarise="static")
FULL = CodebookSizes(train_images=10_000, epochs=6, seeds=2)
QUICK = CodebookSizes(codes=(8, 128), train_images=3000, epochs=8)
TABLES = {
    "Test images, bits per image": (
        Column("name", "K, learned by"),
        Column("flat_bits", "codes", 1),
        Column("prior_bits", "codes with the prior", 1),
        Column("pixel_bits", "pixels, given the codes", 1),
        Column("bits", "both, with the prior", 1),
        Column("perplexity", "perplexity", 1),
    )
}


def run(experiment: Experiment, settings: CodebookSizes) -> None:
    """Trains a VQ-VAE and a prior over its codes for every K, way to learn, and seed."""
    shown = experiment.one_of_each(10).images
    rows = {"test image": shown}
    for K in settings.codes:
        for codebook, way in CODEBOOKS.items():
            options = VQVAEOptions(
                codes=K, code_dim=settings.code_dim, channels=settings.channels,
                codebook=codebook,  # type: ignore[arg-type]  # a name of a literal
            )  # fmt: skip
            name = f"K = {K}, {way}"
            models = [
                cast(VQVAE, model)
                for model in experiment.repeat(name, options, settings, batch_size=settings.batch_size)
            ]
            priors = [fit_prior(experiment, f"prior, {name}", model, settings, i) for i, model in enumerate(models)]
            numbers = [examine(prior, experiment.data.test.images) for prior in priors]
            experiment.row(name=f"{K}, {way}", codes=K, way=way, **over_seeds(numbers))
            if codebook == "ema":
                rows[f"K = {K}, x̂"] = priors[0].reconstruct(shown)
                rows[f"K = {K}, drawn"] = priors[0].sample(priors[0].draw_latents(len(shown), experiment.seed))
    report(experiment)
    draw(experiment, rows)


def fit_prior(experiment: Experiment, name: str, model: VQVAE, settings: CodebookSizes, seed: int) -> CodesPrior:
    """A prior over the codes of a VQ-VAE, trained on those of the training images, which are found once."""
    prior = prior_over(
        model, experiment.seed + seed, prior_channels=settings.prior_channels, prior_layers=settings.prior_layers
    )
    codes = all_codes(model, experiment.data.train.images)

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        return -cast(GatedPixelCNN, network).log_prob(codes[chosen]).mean()

    steps = settings.prior_epochs * math.ceil(len(codes) / settings.batch_size)
    fit_baseline(
        experiment, name, prior.network, loss, len(codes), steps=steps, seed=seed, batch_size=settings.batch_size,
        learning_rate=3e-3,
    )  # fmt: skip
    return prior.eval()


@torch.no_grad()
def all_codes(model: VQVAE, images: Images) -> Codes:
    """The codes of many images."""
    return torch.cat([model.codes(x) for x in images.split(AT_ONCE)])


@torch.no_grad()
def examine(prior: CodesPrior, images: Images) -> dict[str, float]:
    """The numbers of a VQ-VAE and the prior over its codes, in bits per image."""
    codes, K = all_codes(prior, images), prior.options.codes
    prior_nats = -torch.cat([prior.network.log_prob(some) for some in codes.split(AT_ONCE)]).mean().item()
    pixel_nats = -torch.cat(
        [prior.log_prob(prior.decode(prior.codebook(some)), x)
         for some, x in zip(codes.split(AT_ONCE), images.split(AT_ONCE), strict=True)]
    ).mean().item()  # fmt: skip
    return {
        "flat_bits": codes[0].numel() * math.log2(K),
        "prior_bits": prior_nats / math.log(2),
        "pixel_bits": pixel_nats / math.log(2),
        "bits": (prior_nats + pixel_nats) / math.log(2),
        "perplexity": perplexity(codes, K).item(),
    }


def report(experiment: Experiment) -> None:
    """States the fewest bits, what the prior saves, and how the ways to learn compare at the largest K."""
    best = min(experiment.rows, key=lambda row: row["bits"])
    most = max(row["codes"] for row in experiment.rows)
    ema, gradient = (row for row in experiment.rows if row["codes"] == most)
    experiment.find(best_codes=best["codes"], best_way=best["way"], best_bits=best["bits"])
    experiment.find(saved=1 - best["prior_bits"] / best["flat_bits"])
    experiment.find(perplexity_ema=ema["perplexity"], perplexity_gradient=gradient["perplexity"])
    experiment.answer(
        f"The fewest bits, {cell(best, 'bits', 1)} per image, has K = {best['codes']} learned by {best['way']}: "
        f"{cell(best, 'prior_bits', 1)} for the codes, which take {cell(best, 'flat_bits', 1)} without the prior, and "
        f"{cell(best, 'pixel_bits', 1)} for the pixels. Of K = {most} entries as many are used as "
        f"{cell(ema, 'perplexity', 1)} equally likely ones with moving averages, and "
        f"{cell(gradient, 'perplexity', 1)} with gradients."
    )


def draw(experiment: Experiment, rows: dict[str, Tensor]) -> None:
    """Draws the pixels' bits over the codes' bits, and for every K x̂ and images from the prior."""
    lines = {}
    for way in CODEBOOKS.values():
        of = [row for row in experiment.rows if row["way"] == way]
        for key, how in (("flat_bits", "all alike"), ("prior_bits", "with the prior")):
            lines[f"{way}, {how}"] = line_over(of, key, "pixel_bits")
    experiment.draw("bits", line_panels(
        [Panel("Bits of the pixels, given the codes", "bits of the codes", lines, own_ticks=False)],
        "Bits for the codes, bits for the pixels", "Test images; along each line K grows. Look for how far the prior "
        "moves a line to the left, and for where more bits of codes save fewer bits of pixels."))  # fmt: skip
    experiment.draw("images", image_rows(
        "Images of few codes and of many", "Below the test images, for every K: x̂ from the codes, and images whose "
        "codes are drawn from the prior. Look for x̂ that sharpens with K, and for strokes of drawn images that end "
        "in the middle.", rows, apart=range(1, len(rows), 2)))  # fmt: skip
