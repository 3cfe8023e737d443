"""What a model of this folder learned, in pictures: everything that its kind can show.

Which test images are shown does not depend on chance; with one seed the files are the same, byte for byte.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn

from figures.charts import latent_space
from figures.choices import between, prior_draws, quantile_grid, slerp
from figures.codes import code_maps, code_usage
from figures.conditional import classes_and_styles, completions, style_transfer
from figures.curves import training_curves
from figures.galleries import manifold, reconstructions, samples
from figures.latents import interpolations, kl_per_latent, traversals
from figures.style import save
from foundation.runs import Run
from paper.arrays import BATCH, array, choose, choose_pairs, decode, encode
from paper.data import Data, Part
from paper.evaluation.activity import ACTIVE, kl_by_latent, variance_of_mu
from paper.models.autoencoder import Autoencoder
from paper.models.cvae import CompletionVAE, ConditionalVAE
from paper.models.vae import VAE
from paper.models.vq_vae import VQVAE

TILES = 20
"""Test images to reconstruct."""
PAIRS, STEPS = 4, 9
"""Interpolations, and the points decoded on each."""
LATENTS, REACH = 10, (-3, -2, -1, 0, 1, 2, 3)
"""Latents to traverse, and where to, in standard deviations of the prior."""
STYLES, CLASSES = 8, 12
"""Rows and, at most, columns of class-by-style grids."""
GIVEN, GUESSES, AVERAGED = 8, 5, 200
"""Given parts to complete, draws shown for each, and draws in their mean."""
ABREAST = 9
"""Test images shown with their codes."""
GRID = 20
"""Tiles along each axis of the manifold."""
POINTS = 5000
"""Test images in the latent space, and in the use of codes."""
NOISE = {
    "bernoulli": "a Bernoulli draw from p(x|z), each pixel black or white",
    "continuous-bernoulli": "a continuous-Bernoulli draw from p(x|z), each pixel some grey",
    "gaussian": "a Gaussian draw from p(x|z), noise on each pixel",
    "gaussian-learned": "a Gaussian draw from p(x|z), noise on each pixel",
}
"""What is shown instead of the expected image, by the likelihood's name."""


@torch.no_grad()
def draw_model_run(run: Run, model: nn.Module, data: Data, draw: bool = False, seed: int = 0) -> list[Path]:
    """Draw everything that a model can show into its run's figures/; the paths of the files.

    Generated images are the expected ones; with `draw` they also come as draws from p(x|z), in files of their own. The
    seed draws z from the prior and pixels from p(x|z).
    """
    model.eval()
    figures = code_figures(model, data) if isinstance(model, VQVAE) else latent_figures(model, data)
    if isinstance(model, VAE):
        figures |= generated_figures(model, data, seed)
        if draw:
            pixels = torch.Generator(data.test.images.device).manual_seed(seed)
            figures |= generated_figures(model, data, seed, pixels)
    records = run.metrics()
    if any(record.get("kind") == "step" for record in records):
        figures["training_curves"] = training_curves(records, capacities(run, model, records))
    return [save(figure, run.figure_path(name)) for name, figure in figures.items()]


def latent_figures(model: VAE, data: Data) -> dict[str, Figure]:
    """What the encoder makes of test images, and what single latents and the ways between two codes hold."""
    mu, logvar = encode(model, data.test, POINTS)
    labels = array(data.test.labels[: len(mu)])
    figures = {"latent_space": latent_space(array(mu), labels, data.classes, where_to_look(model))}
    if logvar is not None:
        kl = kl_by_latent(mu, logvar)
        figures["kl_per_latent"] = kl_per_latent({"": kl}, {"": variance_of_mu(mu) > ACTIVE})
        figures["traversals"] = traversal_figure(model, data.test, kl)
    if isinstance(model, CompletionVAE):
        return figures
    figures["reconstructions"] = reconstruction_figure(model, data, "z\u00a0=\u00a0μ")
    figures |= interpolation_figures(model, data.test)
    if mu.shape[1] == 2 and type(model) not in (Autoencoder, ConditionalVAE):
        z, quantiles = quantile_grid(GRID)
        figures["manifold"] = manifold(decode(model, z), quantiles)
    return figures


def where_to_look(model: VAE) -> str:
    """The caption of the latent space: what to expect of it depends on what the model was asked for."""
    dashed = "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior"
    if isinstance(model, Autoencoder):
        return f"{dashed} that a VAE would have. Look for how far the codes lie from it, and for holes between them."
    if isinstance(model, ConditionalVAE):
        return f"{dashed}. Look for classes that lie on one another: the class is given, so z need not tell it."
    return f"{dashed}. Look for classes that overlap, and for room left empty."


def reconstruction_figure(model: nn.Module, data: Data, source: str) -> Figure:
    """Test images of all classes above their reconstructions."""
    x, labels = choose(data.test, TILES)
    names = [data.classes[label] for label in labels.tolist()] if len(data.classes) > 1 else None
    return reconstructions(array(x), array(model.reconstruct(x, model.condition(x, labels))), names, source)


def traversal_figure(model: VAE, test: Part, kl: Float[np.ndarray, " Z"]) -> Figure:
    """One latent after the other, by their KL, moved away from where a test image has it."""
    x, labels = choose(test, TILES)
    x, labels = x[len(x) // 4 :][:1], labels[len(x) // 4 :][:1]
    c = model.condition(x, labels)
    mu = array(model.encode(x, c)[0][0])
    latents, values = np.argsort(-kl, kind="stable")[:LATENTS], np.array(REACH, dtype=mu.dtype)
    z = np.tile(mu, (len(latents), len(values), 1))
    for row, latent in enumerate(latents):
        z[row, :, latent] = values
    return traversals(decode(model, z, c), latents, values, kl, array(x[0]), mu)


def interpolation_figures(model: VAE, test: Part) -> dict[str, Figure]:
    """Pairs of test images, and the line and the arc between their codes; under a given class, pairs of that class."""
    given = isinstance(model, ConditionalVAE)
    first, second = choose_pairs(array(test.labels), PAIRS, alike=given)
    if len(first) == 0:
        return {}
    (a, b), labels = (test.images[chosen] for chosen in (first, second)), test.labels[first]
    c = model.condition(a, labels)
    start, end = array(model.encode(a, c)[0]), array(model.encode(b, c)[0])
    ways = {"linear": between(start, end, STEPS)}
    if start.shape[1] > 1 and not isinstance(model, Autoencoder):
        ways["spherical"] = slerp(start, end, STEPS)
    x_hat = {name: decode(model, z, None if c is None else c.repeat_interleave(STEPS, 0)) for name, z in ways.items()}
    caption = (
        "Outer columns: test images; between them decoded points on the way from μ to μ. Linear: the straight line"
    )
    if len(ways) > 1:
        caption += ", which passes nearer to the origin. Spherical: direction and length change evenly"
    look = "how one hand turns into another; the class stays" if given else "where one class turns into another"
    return {"interpolation": interpolations(array(a), x_hat, array(b), "Interpolation", f"{caption}. Look for {look}.")}


def generated_figures(model: VAE, data: Data, seed: int, pixels: torch.Generator | None = None) -> dict[str, Figure]:
    """Images for z from the prior, and whatever the model is given beside z: expected ones, or drawn by `pixels`."""
    way = "expected" if pixels is None else "drawn"
    shown = "the expected image" if pixels is None else NOISE[model.options.likelihood]
    if isinstance(model, CompletionVAE):
        return {f"completions_{way}": completion_figure(model, data.test, seed, pixels, shown)}
    if isinstance(model, ConditionalVAE):
        figures = {f"classes_and_styles_{way}": class_figure(model, data, seed, pixels, shown)}
        return figures | ({"style_transfer": style_figure(model, data)} if pixels is None else {})
    x_hat = decode(model, prior_draws(model.options.latent_dim, seed=seed), None, pixels)
    what = f"Each tile: {shown}, for one z\u00a0~\u00a0N(0,\u00a0I)"
    caption = f"{what}. Look for tiles between two classes: there the prior has mass, the data none."
    if isinstance(model, Autoencoder):
        caption = (
            f"{what}, though an autoencoder has no prior: nothing told its codes to lie there. Look for tiles that are "
            "no image of the data's kind."
        )
    title = "Decoded noise" if isinstance(model, Autoencoder) else "Samples from the prior"
    return {f"samples_{way}": samples(x_hat, title, caption)}


def completion_figure(
    model: CompletionVAE, test: Part, seed: int, pixels: torch.Generator | None, shown: str
) -> Figure:
    """Given parts of test images and several completions of each."""
    x, labels = choose(test, GIVEN)
    c = model.condition(x, labels)
    z = prior_draws(model.options.latent_dim, AVERAGED, seed)
    draws = [decode(model, z[:GUESSES], one, pixels) for one in c.split(1)]
    means = [decode(model, z, one).mean(axis=0) for one in c.split(1)]
    return completions(array(x), array(model.mask) > 0, np.stack(draws), np.stack(means), shown)


def class_figure(
    model: ConditionalVAE,
    data: Data,
    seed: int = 0,
    pixels: torch.Generator | None = None,
    shown: str = "the expected image",
) -> Figure:
    """Draws of z under every class."""
    present = classes_of(data.test)
    z = prior_draws(model.options.latent_dim, STYLES, seed)[:, None].repeat(len(present), axis=1)
    x_hat = decode(model, z, model.condition(None, present.repeat(STYLES)), pixels)
    return classes_and_styles(x_hat, [data.classes[i] for i in present.tolist()], shown)


def style_figure(model: ConditionalVAE, data: Data) -> Figure:
    """Test images, and their styles under every class."""
    present = classes_of(data.test)
    x, labels = choose(data.test, STYLES)
    mu = array(model.encode(x, model.condition(x, labels))[0])[:, None].repeat(len(present), axis=1)
    x_hat = decode(model, mu, model.condition(None, present.repeat(len(x))))
    own = torch.searchsorted(present, labels)
    return style_transfer(array(x), x_hat, array(own), [data.classes[i] for i in present.tolist()])


def code_figures(model: VQVAE, data: Data) -> dict[str, Figure]:
    """Reconstructions, the codes between them and the images, and how often each code is used."""
    x, _ = choose(data.test, ABREAST)
    codes = torch.cat([model.codes(part) for part in data.test.images[:POINTS].split(BATCH)])
    counts = torch.bincount(codes.flatten(), minlength=model.options.codes)
    return {
        "reconstructions": reconstruction_figure(model, data, "the codes of x"),
        "codes": code_maps(array(x), array(model.codes(x)), array(model.reconstruct(x)), array(model.codebook.entries)),
        "code_usage": code_usage(array(counts)),
    }


def capacities(run: Run, model: nn.Module, records: list[dict]) -> list[float] | None:
    """Where the objective held the KL at each step; None where it did not."""
    if getattr(model.options, "capacity", None) is None:
        return None
    steps = [record for record in records if record.get("kind") == "step"]
    total = run.config["options"]["epochs"] * sum(record["epoch"] == steps[0]["epoch"] for record in steps)
    return [model.capacity((record["step"] - 1) / total) for record in steps]


def classes_of(part: Part) -> Tensor:
    """The classes that have images, in order, as many as a grid has room for."""
    return part.labels.unique()[:CLASSES]
