"""How many latents does the data need?

Varied: Z. Held: everything else, a fully connected network among it.
Measured on the test images: the negative ELBO and its parts, z drawn from q(z|x), and how many latents are in use
(Burda et al. 2016: a latent is active where its μ differs from image to image, variance > 0.01).
"""

import dataclasses

from torch import Tensor

from figures.lines import Panel, line_panels
from paper.evaluation.activity import active_units
from paper.experiments.lab import Lab, Settings
from paper.experiments.pictures import image_rows, line_over
from paper.experiments.tables import Column, over_seeds
from paper.options import DataOptions, VAEOptions


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


def run(lab: Lab, settings: LatentDim) -> None:
    """Train a VAE for every Z and seed."""
    x = lab.one_of_each(10).images
    shown = {"test image": x}
    for Z in settings.latent_dims:
        options = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
        models = lab.repeat(f"Z = {Z}", options, settings)
        numbers = [lab.measure(model) | {"active_units": float(active_units(lab.mu(model)))} for model in models]
        lab.row(latent_dim=Z, **over_seeds(numbers))
        shown[f"Z = {Z}"] = models[0].reconstruct(x)
    report(lab)
    draw(lab, shown)


def report(lab: Lab) -> None:
    """What the rows say."""
    best, last = min(lab.rows, key=lambda row: row["loss"]), lab.rows[-1]
    lab.find(best_latent_dim=best["latent_dim"], best_loss=best["loss"])
    lab.find(last_latent_dim=last["latent_dim"], last_loss=last["loss"], last_active_units=last["active_units"])
    lab.answer(
        f"The lowest −ELBO, {best['loss']:.2f} nats, has Z = {best['latent_dim']}. Of Z = {last['latent_dim']} latents "
        f"{last['active_units']:.1f} are in use, and their −ELBO is {last['loss'] - best['loss']:.2f} nats higher."
    )


def draw(lab: Lab, shown: dict[str, Tensor]) -> None:
    """Curves over Z, and the same ten images rebuilt from every Z."""
    heads = {"loss": "−ELBO (nats per image)", "reconstruction": "Reconstruction (nats per image)",
             "kl": "KL (nats per image)", "active_units": "Active units"}  # fmt: skip
    panels = [Panel(head, "Z", {"": line_over(lab.rows, "latent_dim", key)}, log_x=True) for key, head in heads.items()]
    lab.draw("curves", line_panels(
        panels, "How many latents?", "Test images. Look for the Z from which on reconstruction no longer falls, and "
        "for active units that stay behind Z."))  # fmt: skip
    lab.draw("reconstructions", image_rows(
        "Reconstructions from few latents and from many", "Below the test images: x̂ from z = μ. Look for what comes "
        "back with more latents: first the class, then slant and stroke, then quirks.", shown, apart=(1,)))  # fmt: skip
