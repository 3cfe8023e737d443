"""Noise removal: a VAE that saw clean images only is given noisy ones.

Varied: the noise (Gaussian, then cut to [0, 1]). Two answers of the VAE: x̂ from the encoder's μ; and x̂ from the z that
is searched for by gradient, the most probable one given the noisy pixels and how they came about. The second needs no
encoder, to which noise is as strange as any stranger. Against them: a blur, its width chosen on training images, and a
denoising autoencoder with as wide layers, which was trained on noise of all these strengths.
Measured: the peak signal-to-noise ratio of what comes out.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from figures.lines import Line, Panel, line_panels
from paper.experiments.baseline import fit_plain, perceptron
from paper.experiments.lab import Lab
from paper.experiments.pictures import image_rows
from paper.options import VAEOptions

Images = Float[Tensor, "N C H W"]
NAMES = {"noisy": "noisy", "blurred": "blurred", "vae": "VAE, x̂", "searched": "VAE, z searched", "dae": "denoising AE"}
WIDTHS = (0.3, 0.5, 0.7, 0.9, 1.2)
"""Standard deviations of the blur to choose from, in pixels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """What is tried."""

    noises: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    """Standard deviations; a pixel is in [0, 1]."""
    tried: int = 1000
    """Test images, from the first."""
    search_steps: int = 100


def remove_noise(lab: Lab, settings: Noise, options: VAEOptions, epochs: int) -> None:
    """A row for every strength of noise, and pictures of the strongest."""
    vae = lab.fit("VAE of clean images", options, epochs=epochs)
    dae = fit_dae(lab, settings.noises, options.hidden_dims[0], epochs)
    x, known, shown = lab.data.test.images[: settings.tried], lab.data.train.images[:500], lab.one_of_each(10).images
    for noise in settings.noises:
        tries = [(one, add_noise(one, noise, lab.generator(1))) for one in (known, x, shown)]
        width = max(WIDTHS, key=lambda width: psnr(tries[0][0], blur(tries[0][1], width)))
        answers = [
            {"noisy": noisy, "blurred": blur(noisy, width), "vae": vae.reconstruct(noisy),
             "searched": search(vae, noisy, noise, settings.search_steps), "dae": dae(noisy).sigmoid().view_as(noisy)}
            for _, noisy in tries[1:]
        ]  # fmt: skip
        measured = {name: psnr(x, answer) for name, answer in answers[0].items()}
        lab.row(noise=noise, **measured, clean=psnr(x, vae.reconstruct(x)), blur_width=width)
    rows = {"clean": shown} | {NAMES[name]: answer for name, answer in answers[1].items()}
    lab.draw("noise", image_rows(
        f"Noise of σ = {noise:g}, removed", "x̂: what encoder and decoder make of the noisy image. z searched: what the "
        "decoder can draw that fits the noisy pixels best. Look for noise taken for strokes, and for digits that "
        "became others.", rows, apart=(2,)))  # fmt: skip
    draw_psnr(lab)


def psnr(x: Images, x_hat: Images) -> float:
    """−10 log10 of the mean squared error over all pixels of all images, in decibels; 1 is the brightest pixel."""
    return -10 * math.log10((x - x_hat).square().mean().item())


def add_noise(x: Images, noise: float | Tensor, generator: torch.Generator) -> Images:
    """Gaussian noise of this standard deviation, then cut to [0, 1]: an image again."""
    return (x + noise * torch.randn(x.shape, generator=generator, device=x.device)).clamp(0, 1)


def blur(x: Images, width: float) -> Images:
    """A Gaussian blur; `width` in pixels."""
    from torchvision.transforms.v2.functional import gaussian_blur  # here, since torchvision is long to import

    return gaussian_blur(x, [7, 7], [width, width])


def search(vae: nn.Module, noisy: Images, noise: float, steps: int) -> Images:
    """x̂ of the z that maximises log p(noisy|z) + log p(z), by Adam from z = 0."""
    z = torch.zeros(vae.noise_shape(len(noisy)), device=noisy.device, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        (z.square().sum() / 2 - log_p_noisy(noisy, vae.sample(z), noise).sum()).backward()
        optimizer.step()
    return vae.sample(z).detach()


def log_p_noisy(noisy: Images, x: Images, noise: float) -> Images:
    """log p of every noisy pixel given the clean one, up to a constant; what was cut to 0 or 1 lay anywhere beyond.

    Taken for uncut, the black background, which noise can only brighten, would be rebuilt as grey.
    """
    beyond = torch.where(noisy <= 0, torch.special.log_ndtr(-x / noise), torch.special.log_ndtr((x - 1) / noise))
    cut = (noisy <= 0) | (noisy >= 1)
    return torch.where(cut, beyond, -((noisy - x) / noise).square() / 2)


def fit_dae(lab: Lab, noises: tuple[float, ...], hidden: int, epochs: int) -> nn.Module:
    """Logits of the clean image from a noisy one (Vincent et al. 2010); each image meets all strengths of noise."""
    x = lab.data.train.images
    levels = torch.tensor(noises, device=x.device)

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(levels), (len(chosen), 1, 1, 1), generator=generator, device=x.device)
        logits = network(add_noise(x[chosen], levels[which], generator))
        return F.binary_cross_entropy_with_logits(logits, x[chosen].flatten(1), reduction="sum") / len(chosen)

    network = perceptron(x[0].numel(), hidden, x[0].numel(), layers=2)
    return fit_plain(lab, "denoising autoencoder", network, loss, len(x), steps=epochs * math.ceil(len(x) / 128))


def draw_psnr(lab: Lab) -> None:
    """PSNR over the noise."""
    lines = {
        name: Line([row["noise"] for row in lab.rows], [row[key] for row in lab.rows]) for key, name in NAMES.items()
    }
    lab.draw("psnr", line_panels(
        [Panel("PSNR (dB)", "standard deviation of the noise", lines)], "How much of the noise is gone", "Test images; "
        "higher is better. Look for where a line crosses that of the noisy image: from there on the method "
        "helps."))  # fmt: skip
