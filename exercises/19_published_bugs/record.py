"""Trains a healthy VAE and the ten with a published bug, and keeps their curves and pictures.

    OMP_NUM_THREADS=1 python -m exercises.19_published_bugs.record

writes record.json and symptoms.png beside this file, in two minutes.
"""

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foundation.architecture import Architecture, Parameters
from foundation.data import Dataset, load
from foundation.files import write_json
from foundation.training import draw_batches, draw_eps
from numpy_impl import vae_numpy
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    sigmoid,
)
from numpy_impl.optim import Adam

from .exhibits import picture

FILE = Path(__file__).with_name("record.json")
ARCHITECTURE = Architecture(latent_dim=8, channels=(8, 16), hidden_dim=128)
SEED, LEARNING_RATE = 1, 0.002
TRAIN, TEST, BATCH, EPOCHS = 320, 200, 32, 80
SHOWN = 5
"""Images of each row of pictures."""

Record = dict[str, Any]


class Case(NamedTuple):
    """A VAE with one of the exhibits in it, as numbers; those of the healthy one are the defaults."""

    sigma_power: float = 0.5
    """σ is the variance to this power."""
    noise: float = 1.0
    """A factor of eps in training and test."""
    test_noise: float = 1.0
    """Another one, in the test alone."""
    kl_weight: float = 1.0
    pixel_weight: float = 1.0
    """Factors of the two terms in the loss that is printed and minimised."""
    is_detached: bool = False
    """Whether the gradient stops at z."""
    trains_on_test: bool = False
    stretches_logits: bool = False

    def latents(self, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
        """z as this VAE draws it."""
        return mu + np.exp(self.sigma_power * logvar) * (self.noise * eps)

    def printed(self, reconstruction: float, kl: float) -> float:
        """The loss as this VAE prints it."""
        return self.pixel_weight * reconstruction + self.kl_weight * kl

    def draw(self, logits: np.ndarray) -> np.ndarray:
        """Pixels as this VAE draws them."""
        return picture(logits) if self.stretches_logits else sigmoid(logits)


CASES = {
    "healthy": Case(),
    "draw_latents": Case(sigma_power=1.0),
    "training_loss": Case(kl_weight=0.0),
    "step_loss": Case(kl_weight=BATCH / TRAIN),
    "image_loss": Case(pixel_weight=1 / 784),
    "negative_elbo": Case(kl_weight=-1.0),
    "split_images": Case(trains_on_test=True),
    "picture": Case(stretches_logits=True),
    "noisy_latents": Case(noise=0.01),
    "encoder_gradients": Case(is_detached=True),
    "measured_loss": Case(test_noise=0.0),
}
"""The healthy VAE, and one for every function of the exercise, in its order."""


@functools.cache
def records() -> dict[str, Record]:
    """What was recorded of every case."""
    return json.loads(FILE.read_text(encoding="utf-8"))


class Parts(NamedTuple):
    """The two terms of the loss as means over images, in nats."""

    reconstruction: float
    kl: float


def measure(case: Case, parameters: Parameters, x: np.ndarray, eps: np.ndarray) -> Parts:
    """The terms on these images with this noise."""
    mu, logvar, _ = vae_numpy.encode(parameters, x)
    logits, _ = vae_numpy.decode(parameters, case.latents(mu, logvar, eps))
    reconstruction = binary_cross_entropy_with_logits(logits, x) / len(x)
    return Parts(float(reconstruction), float(vae_numpy.kl_divergence(mu, logvar) / len(x)))


def gradients(case: Case, parameters: Parameters, x: np.ndarray, eps: np.ndarray) -> tuple[Parts, Parameters]:
    """The terms on a batch, and the gradients by which this VAE learns."""
    mu, logvar, encoder_hidden = vae_numpy.encode(parameters, x)
    z = case.latents(mu, logvar, eps)
    logits, decoder_hidden = vae_numpy.decode(parameters, z)
    reconstruction = binary_cross_entropy_with_logits(logits, x) / len(x)
    parts = Parts(float(reconstruction), float(vae_numpy.kl_divergence(mu, logvar) / len(x)))
    dlogits = binary_cross_entropy_with_logits_backward(case.pixel_weight / len(x), logits, x)
    dz, decoder = vae_numpy.decode_backward(dlogits, parameters, z, decoder_hidden)
    dmu, dlogvar = vae_numpy.kl_divergence_backward(case.kl_weight / len(x), mu, logvar)
    if not case.is_detached:
        dmu, dlogvar = dmu + dz, dlogvar + dz * (z - mu) * np.float32(case.sigma_power)
    encoder = vae_numpy.encode_backward(dmu, dlogvar, parameters, x, encoder_hidden)
    return parts, {name: (encoder | decoder)[name] for name in parameters}


class Images(NamedTuple):
    """What all cases share."""

    training: Dataset
    with_test: Dataset
    """The training set with the test images in it."""
    test: np.ndarray
    others: np.ndarray
    """As many more, on which none is trained."""


def images() -> Images:
    """The first glyphs of each split."""
    training, held = load("glyphs", "train", count=TRAIN), load("glyphs", "test", count=2 * TEST)
    pixels, labels = ([getattr(part, name) for part in (training, held)] for name in ("images", "labels"))
    count = TRAIN + TEST
    with_test = Dataset("glyphs", "train", np.concatenate(pixels)[:count], np.concatenate(labels)[:count])
    return Images(training, with_test, held.images[:TEST], held.images[TEST:])


def train(case: Case, shared: Images, epochs: int = EPOCHS) -> tuple[Record, np.ndarray]:
    """One training: its curves by epoch, and pictures (2, SHOWN, 28, 28): reconstructions, and samples of the prior."""
    test = shared.test
    rng = np.random.default_rng(SEED)
    parameters = vae_numpy.init(ARCHITECTURE, np.random.default_rng(SEED))
    optimizer = Adam(parameters, LEARNING_RATE)
    eps = draw_eps(rng, (TEST, ARCHITECTURE.latent_dim), np.float32)
    prior = draw_eps(rng, (SHOWN, ARCHITECTURE.latent_dim), np.float32)
    curves: dict[str, list[float]] = {"train": [], "test": [], "measured": []}

    def look() -> None:
        seen = measure(case, parameters, test, np.float32(case.test_noise) * eps)
        right = measure(Case(), parameters, shared.others if case.trains_on_test else test, eps)
        curves["test"].append(case.printed(*seen))
        curves["measured"].append(sum(right))

    look()
    training = shared.with_test if case.trains_on_test else shared.training
    for _ in range(epochs):
        printed = []
        for x, batch_eps, _ in draw_batches(rng, training, BATCH, lambda count: (count, ARCHITECTURE.latent_dim)):
            parts, grads = gradients(case, parameters, x, batch_eps)
            printed.append(case.printed(*parts))
            if np.isfinite(printed[-1]):
                optimizer.step(grads)
        curves["train"].append(float(np.mean(printed)))
        look()
    mu, *_ = vae_numpy.encode(parameters, test[:SHOWN])
    rows = [case.draw(vae_numpy.decode(parameters, z)[0])[:, 0] for z in (mu, prior)]
    return {name: [_rounded(value) for value in values] for name, values in curves.items()}, np.stack(rows)


def _rounded(value: float) -> float | None:
    """Six digits; None for what is no number any more."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def main() -> None:
    """Train, write both files."""
    from .symptoms import draw  # needs matplotlib, which no check does

    shared = images()
    found, pictures = dict[str, Record](), dict[str, np.ndarray]()
    with np.errstate(all="ignore"):
        for name, case in CASES.items():
            found[name], pictures[name] = train(case, shared)
    write_json(FILE, found)
    draw(found, pictures, shared.test[:SHOWN, 0], FILE.with_name("symptoms.png"))


if __name__ == "__main__":
    main()
