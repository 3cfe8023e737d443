"""What does the choice of p(x|z) change?

Varied: the likelihood. Held: everything else; all see the same grey images.
Measured on the test images, z drawn from q(z|x): what each model minimised, −ELBO with its own p(x|z); what of that
may be compared; how far x̂ is off; and which σ was learned. Bernoulli's number is no log-likelihood, since BCE on grey
pixels is no density. Its decoder read as a continuous Bernoulli, with the constant that BCE leaves out, has one: the
column "as a density" holds numbers of one kind, minus log-densities on grey pixels, and they alone may be compared.
They are negative where pixels are foreseen so closely that their density is above 1: on images whose background is
exactly black, a model gains without end by being ever surer of it.
"""

import copy
import dataclasses
import math

import torch
from torch import Tensor, nn

from paper.experiments.lab import Lab, Settings
from paper.experiments.pictures import image_rows
from paper.experiments.tables import Column, over_seeds
from paper.models.likelihoods import make_likelihood
from paper.options import DataOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood(Settings):
    """The network around the likelihood."""

    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (400,)


DATA = DataOptions()
FULL = Likelihood(epochs=10, seeds=2)
QUICK = Likelihood(train_images=5000, epochs=15)
LIKELIHOODS = {
    "Bernoulli": {"likelihood": "bernoulli"},
    "continuous Bernoulli": {"likelihood": "continuous-bernoulli"},
    "Gaussian σ = 0.71": {"likelihood": "gaussian", "sigma": math.sqrt(0.5)},
    "Gaussian σ = 0.2": {"likelihood": "gaussian", "sigma": 0.2},
    "Gaussian σ learned": {"likelihood": "gaussian-learned", "sigma": 0.1},
}
"""σ² = 1/2 makes the Gaussian's loss the squared error and a constant."""
TABLES = {
    "Test images": (
        Column("name", "p(x|z)"),
        Column("loss", "−ELBO, its own, nats", 1),
        Column("density", "−ELBO as a density, nats", 1),
        Column("kl", "KL, nats"),
        Column("rmse", "root mean square of x − x̂", 4),
        Column("sigma", "σ", 4),
    )
}


def run(lab: Lab, settings: Likelihood) -> None:
    """Train with every likelihood and look at x̂ and at draws from p(x|z)."""
    shown = lab.one_of_each(10).images
    rows = {"test image": shown}
    for name, choice in LIKELIHOODS.items():
        options = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, **choice)
        models = lab.repeat(name, options, settings)
        numbers = [examine(lab, model) for model in models]
        lab.row(name=name, **over_seeds(numbers))
        outputs = models[0].decode(models[0].encode(shown)[0])
        rows[f"{name}, x̂"] = models[0].likelihood.mean(outputs)
        rows[f"{name}, draw"] = models[0].likelihood.draw(outputs, lab.generator(1)).clamp(0, 1)
    report(lab)
    draw(lab, rows)


def examine(lab: Lab, model: nn.Module) -> dict[str, float]:
    """The numbers of one model."""
    own, x = lab.measure(model), lab.data.test.images
    found = {"loss": own["loss"], "density": lab.measure(as_density(model))["loss"], "kl": own["kl"]}
    eps = torch.randn(model.noise_shape(len(x)), generator=lab.generator(2), device=x.device)
    found["rmse"] = (model.likelihood.mean(model(x, eps).outputs) - x).square().mean().sqrt().item()
    if model.options.likelihood.startswith("gaussian"):
        found["sigma"] = math.exp(model.likelihood.log_sigma)
    return found


def as_density(model: nn.Module) -> nn.Module:
    """The model itself, or a Bernoulli one whose outputs are read as those of a continuous Bernoulli."""
    if model.options.likelihood != "bernoulli":
        return model
    twin = copy.copy(model)
    twin._modules = dict(model._modules)  # or the original would change with it
    twin.likelihood = make_likelihood("continuous-bernoulli", 1.0)
    return twin


def report(lab: Lab) -> None:
    """What the rows say."""
    named = {row["name"]: row for row in lab.rows}
    bce, proper, learned = (named[name] for name in ("Bernoulli", "continuous Bernoulli", "Gaussian σ learned"))
    lab.find(density_bernoulli=bce["density"], density_continuous_bernoulli=proper["density"])
    lab.find(rmse_bernoulli=bce["rmse"], rmse_continuous_bernoulli=proper["rmse"], rmse_learned=learned["rmse"])
    lab.find(sigma_learned=learned["sigma"], density_learned=learned["density"])
    lab.answer(
        f"As densities of grey pixels, the Bernoulli decoder has {bce['density']:.1f} nats, the continuous Bernoulli "
        f"{proper['density']:.1f}. The learned σ is {learned['sigma']:.4f}; x − x̂ of its model has a root mean "
        f"square of {learned['rmse']:.4f}."
    )


def draw(lab: Lab, rows: dict[str, Tensor]) -> None:
    """x̂ and a draw from p(x|z), for every likelihood."""
    lab.draw("images", image_rows(
        "The expected image, and a draw", "x̂ is the mean of p(x|z) for z = μ; a draw is what the model says an image "
        "looks like. Look at the draws: black and white where the data is grey, or grey noise where it is black.",
        rows, apart=range(1, len(rows), 2)))  # fmt: skip
