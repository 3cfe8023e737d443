"""Does a heavier KL term take the factors of variation apart?

Varied: β (Higgins et al. 2017). Held: everything else. The data's factors of variation are known.
Measured on the test images: reconstruction and KL (sampled z), active units, and three scores of disentanglement from
μ: the β-VAE metric (Higgins et al. 2017), the FactorVAE metric (Kim & Mnih 2018), the mutual information gap (Chen et
al. 2018). All are 1 for a perfect code.
"""

import dataclasses

from torch import Tensor, nn

from figures.lines import Panel, line_panels
from foundation.console import step_display
from foundation.errors import InputError
from paper.data import Data
from paper.drawing import traversal_figure
from paper.evaluation.activity import kl_by_latent
from paper.evaluation.disentanglement import disentanglement
from paper.evaluation.encoding import active_latents, code_of, encode_all
from paper.evaluation.ground_truth import world_of
from paper.experiments.lab import Lab, Settings
from paper.experiments.pictures import image_rows, line_over
from paper.experiments.tables import Column, over_seeds
from paper.options import BetaVAEOptions, DataOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beta(Settings):
    """The sweep and the network."""

    betas: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    latent_dim: int = 10
    hidden_dims: tuple[int, ...] = (400, 200)

    def check(self, data: Data) -> None:
        """Scores are measured on images that are drawn from chosen factors."""
        if world_of(data) is None:
            raise InputError(
                f"data: expected images whose factors of variation are known, shapes or glyphs, got {data.name}"
            )


DATA = DataOptions(name="shapes")
FULL = Beta(epochs=15, seeds=3)
QUICK = Beta(betas=(1.0, 4.0, 16.0), train_images=6000, epochs=12)
SCORES = {"beta_vae_score": "β-VAE metric", "factor_vae_score": "FactorVAE metric", "mig": "MIG"}
TABLES = {
    "Test images, and new ones for the scores": (
        Column("beta", "β", 0),
        Column("reconstruction", "reconstruction, nats"),
        Column("kl", "KL, nats"),
        Column("active_units", "active units", 1),
        *(Column(key, head, 3) for key, head in SCORES.items()),
    )
}


def run(lab: Lab, settings: Beta) -> None:
    """Train a β-VAE for every β and seed, and score its latents."""
    shown, found = lab.one_of_each(10).images, {}
    rows = {"test image": shown}
    for beta in settings.betas:
        options = BetaVAEOptions(
            network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, beta=beta
        )
        models = lab.repeat(f"β = {beta:g}", options, settings)
        numbers = [examine(lab, model) for model in models]
        lab.row(beta=beta, **over_seeds(numbers))
        found[beta] = list(zip([one["mig"] for one in numbers], models, strict=True))
        rows[f"β = {beta:g}"] = models[0].reconstruct(shown)
    report(lab)
    best = max(lab.rows, key=lambda row: row["mig"])["beta"]
    draw(lab, rows, {beta: max(found[beta], key=lambda one: one[0])[1] for beta in {settings.betas[0], best}})


def examine(lab: Lab, model: nn.Module) -> dict[str, float]:
    """The numbers of one model."""
    parts, world, kept = lab.measure(model), world_of(lab.data), active_latents(model, lab.data)
    with step_display(lab.console, "   scoring the latents"):
        scores = disentanglement(world, code_of(model, lab.data, world, kept), lab.seed)
    return {
        "reconstruction": parts["reconstruction"],
        "kl": parts["kl"],
        "active_units": float(kept.sum()),
        **{key: getattr(scores, key) for key in SCORES},
    }


def report(lab: Lab) -> None:
    """What the rows say."""
    first, best = lab.rows[0], max(lab.rows, key=lambda row: row["mig"])
    for key in ("beta", "mig", "factor_vae_score", "beta_vae_score", "reconstruction", "active_units"):
        lab.find(**{f"{key}_first": first[key], f"{key}_best": best[key]})
    lab.answer(
        f"β = {best['beta']:g} has the highest MIG, {best['mig']:.3f} against {first['mig']:.3f} at β = "
        f"{first['beta']:g}, with {best['reconstruction'] - first['reconstruction']:.1f} nats more of reconstruction "
        f"loss and {best['active_units']:.1f} active latents instead of {first['active_units']:.1f}."
    )


def draw(lab: Lab, rows: dict[str, Tensor], best: dict[float, nn.Module]) -> None:
    """Curves over β, reconstructions, and traversals at the first β and at the best one."""
    heads = {"reconstruction": "Reconstruction (nats per image)", "kl": "KL (nats per image)",
             "active_units": "Active units"} | SCORES  # fmt: skip
    panels = [Panel(head, "β", {"": line_over(lab.rows, "beta", key)}, log_x=True) for key, head in heads.items()]
    lab.draw("curves", line_panels(
        panels, "What β buys, and what it costs", "Bars: standard deviation over the seeds; all scores are 1 for a "
        "perfect code. Look for scores that rise while reconstruction gets worse, and for the β from which on latents "
        "are lost."))  # fmt: skip
    lab.draw("reconstructions", image_rows(
        "Reconstructions", "Below the test images: x̂ from z = μ. Look for what a heavy KL term gives up first.",
        rows, apart=(1,)))  # fmt: skip
    for beta, model in best.items():
        test = lab.data.test
        kl = kl_by_latent(*encode_all(model, test.images, test.labels))
        lab.draw(f"traversals-beta{beta:g}", traversal_figure(model, test, kl))
