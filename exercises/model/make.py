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
from foundation.data.splits import Data
from foundation.files import write_bytes
from foundation.options import DataOptions, OptimizerOptions, TrainOptions
from foundation.records import EpochRecord
from foundation.rung import Description
from foundation.training import begin, train
from foundation.weights import save_weights
from numpy_impl.rung import NumpyRung
from paper.models.options import VAEOptions

ARCHITECTURE = Architecture(latent_dim=2, channels=(8, 16), hidden_dim=64)
OPTIONS = TrainOptions(
    model=VAEOptions(latent_dim=2, channels=(8, 16), hidden_dims=(64,)),
    rung="numpy_impl",
    data=DataOptions(validation=0.0),
    optimizer=OptimizerOptions(learning_rate=2e-3),
    epochs=25,
    batch_size=64,
    seed=0,
)
OF_EACH = 5
"""Test images of each digit that ship."""


def make_weights(test: Dataset, options: TrainOptions = OPTIONS) -> NumpyRung:
    """A model trained with these options; prints the test loss after each epoch."""
    rng = np.random.default_rng(options.seed)
    description = Description.of(options.model, ARCHITECTURE.image_shape, len(test.classes))
    rate = options.optimizer.learning_rate
    rung = NumpyRung(ARCHITECTURE, initial_parameters(ARCHITECTURE, rng), rate, description)
    data = Data("glyphs", load("glyphs", "train", seed=options.seed), None, test)
    for record in train(begin(rung, data, options, rng)):
        if isinstance(record, EpochRecord):
            loss = record.held_out
            parts = f"{loss['loss']:.2f} = {loss['reconstruction']:.2f} + {loss['kl']:.2f}"
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
    save_weights(WEIGHTS, rung.parameters(), rung.description)
    about = {"made by": "python -m exercises.model.make"}  # one entry: safetensors writes several in any order
    write_bytes(IMAGES, safetensors.numpy.save(choose_images(test), about))
    for path in (WEIGHTS, IMAGES):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
