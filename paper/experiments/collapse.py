"""Do warm-up and free bits keep latents in use?

Varied: how the weight of the KL term is reduced during training. Held fixed: everything else; the network has several
layers and the learning rate is large, a setting in which latents are lost early and not recovered.
Measured, in the same way for all: the negative ELBO of the test images with the full KL, and the active units, after
every epoch.
"""

import dataclasses

import numpy as np

from figures.lines import Line, Panel, line_panels
from foundation.options import DataOptions, KLOptions, OptimizerOptions
from foundation.records import EpochRecord, Record
from paper.evaluation.latents import active_units
from paper.experiments.experiment import Experiment, Settings
from paper.experiments.tables import Column, cell, over_seeds
from paper.models.base import Model
from paper.models.options import VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collapse(Settings):
    """A setting in which latents collapse, and the remedies' parameters."""

    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (400, 200, 100)
    learning_rate: float = 3e-3
    warmup: float = 0.4
    """The share of training, or of each cycle, in which the KL weight rises."""
    free_bits: float = 0.25
    """λ in nats, for each latent."""

    def methods(self) -> dict[str, KLOptions]:
        """The methods by name."""
        return {
            "none": KLOptions(),
            "linear warm-up": KLOptions(schedule="linear", warmup=self.warmup),
            "cyclical": KLOptions(schedule="cyclical", warmup=self.warmup),
            "free bits": KLOptions(free_bits=self.free_bits),
        }


DATA = DataOptions()
FULL = Collapse(epochs=6, seeds=3)
QUICK = Collapse(train_images=5000, epochs=15)
PARTS = {"loss": "−ELBO (nats per image)", "kl": "KL (nats per image)", "active_units": "Active units"}
TABLES = {
    "Test images": (
        Column("method", "method"),
        Column("loss", "−ELBO, nats"),
        Column("reconstruction", "reconstruction, nats"),
        Column("kl", "KL, nats"),
        Column("active_units", "active units", 1),
    )
}


def run(experiment: Experiment, settings: Collapse) -> None:
    """Trains with every method and seed, and measures the model after every epoch."""
    model = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim)
    histories = {}
    for method, kl in settings.methods().items():
        history: list[dict[str, float]] = []

        def measure(network: Model, record: Record, history: list[dict[str, float]] = history) -> None:
            if isinstance(record, EpochRecord):
                history.append(
                    experiment.measure(network) | {"active_units": float(active_units(experiment.mu(network)))}
                )

        optimizer = OptimizerOptions(learning_rate=settings.learning_rate)
        experiment.repeat(method, model, settings, kl=kl, optimizer=optimizer, watch=measure)
        experiment.row(method=method, **over_seeds(history[settings.epochs - 1 :: settings.epochs]))
        histories[method] = history
    report(experiment)
    draw(experiment, histories, settings)


def report(experiment: Experiment) -> None:
    """States the collapse without a remedy, and the best remedy."""
    none, *others = experiment.rows
    best = min(others, key=lambda row: row["loss"])
    experiment.find(loss_none=none["loss"], active_units_none=none["active_units"])
    experiment.find(best_method=best["method"], loss_best=best["loss"], active_units_best=best["active_units"])
    experiment.answer(
        f"Without a remedy {cell(none, 'active_units', 1)} latents are active at {cell(none, 'loss')} nats. Of the "
        f"three remedies {best['method']} has the lowest −ELBO, {cell(best, 'loss')} nats, with "
        f"{cell(best, 'active_units', 1)} active latents."
    )


def draw(experiment: Experiment, histories: dict[str, list[dict[str, float]]], settings: Collapse) -> None:
    """Draws the measurements after every epoch, mean over the seeds."""
    epochs = range(1, settings.epochs + 1)
    panels = []
    for key, head in PARTS.items():
        lines = {
            method: Line(epochs, np.reshape([one[key] for one in history], (-1, settings.epochs)).mean(0))
            for method, history in histories.items()
        }
        panels.append(Panel(head, "epoch", lines))
    experiment.draw("training", line_panels(
        panels, "Reducing the KL term during training", "Test images after every epoch, all measured with the full KL. "
        "Look for latents that stay active with one method and are never recovered with another.",
        columns=1))  # fmt: skip
