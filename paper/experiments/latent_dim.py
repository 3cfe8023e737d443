"""How many latents does the data need?

Varied: Z. Held fixed: everything else; the network is fully connected.
Measured on the test images: the negative ELBO and its parts, z drawn from q(z|x), and the number of active
latents (Burda et al. 2016: the variance of μ over the images is above 0.01).
"""

import dataclasses

from torch import Tensor

from figures.lines import Panel, line_panels
from foundation.options import DataOptions
from paper.evaluation.latents import active_units
from paper.experiments.experiment import Experiment, Settings, image_rows, line_over
from paper.experiments.tables import Column, cell, difference, over_seeds
from paper.models.options import VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentDim(Settings):
    """Z and the network around it."""

    latent_dims: tuple[int, ...] = (2, 5, 10, 20, 50)
    hidden_dims: tuple[int, ...] = (400,)


DATA = DataOptions()
FULL = LatentDim(epochs=8, seeds=3)
QUICK = LatentDim(train_images=4000, epochs=20)
TABLES = {
    "Test images": (
        Column("latent_dim", "Z", 0),
        Column("loss", "−ELBO, nats"),
        Column("reconstruction", "reconstruction, nats"),
        Column("kl", "KL, nats"),
        Column("active_units", "active units", 1),
    )
}


def run(experiment: Experiment, settings: LatentDim) -> None:
    """Trains a VAE for every Z and seed."""
    x = experiment.one_of_each(10).images
    shown = {"test image": x}
    for Z in settings.latent_dims:
        options = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
        models = experiment.repeat(f"Z = {Z}", options, settings)
        numbers = [
            experiment.measure(model) | {"active_units": float(active_units(experiment.mu(model)))} for model in models
        ]
        experiment.row(latent_dim=Z, **over_seeds(numbers))
        shown[f"Z = {Z}"] = models[0].reconstruct(x)
    report(experiment)
    draw(experiment, shown)


def report(experiment: Experiment) -> None:
    """States the Z with the lowest −ELBO, and the use of the most latents."""
    best, last = min(experiment.rows, key=lambda row: row["loss"]), experiment.rows[-1]
    experiment.find(best_latent_dim=best["latent_dim"], best_loss=best["loss"])
    experiment.find(last_latent_dim=last["latent_dim"], last_loss=last["loss"], last_active_units=last["active_units"])
    experiment.answer(
        f"The lowest −ELBO, {cell(best, 'loss')} nats, has Z = {best['latent_dim']}. Of Z = {last['latent_dim']} "
        f"latents {cell(last, 'active_units', 1)} are active, and their −ELBO is "
        f"{difference(last, best, 'loss')} nats higher."
    )


def draw(experiment: Experiment, shown: dict[str, Tensor]) -> None:
    """Draws curves over Z, and reconstructions of the same ten images for every Z."""
    heads = {"loss": "−ELBO (nats per image)", "reconstruction": "Reconstruction (nats per image)",
             "kl": "KL (nats per image)", "active_units": "Active units"}  # fmt: skip
    panels = [
        Panel(head, "Z", {"": line_over(experiment.rows, "latent_dim", key)}, log_x=True) for key, head in heads.items()
    ]
    experiment.draw("curves", line_panels(
        panels, "How many latents?", "Test images. Look for the Z from which reconstruction no longer falls, and for "
        "active units that stay below Z."))  # fmt: skip
    experiment.draw("reconstructions", image_rows(
        "Reconstructions from few latents and from many", "Below the test images: x̂ from z = μ. Look for what more "
        "latents add: first the class, then slant and stroke, then details.", shown, apart=(1,)))  # fmt: skip
