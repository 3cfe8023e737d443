"""Pictures made of images: the data and its causes, what VAEs draw, and what becomes of it."""

import numpy as np

from exercises.model import load_images
from figures.choices import between, one_of_each, quantile_grid
from figures.style import MUTED
from foundation.data.glyphs import FONTS, RANGES, draw_glyphs

from .models import LATENTS, glyphs, shipped, vae
from .page import P_COLOUR, Q_COLOUR, TICKS, Picture, new_page, show_tiles, write

BETAS = (0.1, 1.0, 10.0)


def title() -> Picture:
    """The latent plane as a band of decoded images, as wide as a slide."""
    z1, z2 = quantile_grid(32)[1], quantile_grid(9)[1][::-1]
    z = np.stack([axis.ravel() for axis in np.meshgrid(z1, z2)], axis=1).astype(np.float32)
    figure = new_page(1280, 360)
    show_tiles(figure, 0, 0, 1280, shipped().sample(z), 32, gap=0)
    return Picture(figure)


def data() -> Picture:
    """Test images."""
    figure = new_page(540, 484)
    show_tiles(figure, 0, 0, 540, glyphs("test").images[:72], 9)
    return Picture(figure)


def causes() -> Picture:
    """One digit, and in each row one factor of variation alone."""
    names = {"font": "typeface", "shear": "slant", "thickness": "stroke", "rotation": "turn", "scale": "size"}
    columns = 9
    figure = new_page(1000, 458)
    middle = {name: np.full(columns, np.mean(limits)) for name, limits in RANGES.items()}
    middle |= {"font": np.full(columns, 5), "label": np.full(columns, 3)}
    for row, (factor, name) in enumerate(names.items()):
        values = np.linspace(0, len(FONTS) - 1, columns).round() if factor == "font" else None
        values = np.linspace(*RANGES[factor], columns) if values is None else values.astype(np.int64)
        images = draw_glyphs(**(middle | {factor: values}))[:, None] / 255
        height = show_tiles(figure, 150, row * 92, 800, images, columns)
        write(figure, 135, row * 92 + height / 2, name, ha="right")
    return Picture(figure)


def draws() -> Picture:
    """An image; the decoded means of several z from q(z|x); and pixels drawn from one p(x|z)."""
    model, rng, columns = vae(1.0, LATENTS)[0], np.random.default_rng(0), 8
    x = glyphs("test").images[[12]]
    mu, logvar = model.encode(x)
    z = mu + np.exp(logvar / 2) * rng.standard_normal((columns, LATENTS)).astype(np.float32)
    x_hat = model.sample(z)
    pixels = (rng.random((columns, 1, 28, 28)) < x_hat[:1]).astype(np.float32)
    figure = new_page(1152, 320)
    show_tiles(figure, 0, 90, 140, x, 1)
    write(figure, 70, 68, "$x$", ha="center")
    for top, images, colour, text in (
        (20, x_hat, Q_COLOUR, r"$\hat{x}$ for eight draws of $z$ from $q(z|x)$"),
        (186, pixels, P_COLOUR, r"eight draws of every pixel from $p(x|z)$"),
    ):
        write(figure, 190, top, text, color=colour)
        show_tiles(figure, 190, top + 22, 960, images, columns)
    return Picture(figure)


def samples() -> Picture:
    """Decoded draws from the prior, of two latents and of eight."""
    figure, rng = new_page(1152, 372), np.random.default_rng(0)
    for left, model, text in ((0, shipped(), "2 latents"), (606, vae(1.0, LATENTS)[0], f"{LATENTS} latents")):
        z = rng.standard_normal((60, model.architecture.latent_dim)).astype(np.float32)
        write(figure, left, 16, text, color=MUTED)
        show_tiles(figure, left, 40, 546, model.sample(z), 10)
    return Picture(figure)


def paths() -> Picture:
    """Between two images: A along the latents, B by fading the one into the other. The room is asked which is which."""
    model, (images, _), columns = vae(1.0, LATENTS)[0], load_images(), 9
    images = images.astype(np.float32)
    figure, t = new_page(1152, 470), np.linspace(0, 1, columns, dtype=np.float32)[:, None, None, None]
    for pair, (a, b) in enumerate(((7, 23), (36, 20))):
        ends = model.encode(images[[a, b]])[0]
        latent = model.sample(between(ends[:1], ends[1:], columns)[0])
        for row, (name, tiles) in enumerate((("A", latent), ("B", (1 - t) * images[a] + t * images[b]))):
            top = 246 * pair + 109 * row
            height = show_tiles(figure, 110, top, 960, tiles, columns)
            write(figure, 85, top + height / 2, name, ha="right", fontweight="bold")
    return Picture(figure)


def augment() -> Picture:
    """Variants of labelled images: from q itself, from a wider one, and from one that is too wide."""
    model, rng, columns = vae(1.0, LATENTS)[0], np.random.default_rng(3), 9
    figure, x = new_page(1152, 450), load_images()[0][[14, 22, 37]].astype(np.float32)
    mu, logvar = model.encode(x)
    for block, (width, text) in enumerate(((1, "σ"), (3, "3σ"), (8, "8σ"))):
        left = 150 + 342 * block
        write(figure, left + 160, 16, f"noise of {text}", ha="center", color=MUTED)
        for row in range(3):
            eps = width * rng.standard_normal((columns // 3, LATENTS)).astype(np.float32)
            tiles = model.sample(mu[row] + np.exp(logvar[row] / 2) * eps)
            show_tiles(figure, left, 40 + 145 * row, 318, tiles, columns // 3)
    for row in range(3):
        show_tiles(figure, 0, 40 + 145 * row, 104, x[[row]], 1)
    write(figure, 52, 16, "$x$", ha="center")
    return Picture(figure)


def beta() -> Picture:
    """Reconstructions and samples for three weights on the KL."""
    test, rng = glyphs("test"), np.random.default_rng(0)
    figure, x = new_page(1152, 470), test.images[one_of_each(test.labels, 10)]
    z, numbers = rng.standard_normal((8, LATENTS)).astype(np.float32), []
    write(figure, 130, 14, "test images and reconstructions", color=MUTED)
    write(figure, 750, 14, "samples from the prior", color=MUTED)
    show_tiles(figure, 130, 34, 590, x, 10)
    for row, value in enumerate(BETAS):
        model, losses = vae(value, LATENTS)
        top = 125 + 120 * row
        write(figure, 115, top + 30, f"β = {value:g}", ha="right")
        show_tiles(figure, 130, top, 590, model.reconstruct(x), 10)
        show_tiles(figure, 750, top, 402, model.sample(z[:7]), 7)
        text = f"reconstruction {losses.reconstruction:.1f}, KL {losses.kl:.1f} nats per image"
        write(figure, 130, top + 80, text, fontsize=TICKS, color=MUTED)
        numbers.append({"beta": value, "reconstruction": losses.reconstruction, "kl": losses.kl})
    return Picture(figure, {"runs": numbers})
