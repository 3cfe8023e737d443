"""Figures of a trained model: everything that its traits allow, from any rung.

Which test images are shown does not depend on chance; with one seed the files are the same, byte for byte.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from figures.charts import code_usage, kl_per_latent, latent_space
from figures.choices import between, one_of_each, prior_draws, quantile_grid, slerp
from figures.fonts import drawn_names
from figures.galleries import (
    NORMAL,
    classes_and_styles,
    code_maps,
    code_samples,
    completions,
    interpolations,
    manifold,
    reconstructions,
    samples,
    style_transfer,
    traversals,
)
from figures.style import save
from foundation.data.dataset import Dataset
from foundation.latents import ACTIVE, kl_by_latent
from foundation.rung import Rung, encode_all
from foundation.runs import Run

TILES = 20
"""Test images to reconstruct."""
PAIRS, STEPS = 4, 9
"""Interpolations, and the points decoded on each."""
LATENTS, REACH = 10, (-3, -2, -1, 0, 1, 2, 3)
"""Latents to traverse, and their values, in standard deviations of the prior."""
STYLES, CLASSES = 8, 12
"""Rows and, at most, columns of class-by-style grids."""
GIVEN, GUESSES, AVERAGED = 8, 5, 200
"""Given parts to complete, draws shown for each, and draws in their mean."""
ABREAST = 9
"""Test images shown with their codes."""
PRIOR_TILES, OTHER_TILES = 50, 20
"""Images of codes from a learned prior, and from each distribution beside it."""
GRID = 20
"""Tiles along each axis of the manifold."""
POINTS, BATCH = 5000, 500
"""Test images in the latent space, and how many of them are computed at once."""
NOISE = {
    "bernoulli": "a Bernoulli draw from p(x|z), each pixel black or white",
    "continuous-bernoulli": "a continuous-Bernoulli draw from p(x|z), each pixel some grey",
    "gaussian": "a Gaussian draw from p(x|z), noise on each pixel",
    "gaussian-learned": "a Gaussian draw from p(x|z), noise on each pixel",
    "gaussian-optimal": "a Gaussian draw from p(x|z), noise on each pixel",
    "discretised-logistic": "a draw from p(x|z), each pixel one of 256 levels",
}
"""The captions of drawn images, by the likelihood's name."""


def draw_model(run: Run, rung: Rung, test: Dataset[np.ndarray], draw: bool = False, seed: int = 0) -> list[Path]:
    """Draw everything that a model can show into its run's figures/; the paths of the files.

    Generated images are the expected ones; with `draw` they also come as draws from p(x|z), in files of their own. The
    seed draws z from the prior and pixels from p(x|z).
    """
    return [save(figure, run.figure_path(name)) for name, figure in model_figures(rung, test, draw, seed).items()]


def model_figures(rung: Rung, test: Dataset[np.ndarray], draw: bool = False, seed: int = 0) -> dict[str, Figure]:
    """Every figure of a model by the name of its file."""
    if rung.traits.codes:
        figures = code_figures(rung, test)
        if rung.traits.prior:
            figures |= code_sample_figures(rung, test, seed)
            figures |= code_sample_figures(rung, test, seed, drawn=True) if draw else {}
        return figures
    figures = latent_figures(rung, test) | generated_figures(rung, test, seed)
    return figures | (generated_figures(rung, test, seed, drawn=True) if draw else {})


def latent_figures(rung: Rung, test: Dataset[np.ndarray]) -> dict[str, Figure]:
    """The codes of test images, single latents, and the ways between two codes."""
    mu, logvar = encode_all(rung, test.images[:POINTS], test.labels[:POINTS])
    figures = {"latent_space": latent_space(mu, test.labels[: len(mu)], test.classes, where_to_look(rung))}
    if logvar is not None and rung.traits.closed_kl:
        kl = kl_by_latent(mu, logvar)
        figures["kl_per_latent"] = kl_per_latent({"": kl}, {"": mu.astype(np.float64).var(axis=0) > ACTIVE})
        figures["traversals"] = traversal_figure(rung, test, kl)
    elif logvar is not None and not rung.traits.learned_prior:
        figures["traversals"] = traversal_figure(rung, test)
    if rung.traits.condition == "part":
        return figures
    figures["reconstructions"] = reconstruction_figure(rung, test, "z\u00a0=\u00a0μ")
    figures |= interpolation_figures(rung, test)
    standard_prior = rung.traits.prior and not rung.traits.learned_prior
    if mu.shape[1] == 2 and standard_prior and rung.traits.condition == "none":
        z, quantiles = quantile_grid(GRID)
        figures["manifold"] = manifold(decode_all(rung, z), quantiles)
    return figures


def decode_all(
    rung: Rung, z: Float[np.ndarray, "*shape Z"], c: np.ndarray | None = None, seed: int | None = None
) -> Float[np.ndarray, "*shape C H W"]:
    """Expected images for z, or with a seed draws from p(x|z); c has one row for all z or one for each."""
    flat = z.reshape(-1, z.shape[-1]).astype(rung.dtype)
    c = c if c is None else np.broadcast_to(c, (len(flat), *c.shape[1:]))
    images = []
    for start in range(0, len(flat), BATCH):
        part = slice(start, start + BATCH)
        given = None if c is None else c[part]
        if seed is None:
            images.append(rung.sample(flat[part], given))
        else:
            images.append(rung.draw(flat[part], given, seed + start))
    return np.concatenate(images).reshape(*z.shape[:-1], *rung.description.image_shape)


def from_prior(
    rung: Rung, eps: Float[np.ndarray, "*shape Z"], c: np.ndarray | None = None
) -> Float[np.ndarray, "*shape Z"]:
    """z from the model's prior for draws eps from N(0, I); c has one row for all or one for each."""
    if not rung.traits.prior:
        return eps
    flat = eps.reshape(-1, eps.shape[-1]).astype(rung.dtype)
    given = c if c is None else np.broadcast_to(c, (len(flat), *c.shape[1:]))
    return rung.prior(flat, given).reshape(eps.shape)


def where_to_look(rung: Rung) -> str:
    """The caption of the latent space: what to look for depends on the objective."""
    dashed = "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior"
    if rung.traits.learned_prior:
        return (
            "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of N(0, I), which is not the prior. "
            "The prior is learned, and lies where the codes are. Look for classes that overlap."
        )
    if not rung.traits.prior:
        return f"{dashed} that a VAE would have. Look for how far the codes lie from it, and for holes between them."
    if rung.traits.condition == "label":
        return f"{dashed}. Look for classes that overlap: the class is given, so z need not encode it."
    return f"{dashed}. Look for classes that overlap, and for room left empty."


def choose(part: Dataset[np.ndarray], count: int) -> Dataset[np.ndarray]:
    """Up to `count` images: the first of each class, then the second, and so on."""
    return part.subset(one_of_each(part.labels, count))


def reconstruction_figure(rung: Rung, test: Dataset[np.ndarray], source: str) -> Figure:
    """Test images of all classes above their reconstructions."""
    chosen = choose(test, TILES)
    names = [test.classes[label] for label in chosen.labels] if len(test.classes) > 1 else None
    x_hat = rung.reconstruct(chosen.images, rung.condition(chosen.images, chosen.labels))
    return reconstructions(chosen.images, x_hat, names, source)


def traversal_figure(rung: Rung, test: Dataset[np.ndarray], kl: Float[np.ndarray, " Z"] | None = None) -> Figure:
    """One latent after the other, by their KL where there is one, moved away from where a test image has it."""
    chosen = choose(test, TILES)
    one = chosen.subset(slice(len(chosen) // 4, len(chosen) // 4 + 1))
    c = rung.condition(one.images, one.labels)
    mu = rung.code(*rung.encode(one.images, c))[0]
    order = np.arange(len(mu)) if kl is None else np.argsort(-kl, kind="stable")
    latents, values = order[:LATENTS], np.array(REACH, dtype=mu.dtype)
    z = np.tile(mu, (len(latents), len(values), 1))
    for row, latent in enumerate(latents):
        z[row, :, latent] = values
    return traversals(decode_all(rung, z, c), latents, values, kl, one.images[0], mu)


def choose_pairs(labels: np.ndarray, count: int, alike: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where the two images of up to `count` pairs are: of one class, or, if there are several, of different ones."""
    if alike:
        pairs = [np.flatnonzero(labels == label)[:2] for label in np.unique(labels)]
        chosen = np.array([pair for pair in pairs if len(pair) == 2][:count], dtype=int).reshape(-1)
    else:
        chosen = one_of_each(labels, 2 * count)
    chosen = chosen[: len(chosen) // 2 * 2]
    return chosen[::2], chosen[1::2]


def interpolation_figures(rung: Rung, test: Dataset[np.ndarray]) -> dict[str, Figure]:
    """Pairs of test images, and the line and the arc between their codes; under a given class, pairs of that class."""
    given = rung.traits.condition == "label"
    first, second = choose_pairs(test.labels, PAIRS, alike=given)
    if len(first) == 0:
        return {}
    a, b = test.images[first], test.images[second]
    c = rung.condition(a, test.labels[first])
    start, end = rung.code(*rung.encode(a, c)), rung.code(*rung.encode(b, c))
    ways = {"linear": between(start, end, STEPS)}
    if start.shape[1] > 1 and rung.traits.prior and not rung.traits.learned_prior:
        ways["spherical"] = slerp(start, end, STEPS)
    rows = None if c is None else np.repeat(c, STEPS, axis=0)
    x_hat = {name: decode_all(rung, z, rows) for name, z in ways.items()}
    caption = (
        "Outer columns: test images; between them decoded points on the way from μ to μ. Linear: the straight line"
    )
    if len(ways) > 1:
        caption += ", which passes nearer to the origin. Spherical: direction and length change evenly"
    look = "how one hand turns into another; the class stays" if given else "where one class turns into another"
    return {"interpolation": interpolations(a, x_hat, b, "Interpolation", f"{caption}. Look for {look}.")}


def generated_figures(rung: Rung, test: Dataset[np.ndarray], seed: int, drawn: bool = False) -> dict[str, Figure]:
    """Images for z from the prior and, where the model has one, a condition: expected ones, or draws from p(x|z)."""
    suffix, pixels = ("_drawn", seed) if drawn else ("", None)
    shown = NOISE[rung.description.options.get("likelihood", "bernoulli")] if drawn else "the expected image"
    if rung.traits.condition == "part":
        return {f"completions{suffix}": completion_figure(rung, test, seed, pixels, shown)}
    if rung.traits.condition == "label":
        figures = {f"classes_and_styles{suffix}": class_figure(rung, test, seed, pixels, shown)}
        return figures | ({} if drawn else {"style_transfer": style_figure(rung, test)})
    x_hat = decode_all(rung, from_prior(rung, prior_draws(latent_dim(rung), seed=seed)), None, pixels)
    if rung.traits.learned_prior:
        return {
            f"samples{suffix}": samples(
                x_hat,
                "Samples from the learned prior",
                f"Each tile: {shown}, for one z from p(z). Look for tiles between two classes: a prior that has "
                "learned where the codes are has little mass there.",
            )
        }
    what = f"Each tile: {shown}, for one z\u00a0~\u00a0N(0,\u00a0I)"
    if rung.traits.prior:
        caption = f"{what}. Look for tiles between two classes: there the prior has mass, the data none."
        return {f"samples{suffix}": samples(x_hat, "Samples from the prior", caption)}
    caption = (
        f"{what}, though an autoencoder has no prior: its loss does not keep the codes there. Look for tiles that are "
        "no image of the data's kind."
    )
    return {f"samples{suffix}": samples(x_hat, "Decoded noise", caption)}


def draw_of_z(rung: Rung, learned: str) -> str:
    """Where z is drawn from, as a caption says it."""
    return f"z\u00a0~\u00a0{learned}" if rung.traits.learned_prior else NORMAL


def latent_dim(rung: Rung) -> int:
    """Z of a model with one latent vector an image."""
    # An autoencoder takes no noise, and has a code all the same.
    return rung.noise_shape(1)[-1] or int(rung.description.options["latent_dim"])


def completion_figure(rung: Rung, test: Dataset[np.ndarray], seed: int, pixels: int | None, shown: str) -> Figure:
    """Given parts of test images and several completions of each."""
    chosen = choose(test, GIVEN)
    c: Any = rung.condition(chosen.images, chosen.labels)
    eps = prior_draws(latent_dim(rung), AVERAGED, seed)
    z = [from_prior(rung, eps, c[i : i + 1]) for i in range(len(c))]
    draws = [decode_all(rung, z[i][:GUESSES], c[i : i + 1], pixels) for i in range(len(c))]
    means = [decode_all(rung, z[i], c[i : i + 1]).mean(axis=0) for i in range(len(c))]
    return completions(
        chosen.images, rung.mask() > 0, np.stack(draws), np.stack(means), shown, draw_of_z(rung, "p(z|c)")
    )


def class_figure(
    rung: Rung,
    test: Dataset[np.ndarray],
    seed: int = 0,
    pixels: int | None = None,
    shown: str = "the expected image",
) -> Figure:
    """Draws of z under every class."""
    present = classes_of(test)
    eps = prior_draws(latent_dim(rung), STYLES, seed)[:, None].repeat(len(present), axis=1)
    c = rung.condition(None, np.tile(present, STYLES))
    x_hat = decode_all(rung, from_prior(rung, eps, c), c, pixels)
    names = drawn_names(test.classes)
    return classes_and_styles(x_hat, [names[i] for i in present], shown, draw_of_z(rung, "p(z|class)"))


def style_figure(rung: Rung, test: Dataset[np.ndarray]) -> Figure:
    """Test images, and their styles under every class."""
    present = classes_of(test)
    chosen = choose(test, STYLES)
    mu = rung.code(*rung.encode(chosen.images, rung.condition(chosen.images, chosen.labels)))
    z = mu[:, None].repeat(len(present), axis=1)
    x_hat = decode_all(rung, z, rung.condition(None, np.tile(present, len(chosen))))
    own, names = np.searchsorted(present, chosen.labels), drawn_names(test.classes)
    return style_transfer(chosen.images, x_hat, own, [names[i] for i in present])


def code_figures(rung: Rung, test: Dataset[np.ndarray]) -> dict[str, Figure]:
    """Reconstructions, the codes between them and the images, and how often each code is used."""
    chosen, counts = choose(test, ABREAST), code_counts(rung, test)
    entries = rung.parameters()["codebook.entries"]
    return {
        "reconstructions": reconstruction_figure(rung, test, "the codes of x"),
        "codes": code_maps(chosen.images, rung.codes(chosen.images), rung.reconstruct(chosen.images), entries),
        "code_usage": code_usage(counts),
    }


def code_counts(rung: Rung, test: Dataset[np.ndarray]) -> Int[np.ndarray, " K"]:
    """How often each entry occurs in the codes of test images."""
    many = test.images[:POINTS]
    codes = np.concatenate([rung.codes(many[start : start + BATCH]) for start in range(0, len(many), BATCH)])
    return np.bincount(codes.ravel(), minlength=len(rung.parameters()["codebook.entries"]))


def code_sample_figures(rung: Rung, test: Dataset[np.ndarray], seed: int, drawn: bool = False) -> dict[str, Figure]:
    """Images for codes from the prior, from the frequencies of codes, and from equally likely ones."""
    entries, counts = rung.parameters()["codebook.entries"], code_counts(rung, test)
    size, rng = rung.codes(test.images[:1]).shape[1:], np.random.default_rng(seed)
    eps = rng.standard_normal((PRIOR_TILES, *size)).astype(rung.dtype)
    maps = {"prior": rung.prior(eps)}
    for name, shares in {"frequencies": counts / counts.sum(), "uniform": None}.items():
        codes = rng.choice(len(entries), (OTHER_TILES, *size), p=shares)
        maps[name] = np.moveaxis(entries[codes], -1, 1)
    draw = (lambda z: rung.draw(z, None, seed)) if drawn else rung.sample
    shown = NOISE[rung.description.options.get("likelihood", "bernoulli")] if drawn else "the expected image"
    x_hat = {name: draw(z) for name, z in maps.items()}
    return {"samples_drawn" if drawn else "samples": code_samples(x_hat, (size[0], size[1]), shown)}


def classes_of(part: Dataset[np.ndarray]) -> np.ndarray:
    """The classes that have images, in order, as many as a grid has room for."""
    return np.unique(part.labels)[:CLASSES]
