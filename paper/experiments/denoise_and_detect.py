"""Does a VAE remove noise, and does its ELBO detect an unknown class?

Noise. Varied: the standard deviation of Gaussian noise, clipped to [0, 1], on images given to a VAE that was trained on
clean ones. It answers in two ways: x̂ from the encoder's μ, and x̂ from the most probable z given the noisy pixels, found
by gradient descent with the noise model; the second does not use the encoder, which was never trained on noise.
Compared with a blur, whose width is chosen on training images, and a denoising autoencoder with layers of the same
width, trained on all these strengths of noise. Measured: the peak signal-to-noise ratio of the result.

Detection. Varied: the class that is left out of training. The score of an image is its −ELBO, and each of its parts.
Measured: the area under the ROC curve, the left-out class against all others; 1/2 is chance. Compared with the ink, a
score that needs no model: an image with few white pixels has a low −ELBO under any model, whether its class is known
or not.
"""

import dataclasses
import math
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from figures.lines import Line, Panel, line_panels, roc_curves
from foundation.data.splits import Data
from foundation.options import DataOptions
from paper.evaluation.bound import elbo_parts
from paper.evaluation.roc import roc_auc, roc_curve
from paper.experiments.baseline import fit_baseline, perceptron
from paper.experiments.experiment import Experiment, Settings, image_rows, need_classes, part_of
from paper.experiments.tables import Column
from paper.models.base import Model
from paper.models.options import VAEOptions

Images = Float[Tensor, "N C H W"]
METHODS = {
    "noisy": "noisy",
    "blurred": "blurred",
    "vae": "VAE, x̂",
    "searched": "VAE, z searched",
    "dae": "denoising AE",
}
KNOWN = 500
"""Training images, drawn at random, by which the blur is chosen."""
WIDTHS = (0.3, 0.5, 0.7, 0.9, 1.2)
"""Standard deviations of the blur to choose from, in pixels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DenoiseAndDetect(Settings):
    """The network, the noise, and the classes that are left out."""

    latent_dim: int = 20
    hidden_dim: int = 400
    noises: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    """Standard deviations; a pixel is in [0, 1]."""
    tried: int = 1000
    """Noisy test images, drawn at random."""
    search_steps: int = 100
    left_out: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """Classes, each left out in turn, as far as the data has them."""
    shown: tuple[int, ...] = (0, 1, 4, 7)
    """Left-out classes in the figures."""

    def check(self, data: Data) -> None:
        """One class is left out, others must remain."""
        need_classes(data)


DATA = DataOptions()
FULL = DenoiseAndDetect(epochs=8)
QUICK = DenoiseAndDetect(train_images=5000, epochs=12, left_out=(0, 1, 4, 7), tried=300)
TABLES = {
    "Noise removal: PSNR of the test images, dB": (
        Column("noise", "σ of the noise", 1),
        Column("noisy", "noisy image", 1),
        Column("blurred", "blurred", 1),
        Column("vae", "VAE, x̂", 1),
        Column("searched", "VAE, z searched", 1),
        Column("dae", "denoising autoencoder", 1),
        Column("clean", "VAE, x̂ of the clean image", 1),
    ),
    "Detection of a left-out class: area under the ROC curve": (
        Column("left_out", "class left out"),
        Column("elbo", "−ELBO", 3),
        Column("reconstruction", "reconstruction", 3),
        Column("kl", "KL", 3),
        Column("ink", "ink alone", 3),
    ),
}


def run(experiment: Experiment, settings: DenoiseAndDetect) -> None:
    """Runs both parts, one after the other, with the same network."""
    options = VAEOptions(network="mlp", hidden_dims=(settings.hidden_dim,), latent_dim=settings.latent_dim)
    remove_noise(experiment, settings, options)
    detect(experiment, settings, options)
    report_noise(experiment)
    report_detection(experiment)


# Noise


def remove_noise(experiment: Experiment, settings: DenoiseAndDetect, options: VAEOptions) -> None:
    """Records a row for every strength of noise, and figures of the strongest."""
    vae = experiment.fit("VAE of clean images", options, epochs=settings.epochs)
    dae = fit_dae(experiment, settings)
    tried, known = experiment.some(experiment.data.test, settings.tried), experiment.some(experiment.data.train, KNOWN)
    x, shown = tried.images, experiment.one_of_each(10).images
    for noise in settings.noises:
        tries = [(one, add_noise(one, noise, experiment.generator(1))) for one in (known.images, x, shown)]
        width = max(WIDTHS, key=lambda width: psnr(tries[0][0], blur(tries[0][1], width)))
        answers = [
            {
                "noisy": noisy,
                "blurred": blur(noisy, width),
                "vae": vae.reconstruct(noisy),
                "searched": search(vae, noisy, noise, settings.search_steps),
                "dae": dae(noisy).sigmoid().view_as(noisy),
            }
            for _, noisy in tries[1:]
        ]
        found = {name: psnr(x, answer) for name, answer in answers[0].items()}
        experiment.row(tried, noise=noise, **found, clean=psnr(x, vae.reconstruct(x)), blur_width=width)
    rows = {"clean": shown} | {METHODS[name]: answer for name, answer in answers[1].items()}
    experiment.draw("noise", image_rows(
        f"Noise of σ = {noise:g}, removed", "x̂: the VAE's reconstruction of the noisy image. z searched: the decoded z "
        "that fits the noisy pixels best. Look for noise that was taken for strokes, and for digits that became "
        "others.", rows, apart=(2,)))  # fmt: skip
    draw_psnr(experiment)


def psnr(x: Images, x_hat: Images) -> float:
    """−10 log10 of the mean squared error over all pixels of all images, in decibels; 1 is the brightest pixel."""
    return -10 * math.log10((x - x_hat).square().mean().item())


def add_noise(x: Images, noise: float | Tensor, generator: torch.Generator) -> Images:
    """Adds Gaussian noise of this standard deviation and clips to [0, 1]."""
    return (x + noise * torch.randn(x.shape, generator=generator, device=x.device)).clamp(0, 1)


def blur(x: Images, width: float) -> Images:
    """A Gaussian blur; `width` is its standard deviation in pixels."""
    # Here, since importing torchvision takes long. It has no type hints.
    from torchvision.transforms.v2.functional import gaussian_blur

    return gaussian_blur(x, [7, 7], [width, width])


def search(vae: Model, noisy: Images, noise: float, steps: int) -> Images:
    """x̂ of the z that maximises log p(noisy|z) + log p(z), by Adam from z = 0."""
    z = torch.zeros(vae.noise_shape(len(noisy)), device=noisy.device, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        x_hat = vae.likelihood.mean(vae.decode(z))  # `sample` has no gradients
        (z.square().sum() / 2 - log_p_noisy(noisy, x_hat, noise).sum()).backward()
        optimizer.step()
    return vae.sample(z)


def log_p_noisy(noisy: Images, x: Images, noise: float) -> Images:
    """log p of every noisy pixel given the clean one, up to a constant; a pixel at 0 or 1 may have been clipped to it.

    Without the clipping in the model, the black background, which noise can only brighten, would be rebuilt as grey.
    """
    beyond = torch.where(noisy <= 0, torch.special.log_ndtr(-x / noise), torch.special.log_ndtr((x - 1) / noise))
    clipped = (noisy <= 0) | (noisy >= 1)
    return torch.where(clipped, beyond, -((noisy - x) / noise).square() / 2)


def fit_dae(experiment: Experiment, settings: DenoiseAndDetect) -> nn.Module:
    """A denoising autoencoder (Vincent et al. 2010): logits of the clean image from a noisy one.

    For each image of a batch one of the strengths of noise is drawn.
    """
    x = experiment.data.train.images
    levels = torch.tensor(settings.noises, device=x.device)

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(levels), (len(chosen), 1, 1, 1), generator=generator, device=x.device)
        logits = network(add_noise(x[chosen], levels[which], generator))
        return F.binary_cross_entropy_with_logits(logits, x[chosen].flatten(1), reduction="sum") / len(chosen)

    network = perceptron(x[0].numel(), [settings.hidden_dim] * 2, x[0].numel())
    steps = settings.epochs * math.ceil(len(x) / 128)
    return fit_baseline(experiment, "denoising autoencoder", network, loss, len(x), steps=steps)


def report_noise(experiment: Experiment) -> None:
    """States the gains under the strongest noise."""
    last = [row for row in experiment.rows if "noise" in row][-1]
    gains = {f"gain_{key}": last[key] - last["noisy"] for key in ("blurred", "vae", "searched", "dae")}
    experiment.find(most_noise=last["noise"], **gains)
    experiment.answer(
        f"At σ = {last['noise']:g} the PSNR changes by {gains['gain_vae']:+.1f} dB through the VAE's x̂, by "
        f"{gains['gain_searched']:+.1f} dB where z is searched, by {gains['gain_dae']:+.1f} dB through the denoising "
        f"autoencoder, and by {gains['gain_blurred']:+.1f} dB through a blur."
    )


def draw_psnr(experiment: Experiment) -> None:
    """PSNR over the noise."""
    rows = experiment.rows
    lines = {name: Line([row["noise"] for row in rows], [row[key] for row in rows]) for key, name in METHODS.items()}
    experiment.draw("psnr", line_panels(
        [Panel("PSNR (dB)", "standard deviation of the noise", lines)], "Noise removal", "Test images; higher is "
        "better. Look for where a line crosses that of the noisy image: beyond it the method helps."))  # fmt: skip


# Detection


def detect(experiment: Experiment, settings: DenoiseAndDetect, options: VAEOptions) -> None:
    """Records a row for every class that is left out of training, and figures of some."""
    data, curves = experiment.data, {}
    images: dict[str, Tensor] = {}
    ink = data.test.images.flatten(1).sum(1).cpu().double().numpy()
    for left_out in [label for label in settings.left_out if label < len(data.classes)]:
        name = data.classes[left_out]
        known = dataclasses.replace(data, train=part_of(data.train, data.train.labels != left_out))
        model = experiment.fit(f"VAE without {name}", options, epochs=settings.epochs, data=known)
        parts = elbo_parts(model, data.test.images, data.test.labels, experiment.generator(2))
        scores = {"elbo": -parts.elbo, "reconstruction": parts.reconstruction, "kl": parts.kl.sum(1), "ink": ink}
        unknown = (data.test.labels == left_out).cpu().numpy()
        areas = {key: roc_auc(score, unknown) for key, score in scores.items()}
        errors = {f"{key}_se": area.standard_error for key, area in areas.items()}
        experiment.row(left_out=name, **{key: area.auc for key, area in areas.items()}, **errors)
        if left_out in settings.shown:
            curves[f"without {name}"] = roc_curve(scores["elbo"], unknown)
            order = np.argsort(-scores["elbo"], kind="stable")
            of_class, others = (data.test.images[torch.from_numpy(order[side[order]])] for side in (unknown, ~unknown))
            images[f"{name}, found first"], images[f"{name}, found last"] = of_class[:10], of_class[-10:]
            images[f"false alarms for {name}"] = others[:10]
    experiment.draw("roc", roc_curves(
        curves, "Detecting the left-out class", "Score: −ELBO. Dashed: chance. Look for a class that is detected at "
        "once, and for one at or below chance: its −ELBO is no higher than that of the known classes."))  # fmt: skip
    experiment.draw("anomalies", image_rows(
        "Highest and lowest scores", "Test images in order of their −ELBO under a VAE trained without the class. Look "
        "for images of the class that resemble another digit, and for known digits in unusual handwriting.", images,
        apart=range(3, len(images), 3)))  # fmt: skip


def report_detection(experiment: Experiment) -> None:
    """States the mean area and the worst one."""
    rows = [row for row in experiment.rows if "left_out" in row]
    mean = {key: fmean(row[key] for row in rows) for key in ("elbo", "reconstruction", "kl", "ink")}
    worst = min(rows, key=lambda row: row["elbo"])
    experiment.find(**{f"mean_auc_{key}": value for key, value in mean.items()})
    experiment.find(worst_left_out=worst["left_out"], worst_auc=worst["elbo"])
    experiment.answer(
        f"−ELBO detects the left-out class with a mean area of {mean['elbo']:.3f}, worst for {worst['left_out']} "
        f"({worst['elbo']:.3f}); ink alone has {mean['ink']:.3f}."
    )
