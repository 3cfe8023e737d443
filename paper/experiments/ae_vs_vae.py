"""What does the noise buy, and what does it cost? An autoencoder (AE) against a VAE.

Varied: the model (the same network with and without noise and KL term) and Z. Held: everything else.
Measured: reconstruction of the test images from z = μ; how wide the latents lie; and whether the room between and
around them is empty. For that, latents are drawn and decoded, and a classifier trained on real images looks at the
results. It is unsure (probability below 0.9) of much that lies in a hole, and of few test images; where it is sure, it
may still be of nonsense. How many classes it sees tells whether the draws differ: exp of the entropy, at most 10 here.
"""

import dataclasses

import torch
from torch import Tensor, nn

from figures.charts import latent_spaces
from figures.latents import interpolations
from paper.arrays import array
from paper.data import Data
from paper.experiments.baseline import effective_classes, fit_classifier, unsure
from paper.experiments.lab import Lab, Settings, need_classes
from paper.experiments.pictures import image_rows
from paper.experiments.tables import Column
from paper.options import AutoencoderOptions, DataOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class AEvsVAE(Settings):
    """Z, the network, and what judges the images."""

    latent_dims: tuple[int, ...] = (2, 20)
    hidden_dims: tuple[int, ...] = (256, 128)
    draws: int = 2000
    """Latents drawn from the prior, from a fitted Gaussian, and halfway between test images."""
    classifier_steps: int = 1500

    def check(self, data: Data) -> None:
        """A classifier judges the images."""
        need_classes(data)


DATA = DataOptions()
FULL = AEvsVAE(epochs=25, classifier_steps=6000)
QUICK = AEvsVAE(train_images=5000, epochs=30, classifier_steps=500)
TABLES = {
    "What a classifier makes of rebuilt and drawn images": (
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


def run(lab: Lab, settings: AEvsVAE) -> None:
    """Train both models for every Z and let the classifier judge what they draw."""
    data = lab.data
    judge = fit_classifier(lab, "classifier", data.train, len(data.classes), steps=settings.classifier_steps)
    known = judge(data.test.images)
    lab.row(model="test images", unsure_prior=100 * unsure(known), classes_prior=effective_classes(known))
    for Z in settings.latent_dims:
        models = {}
        for name, kind in (("AE", AutoencoderOptions), ("VAE", VAEOptions)):
            options = kind(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
            models[name] = lab.fit(f"{name}, Z = {Z}", options, epochs=settings.epochs)
            lab.row(model=name, latent_dim=Z, **examine(lab, models[name], judge, settings))
        draw(lab, models, Z)
    report(lab)


def examine(lab: Lab, model: nn.Module, judge: nn.Module, settings: AEvsVAE) -> dict[str, float]:
    """The numbers of one row."""
    test, generator = lab.data.test, lab.generator(1)
    mu, known = lab.mu(model), lab.mu(model, lab.data.train)
    eps = torch.randn(settings.draws, mu.shape[1], generator=generator, device=mu.device)
    first, second = unlike_pairs(test.labels, settings.draws, generator)
    prior, fitted = judge(model.sample(eps)), judge(model.sample(fit_gaussian(known, eps)))
    return {
        "reconstruction": -model.log_prob(model.decode(mu), test.images).mean().item(),
        "width": mu.std(0).mean().item(),
        "unsure_rebuilt": 100 * unsure(judge(model.sample(mu))),
        "unsure_prior": 100 * unsure(prior),
        "classes_prior": effective_classes(prior),
        "unsure_fitted": 100 * unsure(fitted),
        "unsure_halfway": 100 * unsure(judge(model.sample((mu[first] + mu[second]) / 2))),
    }


def fit_gaussian(known: Tensor, eps: Tensor) -> Tensor:
    """eps ~ N(0, I) as draws from the Gaussian with the mean and covariance of the known points."""
    variances, directions = torch.linalg.eigh(torch.cov(known.T).cpu())
    return known.mean(0) + eps @ (directions * variances.clamp(min=0).sqrt()).T.to(eps)


def unlike_pairs(labels: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of `count` random pairs of images of different classes."""
    first, second = torch.randint(len(labels), (2, 20 * count), generator=generator, device=labels.device)
    different = labels[first] != labels[second]
    return first[different][:count], second[different][:count]


def report(lab: Lab) -> None:
    """What the rows of the last Z say."""
    real, plain, vae = lab.rows[0], *lab.rows[-2:]
    for key in ("reconstruction", "width", "unsure_prior", "unsure_fitted", "unsure_halfway", "classes_prior"):
        lab.find(**{f"{key}_autoencoder": plain[key], f"{key}_vae": vae[key]})
    lab.answer(
        f"With Z = {vae['latent_dim']} the noise costs {vae['reconstruction'] - plain['reconstruction']:.2f} nats of "
        f"reconstruction. Of draws from the prior the classifier is unsure of {vae['unsure_prior']:.1f} % (VAE) and "
        f"{plain['unsure_prior']:.1f} % (autoencoder), of test images {real['unsure_prior']:.1f} %."
    )


def draw(lab: Lab, models: dict[str, nn.Module], Z: int) -> None:
    """Latents (Z = 2), samples and interpolations of both models, side by side."""
    test, shown = lab.data.test, lab.one_of_each(10)
    eps = torch.randn(10, Z, generator=lab.generator(2), device=test.images.device)
    mu = {name: lab.mu(model) for name, model in models.items()}
    if Z == 2:
        points = {name: array(some[:2000]) for name, some in mu.items()}
        lab.draw("latents", latent_spaces(points, array(test.labels[:2000]), lab.data.classes))
    rows = {"test image": shown.images}
    for name, model in models.items():
        known = lab.mu(model, lab.data.train)
        rows[f"{name}, x̂"] = model.reconstruct(shown.images)
        rows[f"{name}, N(0,\u00a0I)"] = model.sample(eps)
        rows[f"{name}, fitted"] = model.sample(fit_gaussian(known, eps))
    lab.draw(f"samples-z{Z}", image_rows(
        f"Rebuilt and drawn, Z = {Z}", "x̂: rebuilt from μ. N(0, I): decoded draws from the prior. Fitted: draws from a "
        "Gaussian with the mean and covariance of the training images' μ. Look for draws that are no digit, and for "
        "draws that are all alike.", rows, apart=(1, 4)))  # fmt: skip
    t, ways = torch.linspace(0, 1, 8, device=eps.device)[:, None], {}
    pairs = lab.one_of_each(6)
    for name, model in models.items():
        codes = lab.mu(model, pairs)
        ways[name] = array(torch.stack([model.sample((1 - t) * a + t * b) for a, b in codes.split(2)]))
    start, end = array(pairs.images[::2]), array(pairs.images[1::2])
    lab.draw(f"interpolations-z{Z}", interpolations(
        start, ways, end, f"From one image to another, Z = {Z}",
        "Outer columns: test images. Between them: decoded points on the straight line between their μ. Look at the "
        "middle: one digit laid over another, or a digit."))  # fmt: skip
