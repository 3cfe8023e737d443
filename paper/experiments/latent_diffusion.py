"""Does a learned prior over z draw better images than N(0, I)?

Varied: where z comes from. Held fixed: the VAE, whose decoder makes an image of every z. The priors: N(0, I), with
which the VAE was trained; a Gaussian with the mean and covariance of the training images' z; a diffusion over these z;
and the z of training images themselves, drawn from q(z|x): what a learned prior imitates, but no prior, since it draws
no new image. Measured: a classifier trained on real images judges what is decoded, as in `ae-vs-vae`: how often
it is unsure, and how many classes there are. Of its hidden layer the Fréchet distance to the test images is taken
(Heusel et al. 2017, arXiv:1706.08500), of a Gaussian fitted to either: it is 0 for images of the same kind and variety,
and other numbers of draws or another classifier give another scale. The KL and −ELBO are those of the test images, with
z drawn: under the diffusion by its bound on log p(z).
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.options import DataOptions, OptimizerOptions
from foundation.rung import encode_all
from paper.experiments.ae_vs_vae import effective_classes, fit_gaussian, unsure
from paper.experiments.baseline import fit_classifier
from paper.experiments.experiment import Experiment, Settings, image_rows, need_classes
from paper.experiments.tables import Column, cell, over_seeds
from paper.models.base import Images, Latents, Model
from paper.models.latent_diffusion import LatentDiffusion, diffusion_over
from paper.models.options import VAEOptions
from paper.models.vae import VAE
from paper.vae_paper import reparameterize


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentDiffusionSettings(Settings):
    """The VAE, the diffusion, and the classifier."""

    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (256, 128)
    diffusion_epochs: int = 10
    """Passes over the training images for the diffusion."""
    batch_size: int = 256
    """Images per step of the diffusion."""
    learning_rate: float = 2e-3
    """Of the diffusion, falling to 0 along half a cosine."""
    draws: int = 5000
    """Images of each kind that the classifier judges."""
    measured: int = 2000
    """Test images that the bound is measured on."""
    classifier_steps: int = 4000

    def check(self, data: Data) -> None:
        """The classifier needs several classes."""
        need_classes(data)


DATA = DataOptions()
FULL = LatentDiffusionSettings(epochs=8, seeds=3)
QUICK = LatentDiffusionSettings(
    train_images=5000, epochs=30, diffusion_epochs=60, draws=2000, measured=500, classifier_steps=500
)
REAL, NORMAL, FITTED, LEARNED, KNOWN = (
    "training images", "N(0, I)", "fitted Gaussian", "latent diffusion", "z of training images"
)  # fmt: skip
TABLES = {
    "A classifier on images decoded from draws of z": (
        Column("prior", "z from"),
        Column("unsure", "unsure, %", 1),
        Column("classes", "classes", 2),
        Column("distance", "Fréchet distance", 2),
    ),
    "The bound under each prior": (
        Column("bound_of", "prior"),
        Column("kl", "KL, nats", 2),
        Column("negative_elbo", "−ELBO, nats", 2),
    ),
}


def run(experiment: Experiment, settings: LatentDiffusionSettings) -> None:
    """Trains a VAE and the diffusion over its latents with every seed, and judges what is drawn."""
    data = experiment.data
    classifier = fit_classifier(
        experiment, "classifier", data.train, len(data.classes), steps=settings.classifier_steps
    )
    some = experiment.some(data.train, settings.draws).images
    experiment.row(prior=REAL, **judge(classifier, some, data.test.images))
    judged: dict[str, list[dict[str, float]]] = {name: [] for name in (NORMAL, FITTED, LEARNED, KNOWN)}
    bounds: dict[str, list[dict[str, float]]] = {name: [] for name in (NORMAL, FITTED, LEARNED)}
    measured = experiment.some(data.test, settings.measured)
    first: tuple[LatentDiffusion, dict[str, Latents]] | None = None
    for seed in range(settings.seeds):
        model = train_both(experiment, settings, seed)
        z = draw_z(experiment, model, settings.draws, seed)
        for name, draws in z.items():
            judged[name].append(judge(classifier, model.sample(draws), data.test.images))
        for name, numbers in bound(experiment, model, measured, seed).items():
            bounds[name].append(numbers)
        first = first or (model, z)
    for name, of_seeds in judged.items():
        experiment.row(prior=name, **over_seeds(of_seeds))
    for name, of_seeds in bounds.items():
        experiment.row(measured, bound_of=name, **over_seeds(of_seeds))
    report(experiment)
    assert first is not None
    draw(experiment, *first)


def train_both(experiment: Experiment, settings: LatentDiffusionSettings, seed: int) -> LatentDiffusion:
    """The VAE of one seed, and the diffusion over its latents."""
    name = "" if settings.seeds == 1 else f", {seed + 1} of {settings.seeds}"
    options = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim)
    vae = experiment.fit(f"VAE{name}", options, epochs=settings.epochs, seed=seed)
    assert isinstance(vae, VAE)
    begun = diffusion_over(vae, experiment.data.train.images, experiment.seed + seed)
    model = experiment.fit(
        f"diffusion{name}", begun.options, epochs=settings.diffusion_epochs, seed=seed, begun=begun,
        batch_size=settings.batch_size,
        optimizer=OptimizerOptions(learning_rate=settings.learning_rate, schedule="cosine"),
    )  # fmt: skip
    assert isinstance(model, LatentDiffusion)
    return model


@torch.no_grad()
def draw_z(experiment: Experiment, model: LatentDiffusion, count: int, seed: int) -> dict[str, Latents]:
    """`count` z from every prior; the first three of the same eps."""
    generator = experiment.generator(1 + seed)
    known = aggregate(model, experiment.data.train, generator)
    eps = torch.randn(count, known.shape[1], generator=generator, device=known.device)
    chosen = torch.randperm(len(known), generator=generator, device=known.device)[:count]
    return {NORMAL: eps, FITTED: fit_gaussian(known, eps), LEARNED: model.prior(eps), KNOWN: known[chosen]}


@torch.no_grad()
def aggregate(model: Model, part: Dataset, generator: torch.Generator) -> Latents:
    """One z from q(z|x) for every image: draws from the aggregated posterior."""
    mu, logvar = encode_all(model, part.images, part.labels, torch.cat, batch_size=1000)
    return reparameterize(mu, logvar, torch.randn(mu.shape, generator=generator, device=mu.device))


def judge(classifier: nn.Module, images: Images, real: Float[Tensor, "M C H W"]) -> dict[str, float]:
    """What the classifier says of images, and how far they are from real ones by its hidden layer."""
    assert isinstance(classifier, nn.Sequential)
    features, last = classifier[:-1], classifier[-1]
    hidden = features(images)
    logits = last(hidden)
    return {
        "unsure": 100 * unsure(logits),
        "classes": effective_classes(logits),
        "distance": frechet_distance(hidden, features(real)),
    }


def frechet_distance(one: Float[Tensor, "N D"], other: Float[Tensor, "M D"]) -> float:
    """|m - n|^2 + tr(C + D - 2 (C D)^(1/2)) of the means m and n and the covariances C and D of two sets of features.

    The trace of (C D)^(1/2) is the sum of the roots of the eigenvalues of C^(1/2) D C^(1/2), which is symmetric.
    """
    (m, C), (n, D) = ((part.mean(0), torch.cov(part.T)) for part in (one.cpu().double(), other.cpu().double()))
    variances, directions = torch.linalg.eigh(C)
    root = (directions * variances.clamp(min=0).sqrt()) @ directions.T
    cross = torch.linalg.eigvalsh(root @ D @ root).clamp(min=0).sqrt().sum()
    return ((m - n).square().sum() + C.trace() + D.trace() - 2 * cross).item()


@torch.no_grad()
def bound(experiment: Experiment, model: LatentDiffusion, part: Dataset, seed: int) -> dict[str, dict[str, float]]:
    """KL and −ELBO of images under each prior that has a density, all with the same z."""
    generator = experiment.generator(101 + seed)
    x, T, Z = part.images, model.options.steps, model.options.latent_dim
    known = aggregate(model, experiment.data.train, generator)
    fitted = torch.distributions.MultivariateNormal(known.mean(0), torch.cov(known.T))
    eps = torch.randn(T + 1, len(x), Z, generator=generator, device=x.device)
    found = model.bound(x, eps)
    z = reparameterize(*model.encode(x), eps[-1])
    log_q = found.standard + torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    kls = {NORMAL: found.standard, FITTED: log_q - fitted.log_prob(z), LEARNED: found.learned}
    return {
        name: {"kl": kl.mean().item(), "negative_elbo": (kl + found.reconstruction).mean().item()}
        for name, kl in kls.items()
    }


def report(experiment: Experiment) -> None:
    """States what the learned prior changes."""
    rows = {row["prior"]: row for row in experiment.rows if "prior" in row}
    bounds = {row["bound_of"]: row for row in experiment.rows if "bound_of" in row}
    normal, fitted, learned, known = (rows[name] for name in (NORMAL, FITTED, LEARNED, KNOWN))
    for name, row in (("normal", normal), ("fitted", fitted), ("learned", learned), ("known", known)):
        experiment.find(**{f"unsure_{name}": row["unsure"], f"distance_{name}": row["distance"]})
    gain = bounds[NORMAL]["negative_elbo"] - bounds[LEARNED]["negative_elbo"]
    experiment.find(gain=gain, unsure_real=rows[REAL]["unsure"])
    experiment.answer(
        f"Of images from N(0, I) the classifier is unsure of {cell(normal, 'unsure', 1)} %, from the diffusion of "
        f"{cell(learned, 'unsure', 1)} %, from the z of training images of "
        f"{cell(known, 'unsure', 1)} %; from the fitted Gaussian of {cell(fitted, 'unsure', 1)} %. The bound on "
        f"−log p(x) is {gain:.2f} nats lower under the diffusion than under N(0, I)."
    )


@torch.no_grad()
def draw(experiment: Experiment, model: LatentDiffusion, z: dict[str, Latents]) -> None:
    """Draws samples of every prior, and one z_T on its way by more and more steps."""
    rows = {name: model.sample(draws[:10]) for name, draws in z.items()}
    experiment.draw("samples", image_rows(
        "One decoder, z from four places", "Each tile: the expected image of one z. Rows 1 and 3 begin with the "
        "same noise in each column; the last row has z of training images, drawn from q(z|x). Look for tiles that are "
        "no digit: their z lie where N(0, I) has mass, and the codes have none.", rows, apart=(3,)))  # fmt: skip
    eps = z[NORMAL][:10]
    steps = [count for count in (1, 2, 5, 20, model.options.steps) if count <= model.options.steps]
    ways = {f"{count} step{'s' * (count > 1)}": model.network.ddim(eps, count) / model.scale for count in steps}
    experiment.draw("steps", image_rows(
        "From N(0, I) to where the codes are", "Each column: one z from N(0, I), decoded as it is in the first row, "
        "and after the diffusion was reversed in so many steps. Look for how a shape between two digits becomes one.",
        {NORMAL: model.sample(eps)} | {name: model.sample(way) for name, way in ways.items()}, apart=(1,)))  # fmt: skip
