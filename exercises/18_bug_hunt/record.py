"""Trains the healthy VAE and the eight broken ones, and writes down what can be seen from outside.

    OMP_NUM_THREADS=1 python -m exercises.18_bug_hunt.record

writes record.json and curves.png beside this file and prints the page's table, in about a minute.
"""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from foundation.architecture import Architecture
from foundation.data import Dataset, load
from foundation.files import write_json
from foundation.training import draw_batches, draw_eps

from .vaes import BROKEN, VAE

FILE = Path(__file__).with_name("record.json")
ARCHITECTURE = Architecture(latent_dim=8, channels=(8, 16), hidden_dim=128)
SEED = 1
TRAIN, TEST, BATCH, EPOCHS = 2000, 500, 32, 15

Record = dict[str, Any]

ROWS = {
    "**computed by hand**": None,
    "KL of μ = 1, σ = 2, in 8 latents": ("hand_kl", ".2f"),
    "spread of z at σ = 2": ("spread", ".2f"),
    "**before training**": None,
    "first reconstruction": ("start_reconstruction", ".2f"),
    "(loss − reconstruction) / KL, training": ("train_weight", ".2f"),
    "(loss − reconstruction) / KL, test": ("test_weight", ".2f"),
    "largest change of a pixel with z": ("change", ".3f"),
    "**while training**": None,
    "highest loss of a batch": ("largest", ".3g"),
    "**after training**": None,
    "training loss": ("train_loss", ".2f"),
    "test loss": ("test_loss", ".2f"),
    "test reconstruction": ("reconstruction", ".2f"),
    "test KL": ("kl", ".2f"),
    "mean σ of q": ("sigma", ".2f"),
    "darkest reconstructed pixel": ("darkest", ".2f"),
}
"""The rows of the page's table: a heading, or a number and how it is written."""


@functools.cache
def records() -> dict[str, Record]:
    """What was recorded: "healthy" and "1" to "8"."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def ask_by_hand(vae: VAE, test_images: np.ndarray, eps: np.ndarray) -> Record:
    """Numbers that need no training."""
    ones = np.ones_like(eps)
    signs = np.where(eps > 0, ones, -ones)
    train, test = vae.loss(test_images, eps), vae.test_loss(test_images, eps)
    images = vae.sample(eps)
    return {
        "hand_kl": vae.kl(ones, ones * np.log(4, dtype=eps.dtype)),
        "spread": np.sqrt(np.mean(np.square(vae.reparameterize(0 * ones, ones * np.log(4, dtype=eps.dtype), signs)))),
        "start_reconstruction": test.reconstruction,
        "start_kl": test.kl,
        "train_weight": (train.loss - train.reconstruction) / train.kl,
        "test_weight": (test.loss - test.reconstruction) / test.kl,
        "change": np.abs(images[1:] - images[:-1]).max(),
    }


def train(kind: type[VAE], training: Dataset, test_images: np.ndarray) -> Record:
    """One training: the curves by epoch, and the numbers of `ROWS`."""
    rng = np.random.default_rng(SEED)
    vae = kind(ARCHITECTURE, SEED, np.float32)
    test_eps = draw_eps(rng, (TEST, vae.architecture.latent_dim), np.float32)
    numbers = ask_by_hand(kind(ARCHITECTURE, SEED), test_images.astype(float), test_eps.astype(float))
    train_losses, test_losses = [], [vae.test_loss(test_images, test_eps)]
    for _ in range(EPOCHS):
        batches = draw_batches(rng, training, BATCH, lambda count: (count, vae.architecture.latent_dim))
        train_losses.append([vae.step(x, eps).loss for x, eps, _ in batches])
        test_losses.append(vae.test_loss(test_images, test_eps))
    mu, logvar = vae.encode(test_images)
    numbers |= {
        "largest": np.max(train_losses),
        "train_loss": np.mean(train_losses[-1]),
        "test_loss": test_losses[-1].loss,
        "reconstruction": test_losses[-1].reconstruction,
        "kl": test_losses[-1].kl,
        "sigma": np.exp(logvar / 2).mean(),
        "darkest": vae.sample(mu).min(),
    }
    curves = {"train_loss": np.mean(train_losses, axis=1)}
    curves |= {f"test_{part}": [getattr(parts, part) for parts in test_losses] for part in ("loss", "kl")}
    return {
        "numbers": {name: _rounded(value) for name, value in numbers.items()},
        "curves": {name: [_rounded(value) for value in values] for name, values in curves.items()},
    }


def _rounded(value: float) -> float:
    """Seven digits, and nothing that is only rounding."""
    return 0.0 if abs(value) < 1e-9 else float(f"{float(value):.7g}")


def table(found: dict[str, Record]) -> str:
    """The page's table."""
    lines = ["| | healthy | " + " | ".join(f"VAE {n}" for n in range(1, len(found))) + " |", "|---" + "|--:" * 9 + "|"]
    for title, row in ROWS.items():
        cells = [format(one["numbers"][row[0]], row[1]) if row else "" for one in found.values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Train, write both files, print the table."""
    from .curves import draw  # needs matplotlib, which no check does

    training, test_images = load("glyphs", "train", count=TRAIN), load("glyphs", "test", count=TEST).images
    names = ["healthy", *(str(n) for n in range(1, len(BROKEN) + 1))]
    with np.errstate(over="ignore"):
        found = {name: train(kind, training, test_images) for name, kind in zip(names, (VAE, *BROKEN), strict=True)}
    write_json(FILE, found)
    draw(found, FILE.with_name("curves.png"))
    print(table(found))


if __name__ == "__main__":
    main()
