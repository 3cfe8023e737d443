"""Does a VAE remove noise, and does its ELBO know a stranger? `noise.py` and `strangers.py` say how both are tried."""

import dataclasses
from statistics import fmean

from paper.data import Data
from paper.experiments.anomaly import Strangers, find_strangers
from paper.experiments.denoising import Noise, remove_noise
from paper.experiments.lab import Lab, Settings, need_classes
from paper.experiments.tables import Column
from paper.options import DataOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class DenoiseAndDetect(Settings, Noise, Strangers):
    """The network, beside what each of the two parts varies."""

    latent_dim: int = 20
    hidden_dim: int = 400

    def check(self, data: Data) -> None:
        """One class is left out, others must remain."""
        need_classes(data)


DATA = DataOptions()
FULL = DenoiseAndDetect(epochs=8)
QUICK = DenoiseAndDetect(train_images=5000, epochs=12, left_out=(0, 1, 4, 7), tried=300)
TABLES = {
    "Noise removal: PSNR of the test images, dB": (
        Column("noise", "σ of the noise", 1),
        Column("noisy", "noisy image", 1),
        Column("blurred", "blurred", 1),
        Column("vae", "VAE, x̂", 1),
        Column("searched", "VAE, z searched", 1),
        Column("dae", "denoising autoencoder", 1),
        Column("clean", "VAE, x̂ of the clean image", 1),
    ),
    "Strangers: area under the ROC curve": (
        Column("left_out", "class left out"),
        Column("elbo", "−ELBO", 3),
        Column("reconstruction", "reconstruction", 3),
        Column("kl", "KL", 3),
        Column("ink", "ink alone", 3),
    ),
}


def run(lab: Lab, settings: DenoiseAndDetect) -> None:
    """Both parts, one after the other, with the same network."""
    vae = VAEOptions(network="mlp", hidden_dims=(settings.hidden_dim,), latent_dim=settings.latent_dim)
    remove_noise(lab, settings, vae, settings.epochs)
    find_strangers(lab, settings, vae, settings.epochs)
    last = [row for row in lab.rows if "noise" in row][-1]
    gains = {f"gain_{key}": last[key] - last["noisy"] for key in ("blurred", "vae", "searched", "dae")}
    lab.find(most_noise=last["noise"], **gains)
    lab.answer(
        f"At σ = {last['noise']:g} the PSNR changes by {gains['gain_vae']:+.1f} dB through the VAE's x̂, by "
        f"{gains['gain_searched']:+.1f} dB where z is searched, by {gains['gain_dae']:+.1f} dB through the denoising "
        f"autoencoder, and by {gains['gain_blurred']:+.1f} dB through a blur."
    )
    rows = [row for row in lab.rows if "left_out" in row]
    mean = {key: fmean(row[key] for row in rows) for key in ("elbo", "reconstruction", "kl", "ink")}
    worst = min(rows, key=lambda row: row["elbo"])
    lab.find(**{f"mean_auc_{key}": value for key, value in mean.items()})
    lab.find(worst_left_out=worst["left_out"], worst_auc=worst["elbo"])
    lab.answer(
        f"−ELBO finds the class that was left out with a mean area of {mean['elbo']:.3f}, worst for "
        f"{worst['left_out']} ({worst['elbo']:.3f}); ink alone has {mean['ink']:.3f}."
    )
