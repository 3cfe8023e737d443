"""Do warm-up and free bits keep latents in use?

Varied: how the KL term is held back while training; see `paper/schedules.py`. Held: everything else, a network of
several layers and a large step size among it, with which latents are lost early and for good.
Measured: the same for all, whatever they were trained with: the negative ELBO of the test images with the whole KL,
and the active units; at the end of training, and along it.
"""

import dataclasses

import numpy as np
from torch import nn

from figures.lines import Line, Panel, line_panels
from paper.evaluation.activity import active_units
from paper.experiments.lab import Lab, Settings
from paper.experiments.tables import Column, over_seeds
from paper.options import DataOptions, KLOptions, OptimizerOptions, VAEOptions
from paper.records import EpochRecord, Record


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collapse(Settings):
    """A setting in which latents collapse, and how long the KL term is held back."""

    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (400, 200, 100)
    learning_rate: float = 3e-3
    warmup: float = 0.4
    """Share of training; in each of the cycles the same share."""
    free_bits: float = 0.25
    """λ in nats, for each latent."""

    def methods(self) -> dict[str, KLOptions]:
        """What is compared."""
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
        Column("method", "KL held back by"),
        Column("loss", "−ELBO, nats"),
        Column("reconstruction", "reconstruction, nats"),
        Column("kl", "KL, nats"),
        Column("active_units", "active units", 1),
    )
}


def run(lab: Lab, settings: Collapse) -> None:
    """Train with every method and seed; look at the model after every epoch."""
    model = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim)
    histories = {}
    for method, kl in settings.methods().items():
        seen: list[dict[str, float]] = []

        def look(network: nn.Module, record: Record, seen: list[dict[str, float]] = seen) -> None:
            if isinstance(record, EpochRecord):
                seen.append(lab.measure(network) | {"active_units": float(active_units(lab.mu(network)))})

        optimizer = OptimizerOptions(learning_rate=settings.learning_rate)
        lab.repeat(method, model, settings, kl=kl, optimizer=optimizer, watch=look)
        lab.row(method=method, **over_seeds(seen[settings.epochs - 1 :: settings.epochs]))
        histories[method] = seen
    report(lab)
    draw(lab, histories, settings)


def report(lab: Lab) -> None:
    """What the rows say."""
    none, *others = lab.rows
    best = min(others, key=lambda row: row["loss"])
    lab.find(loss_none=none["loss"], active_units_none=none["active_units"])
    lab.find(best_method=best["method"], loss_best=best["loss"], active_units_best=best["active_units"])
    lab.answer(
        f"Without help {none['active_units']:.1f} latents are in use at {none['loss']:.2f} nats. Of the three "
        f"remedies {best['method']} has the lowest −ELBO, {best['loss']:.2f} nats, with {best['active_units']:.1f}."
    )


def draw(lab: Lab, histories: dict[str, list[dict[str, float]]], settings: Collapse) -> None:
    """What was measured after every epoch, mean over the seeds."""
    epochs = np.arange(1, settings.epochs + 1)
    panels = []
    for key, head in PARTS.items():
        lines = {
            method: Line(epochs, np.reshape([one[key] for one in seen], (-1, settings.epochs)).mean(0))
            for method, seen in histories.items()
        }
        panels.append(Panel(head, "epoch", lines))
    lab.draw("training", line_panels(
        panels, "Holding back the KL term", "Test images after every epoch, measured alike: the whole KL counts. Look "
        "for latents that one method has in use and another never gets back.", columns=1))  # fmt: skip
