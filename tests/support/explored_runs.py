"""Run folders to explore: small models with fresh weights, and their data."""

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.options import DataOptions, TrainOptions
from foundation.rung import Description
from foundation.runs import create_run
from foundation.training import begin
from ladder.train import describe
from numpy_impl.rung import NumpyRung
from paper.models.options import VAEOptions

SMALL = VAEOptions(latent_dim=3, channels=(3, 4), hidden_dims=(8,))


def images(count=30, shape=(1, 8, 12), seed=0):
    """Images whose pixels are k / 255, from three classes."""
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 256, (count, *shape)) / np.float32(255)).astype(np.float32)
    return Dataset("toy", "test", pixels, np.arange(count) % 3, ("ant", "bee", "cat"))


def make_data(test=None):
    """Data whose test images are given."""
    test = test or images()
    return Data("toy", test, None, test)


def make_run(folder, options=SMALL, data=None, name="train_vae", data_options=None, scale=3.0, **changes):
    """The run of a VAE of rung 1 that was trained for no step; `changes` are other entries of its config.json."""
    data = data or make_data()
    description = Description.of(options, data.image_shape, len(data.classes))
    architecture = Architecture(options.latent_dim, options.channels, options.hidden_dims[0], data.image_shape)
    rng = np.random.default_rng(0)
    parameters = {key: scale * value for key, value in initial_parameters(architecture, rng).items()}
    rung = NumpyRung(architecture, parameters, 1e-3, description)
    rung_name = changes.get("rung", "numpy_impl")
    training_options = TrainOptions(model=options, rung=rung_name, data=data_options or DataOptions(validation=0.0))
    config = describe(begin(rung, data, training_options, rng), "vae-ladder train vae --rung numpy_impl") | changes
    run = create_run(folder, name, config)
    run.save_weights(rung.parameters(), description)
    return run
