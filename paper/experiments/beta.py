"""Does a heavier KL term disentangle the factors of variation?

Varied: β (Higgins et al. 2017). Held fixed: everything else. The data's factors of variation are known.
Measured on the test images: reconstruction and KL (sampled z), active units, and scores of disentanglement from μ,
each a mean over several seeds of the metric: the β-VAE metric (Higgins et al. 2017), the FactorVAE metric (Kim & Mnih
2018), the mutual information gap (Chen et al. 2018), DCI disentanglement (Eastwood & Williams 2018). All are 1 for a
perfect code.
"""

import dataclasses
from collections.abc import Sequence

from torch import Tensor

from figures.lines import Panel, line_panels, trade_off
from figures.model import traversal_figure
from foundation.console import step_display
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.latents import kl_by_latent
from foundation.options import DataOptions
from paper.evaluation.disentanglement import REPEATS, disentanglement, mean_scores, single_numbers
from paper.evaluation.ground_truth import GroundTruth, ground_truth_of, representation_of
from paper.evaluation.latents import active_latents, posteriors
from paper.experiments.experiment import Experiment, Settings, image_rows, line_over
from paper.experiments.tables import Column, cell, difference, over_seeds
from paper.models.base import Model
from paper.models.options import BetaVAEOptions
from paper.rung import ModelRung
from paper.training.fit import to_arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beta(Settings):
    """The values of β and the network."""

    betas: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    latent_dim: int = 10
    hidden_dims: tuple[int, ...] = (400, 200)

    def check(self, data: Data) -> None:
        """The scores need new images of chosen factors."""
        known_truth(data)


def known_truth(data: Data) -> GroundTruth:
    """The ground truth of the data. Raises `InputError` where it is unknown."""
    truth = ground_truth_of(data)
    if truth is None:
        raise InputError(
            f"data: expected images whose factors of variation are known, shapes or glyphs, got {data.name}"
        )
    return truth


DATA = DataOptions(name="shapes")
FULL = Beta(epochs=15, seeds=3)
QUICK = Beta(betas=(1.0, 4.0, 16.0), train_images=6000, epochs=12)
SCORES = {
    "beta_vae_score": "β-VAE metric",
    "factor_vae_score": "FactorVAE metric",
    "mig": "MIG",
    "disentanglement": "DCI",
}
TABLES = {
    "Test images, and new ones for the scores": (
        Column("beta", "β", 0),
        Column("reconstruction", "reconstruction, nats"),
        Column("kl", "KL, nats"),
        Column("active_units", "active units", 1),
        *(Column(key, head, 3) for key, head in SCORES.items()),
        Column("metric_spread", "β-VAE metric: spread by its own seed", 3),
    )
}


def run(experiment: Experiment, settings: Beta) -> None:
    """Trains a β-VAE for every β and seed, and scores its latents."""
    shown, found = experiment.one_of_each(10).images, {}
    rows, costs = {"test image": shown}, {}
    for beta in settings.betas:
        options = BetaVAEOptions(
            network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, beta=beta
        )
        models = experiment.repeat(f"β = {beta:g}", options, settings)
        numbers = [examine(experiment, model) for model in models]
        experiment.row(beta=beta, **over_seeds(numbers))
        costs[f"β = {beta:g}"] = ([one["kl"] for one in numbers], [one["reconstruction"] for one in numbers])
        found[beta] = list(zip([one["mig"] for one in numbers], models, strict=True))
        rows[f"β = {beta:g}"] = models[0].reconstruct(shown)
    report(experiment)
    best = max(experiment.rows, key=lambda row: row["mig"])["beta"]
    experiment.draw("rate-distortion", trade_off(
        costs, "Rate: KL (nats per image)", "Distortion: reconstruction (nats per image)", "Rate and distortion",
        "A point for each β, at the mean of its seeds, which are the dots. At the optimum one more nat of KL saves "
        "β nats of reconstruction, so slopes lie between neighbouring β.", joined=True))  # fmt: skip
    draw(experiment, rows, {beta: middle(found[beta]) for beta in {settings.betas[0], best}})


def middle(scored: Sequence[tuple[float, Model]]) -> Model:
    """The model with the median score, the lower one of two: what a figure shows must be typical."""
    return sorted(scored, key=lambda one: one[0])[(len(scored) - 1) // 2][1]


def examine(experiment: Experiment, model: Model) -> dict[str, float]:
    """The numbers of one model."""
    data, parts = experiment.data, experiment.measure(model)
    truth, kept = known_truth(data), active_latents(model, data)
    with step_display(experiment.console, "   scoring the latents"):
        represent = representation_of(model, data, truth, kept)
        scores, spread = mean_scores([disentanglement(truth, represent, experiment.seed + i) for i in range(REPEATS)])
        numbers = single_numbers(scores)
    return {
        "reconstruction": parts["reconstruction"],
        "kl": parts["kl"],
        "active_units": float(kept.sum()),
        **{key: numbers[key] for key in SCORES},
        "metric_spread": spread["beta_vae_score"],
    }


def report(experiment: Experiment) -> None:
    """States the β with the highest MIG and its cost."""
    first, best = experiment.rows[0], max(experiment.rows, key=lambda row: row["mig"])
    for key in ("beta", "mig", "factor_vae_score", "beta_vae_score", "reconstruction", "active_units"):
        experiment.find(**{f"{key}_first": first[key], f"{key}_best": best[key]})
    experiment.answer(
        f"β = {best['beta']:g} has the highest MIG, {cell(best, 'mig', 3)} against {cell(first, 'mig', 3)} at β = "
        f"{first['beta']:g}, with {difference(best, first, 'reconstruction', 1)} nats more of reconstruction "
        f"loss and {cell(best, 'active_units', 1)} active latents instead of {cell(first, 'active_units', 1)}."
    )


def draw(experiment: Experiment, rows: dict[str, Tensor], typical: dict[float, Model]) -> None:
    """Draws curves over β, reconstructions, and traversals of these models, by their β."""
    heads = {"reconstruction": "Reconstruction (nats per image)", "kl": "KL (nats per image)",
             "active_units": "Active units"} | SCORES  # fmt: skip
    panels = [
        Panel(head, "β", {"": line_over(experiment.rows, "beta", key)}, log_x=True) for key, head in heads.items()
    ]
    experiment.draw("curves", line_panels(
        panels, "Gains and costs of β", "Bars: standard deviation over the seeds; all scores are 1 for a perfect code. "
        "Look for scores that rise while reconstruction gets worse, and for the β from which latents are "
        "lost."))  # fmt: skip
    experiment.draw("reconstructions", image_rows(
        "Reconstructions", "Below the test images: x̂ from z = μ. Look for what is lost first as β grows.",
        rows, apart=(1,)))  # fmt: skip
    for beta, model in typical.items():
        test = experiment.data.test
        mu, logvar = posteriors(model, test.images, test.labels)
        kl = kl_by_latent(mu.cpu(), logvar.cpu())
        experiment.draw(
            f"traversals-beta{beta:g}", traversal_figure(ModelRung(model), to_arrays(experiment.data).test, kl)
        )
