"""Pictures of numbers: the two parts of the loss, a gradient check, rate against distortion, and anomalies."""

import math

import numpy as np
from matplotlib.axes import Axes

from figures.style import INK, MUTED, PALE, RULE
from foundation.architecture import Architecture, initial_parameters
from foundation.data import load
from foundation.objective import Objective
from foundation.training import draw_eps
from numpy_impl.functional import binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_backward
from numpy_impl.rung import NumpyRung
from numpy_impl.vae_numpy import kl_divergence

from .models import LATENTS, glyphs, vae
from .page import (
    LIGHT_Q,
    P_COLOUR,
    Q_COLOUR,
    TEXT,
    TICKS,
    Picture,
    axes_at,
    new_page,
    show_tiles,
    write,
)

RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""β of the models between which rate and distortion are traded."""
BITS = 1 / math.log(2)
"""Bits to the nat."""


def kl() -> Picture:
    """Four distributions over the prior, and what each costs."""
    figure, z, costs = new_page(1152, 268), np.linspace(-4.6, 4.6, 400), []
    for column, (mu, sigma, name) in enumerate(((0.0, 1.0, "1"), (2.0, 1.0, "1"), (0.0, 2.0, "2"), (0.0, 0.5, "½"))):
        axes = axes_at(figure, 10 + 288 * column, 30, 268, 160)
        axes.fill_between(z, _normal(z, 0.0, 1.0), color=PALE, linewidth=0)
        axes.fill_between(z, _normal(z, mu, sigma), color=LIGHT_Q, alpha=0.6, linewidth=0)
        axes.plot(z, _normal(z, mu, sigma), color=Q_COLOUR, linewidth=1.4)
        axes.plot(z, _normal(z, 0.0, 1.0), color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.set(yticks=[], xticks=[-4, -2, 0, 2, 4], ylim=(0, 0.85))
        axes.spines["left"].set_visible(False)
        cost = abs(float(kl_divergence(np.array([[mu]]), np.array([[2 * math.log(sigma)]]))))  # no −0.00
        axes.text(4.6, 0.05, "$z$", ha="right", fontsize=TICKS, color=MUTED)
        write(figure, 144 + 288 * column, 20, f"μ = {mu:g}, σ = {name}", ha="center")
        write(figure, 144 + 288 * column, 250, f"{cost:.2f} nats", ha="center", fontweight="bold", color=Q_COLOUR)
        costs.append(cost)
    return Picture(figure, {"nats": costs})


def bernoulli() -> Picture:
    """The loss of one pixel over its logit, for a black, a grey and a white target."""
    figure, logits = new_page(540, 470), np.linspace(-5, 5, 201)
    axes = axes_at(figure, 60, 44, 470, 335)
    lines = {"black": (0.0, INK, "-"), "grey": (0.5, MUTED, (0, (4, 2))), "white": (1.0, P_COLOUR, "-")}
    for name, (target, colour, style) in lines.items():
        loss = [float(binary_cross_entropy_with_logits(np.array([l]), np.array([target]))) for l in logits]
        axes.plot(logits, loss, color=colour, linewidth=1.6, linestyle=style, label=f"{name}, t = {target:g}")
    axes.plot(0, math.log(2), "o", color=INK, markersize=4, zorder=5)
    axes.annotate("log 2 = 0.69", (0, math.log(2)), (0, 2.0), ha="center", fontsize=TICKS, arrowprops=_thin())
    axes.set(xlim=(-5, 5), ylim=(0, 5.2), yticks=range(6))
    axes.set_xlabel("logit", fontsize=TEXT, labelpad=2)
    axes.set_title("nats for one pixel", fontsize=TEXT, color=MUTED)
    axes.legend(fontsize=TICKS, loc="upper center", handlelength=1.4, borderpad=0, labelspacing=0.25)
    return Picture(figure)


def nats() -> Picture:
    """Losses of four models of the test images, each in its two parts."""
    test, average = glyphs("test").images, glyphs("train").images.mean(0)
    average_logits = np.broadcast_to(_logit(average.astype(np.float64)), test.shape)
    bars = [("every logit 0", 784 * math.log(2), 0.0), ("the mean image", _bce(average_logits, test), 0.0)]
    for latents in (2, LATENTS):
        losses = vae(1.0, latents)[1]
        bars.append((f"VAE, {latents} latents", losses.reconstruction, losses.kl))
    figure = new_page(1152, 320)
    axes = axes_at(figure, 250, 0, 800, 240)
    for row, (name, reconstruction, cost) in enumerate(bars):
        axes.barh(-row, reconstruction, 0.62, color=P_COLOUR)
        axes.barh(-row, cost, 0.62, left=reconstruction, color=Q_COLOUR)
        parts = f"{reconstruction:.0f}" if not cost else f"{reconstruction:.0f} + {cost:.0f}"
        axes.text(reconstruction + cost + 6, -row, parts, va="center", fontsize=TEXT)
        axes.text(-8, -row, name, va="center", ha="right", fontsize=TEXT)
    axes.set(yticks=[], xlim=(0, 560), xticks=range(0, 501, 100), ylim=(-3.5, 0.5))
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("nats per image", fontsize=TEXT, labelpad=2)
    return Picture(figure, {"bars": [{"name": n, "reconstruction": r, "kl": k} for n, r, k in bars]})


def gradient_error() -> Picture:
    """How wrong a numeric derivative is, over its step: in float64 and in float32."""
    figure, steps = new_page(560, 470), np.logspace(-10, 0, 81)
    axes = axes_at(figure, 95, 44, 440, 330)
    for dtype, colour in ((np.float64, P_COLOUR), (np.float32, Q_COLOUR)):
        axes.loglog(steps, [_error(step, dtype) for step in steps], color=colour, linewidth=1.5)
    axes.text(2e-9, 3e-11, "float64", color=P_COLOUR, fontsize=TEXT)
    axes.text(1e-9, 2e-2, "float32", color=Q_COLOUR, fontsize=TEXT)
    axes.axvline(1e-5, color=RULE, linewidth=0.8, zorder=0)
    axes.set(ylim=(1e-13, 30), yticks=[1e-12, 1e-9, 1e-6, 1e-3, 1], xticks=[1e-10, 1e-8, 1e-5, 1e-2, 1])
    axes.minorticks_off()
    axes.set_xlabel("step $h$", fontsize=TEXT, labelpad=2)
    axes.set_title("relative error", fontsize=TEXT, color=MUTED)
    return Picture(figure, {"at_1e-5": _error(1e-5, np.float64)})


def parity() -> Picture:
    """How far each gradient of rungs 2 and 3 lies from rung 1's, in float64."""
    from paper.rung import PaperRung  # here, since only this picture needs torch
    from pytorch_lowlevel.rung import LowlevelRung

    architecture, rng = Architecture(latent_dim=2), np.random.default_rng(0)
    parameters = initial_parameters(architecture, rng, np.float64)
    x, eps = rng.random((8, *architecture.image_shape)), rng.standard_normal((8, architecture.latent_dim))
    reference, *others = (
        rung(architecture, parameters).differentiate(x, eps, Objective()).gradients
        for rung in (NumpyRung, LowlevelRung, PaperRung)
    )
    errors = {
        name: max(np.abs(other[name] - gradient).max() for other in others) / np.abs(gradient).max()
        for name, gradient in reference.items()
    }
    figure = new_page(1152, 466)
    axes = axes_at(figure, 380, 6, 740, 370)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in errors))
    for row, layer in enumerate(layers):
        write(figure, 360, 26 + 41 * row, layer, ha="right", fontfamily="DejaVu Sans Mono", fontsize=TICKS)
        for kind, fill in (("weight", P_COLOUR), ("bias", "white")):
            place = max(errors[f"{layer}.{kind}"], 1e-17)
            axes.plot(place, row, "o", markersize=5, color=P_COLOUR, markerfacecolor=fill, clip_on=False, zorder=4)
    axes.axvline(1e-10, color=Q_COLOUR, linewidth=1.2)
    axes.text(2e-10, 4, "tolerance", fontsize=TEXT, color=Q_COLOUR)
    axes.set(xscale="log", xlim=(1e-17, 1e-7), ylim=(8.5, -0.5), yticks=[], xticks=[1e-16, 1e-14, 1e-12, 1e-10, 1e-8])
    axes.minorticks_off()
    axes.set_xlabel("largest relative error of the gradient", fontsize=TEXT, labelpad=2)
    return Picture(figure, {"worst": max(errors.values())})


def rate() -> Picture:
    """Bits for the latents against nats for the pixels, one point for each β."""
    figure, points = new_page(640, 480), []
    axes = axes_at(figure, 75, 44, 470, 350)
    for beta in RATES:
        losses = vae(beta, LATENTS)[1]
        points.append({"beta": beta, "bits": losses.kl * BITS, "reconstruction": losses.reconstruction})
    bits, distortion = np.array([[point["bits"], point["reconstruction"]] for point in points]).T
    axes.plot(bits, distortion, color=Q_COLOUR, linewidth=1.5, marker="o", markersize=4.5)
    for beta, x, y in zip(RATES, bits, distortion, strict=True):
        place = (-14, -14) if beta == 0.3 else (2, 7)  # off its neighbours
        axes.annotate(f"β = {beta:g}", (x, y), place, textcoords="offset points", fontsize=TICKS)
    axes.set(xlim=(0, 40), ylim=(65, 150))
    axes.grid(True, axis="y")
    axes.set_xlabel("rate: KL in bits per image", fontsize=TEXT, labelpad=2)
    axes.set_title("distortion: reconstruction in nats", fontsize=TEXT, color=MUTED)
    return Picture(figure, {"points": points})


def anomaly() -> Picture:
    """Losses of digits and of images that the model never saw, each set with an example."""
    model, test = vae(1.0, LATENTS)[0], glyphs("test").images[:1000]
    kinds = {
        "digits": test,
        "digits upside down": np.ascontiguousarray(test[:, :, ::-1]),
        "other shapes": load("shapes", "test", count=1000).images,
        "nothing": np.zeros((1, 1, 28, 28), np.float32),
    }
    figure, medians = new_page(1152, 445), {}
    axes = axes_at(figure, 400, 5, 730, 360)
    for row, (name, images) in enumerate(kinds.items()):
        losses = _losses(model, images)
        medians[name] = float(np.median(losses))
        _violin(axes, row, losses, P_COLOUR if row == 0 else Q_COLOUR)
        show_tiles(figure, 0, 10 + 90 * row, 80, images[:1], 1)
        write(figure, 100, 50 + 90 * row, name)
    axes.set(yticks=[], ylim=(3.5, -0.5), xlim=(0, 700))
    axes.spines["left"].set_visible(False)
    axes.axvline(medians["digits"], color=RULE, linewidth=0.8, zorder=0)
    axes.set_xlabel("negative ELBO, nats per image", fontsize=TEXT, labelpad=2)
    return Picture(figure, {"medians": medians})


def _normal(z: np.ndarray, mu: float, sigma: float) -> np.ndarray:
    return np.exp(-np.square((z - mu) / sigma) / 2) / (sigma * math.sqrt(2 * math.pi))


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _bce(logits: np.ndarray, images: np.ndarray) -> float:
    return float(binary_cross_entropy_with_logits(logits, images.astype(np.float64))) / len(images)


def _error(step: float, dtype: type) -> float:
    """Relative error of central differences for 20 logits of a cross-entropy over 784 pixels."""
    rng, count = np.random.default_rng(0), 20
    logits: np.ndarray = rng.standard_normal(784).astype(dtype)
    target: np.ndarray = rng.random(784).astype(dtype)
    exact = binary_cross_entropy_with_logits_backward(1.0, logits.astype(np.float64), target.astype(np.float64))[:count]
    moved = logits + dtype(step) * np.concatenate([np.eye(count, 784), -np.eye(count, 784)]).astype(dtype)
    ends = np.array([float(binary_cross_entropy_with_logits(row, target)) for row in moved])
    numeric = (ends[:count] - ends[count:]) / (2 * step)
    return float(np.linalg.norm(numeric - exact) / np.linalg.norm(exact))


def _losses(model: NumpyRung, images: np.ndarray) -> np.ndarray:
    """The negative ELBO of every image, each with one draw of z."""
    eps = draw_eps(np.random.default_rng(0), (len(images), LATENTS), images.dtype)
    each = zip(images, eps, strict=True)
    return np.array([model.evaluate(x[None], noise[None], Objective()).loss for x, noise in each])


def _violin(axes: Axes, row: int, losses: np.ndarray, colour: str) -> None:
    """How often each loss occurs, around the row's line; a single one is a dot."""
    if len(losses) == 1:
        axes.plot(losses, row, "o", color=colour, markersize=6)
        return
    counts, edges = np.histogram(losses, 60)
    middle, height = (edges[1:] + edges[:-1]) / 2, 0.42 * counts / counts.max()
    axes.fill_between(middle, row - height, row + height, color=colour, linewidth=0, alpha=0.85)


def _thin() -> dict:
    return {"arrowstyle": "-", "color": MUTED, "linewidth": 0.7}
