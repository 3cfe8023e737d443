"""What does the noise in the latents gain, and what does it cost? An autoencoder (AE) against a VAE.

Varied: the model (the same network with and without noise and KL term) and Z. Held fixed: everything else.
Measured: reconstruction of the test images from z = μ; the spread of the latents; and whether the regions between and
around them decode to images of the data's kind. For that, latents are drawn and decoded, and a classifier trained on
real images classifies the results. It is unsure (largest probability below 0.9) of many images decoded from a hole, and
of few test images; a sure answer does not prove a good image. The number of classes shows how varied the draws are: exp
of the entropy of the classifier's mean prediction, at most 10 here.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn

from figures.charts import latent_spaces
from figures.galleries import interpolations
from foundation.data.splits import Data
from foundation.options import DataOptions
from paper.experiments.baseline import fit_classifier
from paper.experiments.experiment import SHOWN, Experiment, Settings, image_rows, need_classes
from paper.experiments.tables import Column, cell, difference, over_seeds
from paper.models.base import Model
from paper.models.options import AutoencoderOptions, VAEOptions
from paper.rung import to_array


@dataclasses.dataclass(frozen=True, kw_only=True)
class AEvsVAE(Settings):
    """Z, the network, and the classifier."""

    latent_dims: tuple[int, ...] = (2, 20)
    hidden_dims: tuple[int, ...] = (256, 128)
    draws: int = 2000
    """Latents drawn from the prior, from a fitted Gaussian, and halfway between test images."""
    classifier_steps: int = 1500

    def check(self, data: Data) -> None:
        """The classifier needs several classes."""
        need_classes(data)


DATA = DataOptions()
FULL = AEvsVAE(epochs=25, classifier_steps=6000, seeds=3)
QUICK = AEvsVAE(train_images=5000, epochs=30, classifier_steps=500)
TABLES = {
    "A classifier on reconstructed and generated images": (
        Column("model", "model"),
        Column("latent_dim", "Z", 0),
        Column("reconstruction", "x̂: nats", 1),
        Column("width", "width of μ", 1),
        Column("unsure_rebuilt", "unsure: x̂, %", 1),
        Column("unsure_prior", "draws, %", 1),
        Column("classes_prior", "classes", 1),
        Column("unsure_fitted", "fitted, %", 1),
        Column("unsure_halfway", "halfway, %", 1),
    )
}


def run(experiment: Experiment, settings: AEvsVAE) -> None:
    """Trains both models for every Z and seed, and classifies the images that they generate."""
    data = experiment.data
    classifier = fit_classifier(
        experiment, "classifier", data.train, len(data.classes), steps=settings.classifier_steps
    )
    known = classifier(data.test.images)
    experiment.row(model="test images", unsure_prior=100 * unsure(known), classes_prior=effective_classes(known))
    for Z in settings.latent_dims:
        models = {}
        for name, kind in (("AE", AutoencoderOptions), ("VAE", VAEOptions)):
            options = kind(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
            several = experiment.repeat(f"{name}, Z = {Z}", options, settings)
            numbers = [examine(experiment, model, classifier, settings) for model in several]
            experiment.row(model=name, latent_dim=Z, **over_seeds(numbers))
            models[name] = several[0]
        draw(experiment, models, Z)
    report(experiment)


def examine(experiment: Experiment, model: Model, classifier: nn.Module, settings: AEvsVAE) -> dict[str, float]:
    """The numbers of one model."""
    test, generator = experiment.data.test, experiment.generator(1)
    mu, known = experiment.mu(model), experiment.mu(model, experiment.data.train)
    eps = torch.randn(settings.draws, mu.shape[1], generator=generator, device=mu.device)
    first, second = unlike_pairs(test.labels, settings.draws, generator)
    prior, fitted = classifier(model.sample(eps)), classifier(model.sample(fit_gaussian(known, eps)))
    return {
        "reconstruction": -model.log_prob(model.decode(mu), test.images).mean().item(),
        "width": mu.std(0).mean().item(),
        "unsure_rebuilt": 100 * unsure(classifier(model.sample(mu))),
        "unsure_prior": 100 * unsure(prior),
        "classes_prior": effective_classes(prior),
        "unsure_fitted": 100 * unsure(fitted),
        "unsure_halfway": 100 * unsure(classifier(model.sample((mu[first] + mu[second]) / 2))),
    }


def unsure(logits: Float[Tensor, "N K"], below: float = 0.9) -> float:
    """The share of the images whose most probable class has a probability below `below`."""
    return (logits.softmax(1).amax(1) < below).float().mean().item()


def effective_classes(logits: Float[Tensor, "N K"]) -> float:
    """exp of the entropy of the mean prediction: K where all K classes occur equally often, 1 where only one occurs."""
    share = logits.cpu().double().softmax(1).mean(0)  # not every device has float64
    return torch.special.entr(share).sum().exp().item()


def fit_gaussian(known: Tensor, eps: Tensor) -> Tensor:
    """Turns eps ~ N(0, I) into draws from the Gaussian with the mean and covariance of the known points."""
    variances, directions = torch.linalg.eigh(torch.cov(known.T).cpu())
    return known.mean(0) + eps @ (directions * variances.clamp(min=0).sqrt()).T.to(eps)


def unlike_pairs(labels: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of `count` random pairs of images of different classes."""
    first, second = torch.randint(len(labels), (2, 20 * count), generator=generator, device=labels.device)
    different = labels[first] != labels[second]
    return first[different][:count], second[different][:count]


def report(experiment: Experiment) -> None:
    """States the result for the last Z."""
    real, plain, vae = experiment.rows[0], *experiment.rows[-2:]
    for key in ("reconstruction", "width", "unsure_prior", "unsure_fitted", "unsure_halfway", "classes_prior"):
        experiment.find(**{f"{key}_autoencoder": plain[key], f"{key}_vae": vae[key]})
    experiment.answer(
        f"With Z = {vae['latent_dim']} the noise costs {difference(vae, plain, 'reconstruction')} nats of "
        f"reconstruction. Of draws from the prior the classifier is unsure of {cell(vae, 'unsure_prior', 1)} % (VAE) "
        f"and {cell(plain, 'unsure_prior', 1)} % (autoencoder), of test images {real['unsure_prior']:.1f} %."
    )


def draw(experiment: Experiment, models: dict[str, Model], Z: int) -> None:
    """Draws the latents (Z = 2), samples and interpolations of both models side by side."""
    test, shown = experiment.data.test, experiment.one_of_each(10)
    eps = torch.randn(10, Z, generator=experiment.generator(2), device=test.images.device)
    if Z == 2:
        some = experiment.some(test, SHOWN)
        points = {name: to_array(experiment.mu(model, some)) for name, model in models.items()}
        experiment.draw("latents", latent_spaces(points, to_array(some.labels), experiment.data.classes))
    rows = {"test image": shown.images}
    for name, model in models.items():
        known = experiment.mu(model, experiment.data.train)
        rows[f"{name}, x̂"] = model.reconstruct(shown.images)
        rows[f"{name}, N(0,\u00a0I)"] = model.sample(eps)
        rows[f"{name}, fitted"] = model.sample(fit_gaussian(known, eps))
    experiment.draw(f"samples-z{Z}", image_rows(
        f"Reconstructed and generated, Z = {Z}", "x̂: decoded from μ. N(0, I): decoded draws from the prior. Fitted: "
        "decoded draws from a Gaussian with the mean and covariance of the training images' μ. Look for draws that are "
        "no digit, and for draws that are all alike.", rows, apart=(1, 4)))  # fmt: skip
    t, paths = torch.linspace(0, 1, 8, device=eps.device)[:, None], {}
    pairs = experiment.one_of_each(6)
    for name, model in models.items():
        codes = experiment.mu(model, pairs)
        paths[name] = to_array(torch.stack([model.sample((1 - t) * a + t * b) for a, b in codes.split(2)]))
    start, end = to_array(pairs.images[::2]), to_array(pairs.images[1::2])
    experiment.draw(f"interpolations-z{Z}", interpolations(
        start, paths, end, f"From one image to another, Z = {Z}",
        "Outer columns: test images. Between them: decoded points on the straight line between their μ. Look at the "
        "middle: one digit laid over another, or a digit."))  # fmt: skip
