"""Train the model that ships with exercises 01 and 02, and choose its test images. About a minute on one core.

    python -m exercises.model.make

Rung 1 trains on `glyphs`, everything from one seed. On another machine or NumPy the last digits may differ:
sums are rounded in another order. The exercises hold for any weights, so nothing depends on them.
"""

import numpy as np
import safetensors.numpy

from exercises.model import IMAGES, WEIGHTS
from foundation.architecture import Architecture, initial_parameters
from foundation.data import Dataset, load
from foundation.files import write_bytes
from foundation.objective import Objective
from foundation.training import EpochRecord, TrainingOptions, train
from foundation.weights import save_weights
from numpy_impl.rung import NumpyRung

ARCHITECTURE = Architecture(latent_dim=2, channels=(8, 16), hidden_dim=64)
OPTIONS = TrainingOptions(epochs=25, batch_size=64, learning_rate=2e-3, seed=0)
OF_EACH = 5
"""Test images of each digit that ship."""


def make_weights(test: Dataset, options: TrainingOptions = OPTIONS) -> NumpyRung:
    """A model trained with these options; prints the test loss after each epoch."""
    rng = np.random.default_rng(options.seed)
    rung = NumpyRung(ARCHITECTURE, initial_parameters(ARCHITECTURE, rng), options.learning_rate)
    train_images = load("glyphs", "train", seed=options.seed).images
    for record in train(rung, rng, train_images, test.images, Objective(), options):
        if isinstance(record, EpochRecord):
            parts = f"{record.loss:.2f} = {record.reconstruction:.2f} + {record.kl:.2f}"
            print(f"epoch {record.epoch:2}: {parts} nats per image")
    return rung


def choose_images(test: Dataset, count: int = OF_EACH) -> dict[str, np.ndarray]:
    """The first `count` images of each class in turn, as bytes: `glyphs` has 256 levels of grey."""
    of_class = [np.flatnonzero(test.labels == label)[:count] for label in range(len(test.classes))]
    chosen = np.stack(of_class, axis=1).ravel()
    images = np.rint(test.images[chosen] * 255).astype(np.uint8)
    return {"images": images, "labels": test.labels[chosen].astype(np.uint8)}


def main() -> None:
    """Write both files beside this one."""
    test = load("glyphs", "test")
    rung = make_weights(test)
    save_weights(WEIGHTS, rung.parameters(), rung.architecture)
    about = {"made by": "python -m exercises.model.make"}  # one entry: safetensors writes several in any order
    write_bytes(IMAGES, safetensors.numpy.save(choose_images(test), about))
    for path in (WEIGHTS, IMAGES):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
