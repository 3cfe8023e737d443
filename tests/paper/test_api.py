"""The models from Python: made, trained, measured, saved and loaded, in few lines; `import paper` needs no torch."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, IterableDataset, TensorDataset  # noqa: E402

import paper  # noqa: E402
from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.options import KLOptions, OptimizerOptions, TrainOptions  # noqa: E402
from foundation.records import EpochRecord, StepRecord  # noqa: E402
from foundation.training import begin, train  # noqa: E402
from paper import CVAE, IWAE, VAE, VQVAE, Autoencoder, BetaVAE, completion_vae, fit, load, log_prob, make  # noqa: E402
from paper.api import arrays_of, data_of  # noqa: E402
from paper.evaluation.importance import importance_sample  # noqa: E402
from paper.models.options import MODELS, VAEOptions  # noqa: E402
from paper.rung import ModelRung  # noqa: E402

SMALL = {"network": "mlp", "hidden_dims": (6,), "latent_dim": 3}
SHAPE = (1, 8, 8)
X = np.random.default_rng(0).random((30, *SHAPE), dtype=np.float32)
LABELS = np.arange(30) % 3
FAMILY = {
    "vae": lambda: VAE(image_shape=SHAPE, **SMALL),
    "beta-vae": lambda: BetaVAE(beta=2.0, image_shape=SHAPE, **SMALL),
    "cvae": lambda: CVAE(image_shape=SHAPE, class_count=3, **SMALL),
    "completion": lambda: completion_vae("top", image_shape=SHAPE, **SMALL),
    "iwae": lambda: IWAE(draws=2, image_shape=SHAPE, **SMALL),
    "vq-vae": lambda: VQVAE(channels=(2, 3), codes=5, code_dim=2, image_shape=SHAPE),
    "autoencoder": lambda: Autoencoder(image_shape=SHAPE, **SMALL),
}


def epochs(records):
    return [record for record in records if isinstance(record, EpochRecord)]


def small(seed=0, **choices):
    torch.manual_seed(seed)
    return VAE(image_shape=SHAPE, **SMALL | choices)


def test_importing_the_package_needs_no_torch():
    code = "import sys, paper; dir(paper); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_is_there_and_no_other():
    assert set(paper.__all__) == set(paper.PLACES) <= set(dir(paper))
    for name in paper.__all__:
        assert getattr(paper, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'VEA'"):
        _ = paper.VEA


@pytest.mark.parametrize("name", FAMILY)
def test_every_model_in_five_lines(name, tmp_path):
    torch.manual_seed(0)
    model = FAMILY[name]()
    labels = LABELS if name == "cvae" else None
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, *_, last = epochs(fit(model, X, labels, epochs=3, optimizer=OptimizerOptions(learning_rate=1e-2)))
    assert last.held_out["loss"] < first.held_out["loss"]
    assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model.training
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    x = torch.from_numpy(X[:4])
    c = model.condition(x, torch.from_numpy(LABELS[:4]))
    np.testing.assert_array_equal(again.reconstruct(x, c).numpy(), model.reconstruct(x, c).numpy())
    fresh = FAMILY[name]()
    fresh.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(fresh.eval().reconstruct(x, c).numpy(), model.reconstruct(x, c).numpy())


def test_samples_have_no_gradients_and_noise_is_an_argument():
    model = small()
    z = model.draw_latents(5, seed=1)
    assert z.shape == (5, 3)
    np.testing.assert_array_equal(z, np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32))
    images = model.sample(z).numpy()
    assert images.shape == (5, *SHAPE)
    assert 0 <= images.min() <= images.max() <= 1
    drawn = model.draw(z, None, torch.Generator().manual_seed(0)).numpy()
    assert set(np.unique(drawn)) <= {0, 1}
    assert model.encode(torch.from_numpy(X[:2]))[0].requires_grad, "what a loss needs keeps its gradients"
    assert model.decode(z).requires_grad
    with pytest.raises(InputError, match="autoencoder: expected a model with a prior"):
        Autoencoder(image_shape=SHAPE, **SMALL).draw_latents(2)


def test_it_is_the_training_loop_of_the_command_line():
    """Same loop, same draws: one that is put together from its parts takes the same steps."""
    kl = KLOptions(schedule="linear")
    model, other = small(), small()
    records = fit(model, X, epochs=2, batch_size=7, seed=3, kl=kl)
    options = TrainOptions(model=other.options, epochs=2, batch_size=7, seed=3, kl=kl)
    rng = np.random.default_rng(3)
    data = data_of(other, X, None, 0.05, options, rng)
    expected = list(train(begin(ModelRung(other), data, options, rng)))
    assert [dataclasses.replace(r, seconds=0.0) for r in records if isinstance(r, StepRecord)] == [
        dataclasses.replace(r, seconds=0.0) for r in expected if isinstance(r, StepRecord)
    ]
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


def test_every_record_goes_to_every_callback():
    seen, counted = [], []
    records = fit(small(), X, epochs=2, batch_size=10, callbacks=[seen.append, lambda record: counted.append(1)])
    assert seen == records
    assert len(counted) == len(records)
    assert [type(r).__name__ for r in records] == ["EpochRecord", *(["StepRecord"] * 3 + ["EpochRecord"]) * 2]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(torch.from_numpy(X))


SOURCES = {
    "tensor": lambda: torch.from_numpy(X),
    "8-bit": lambda: np.rint(X * 255).astype(np.uint8),
    "without channels": lambda: X[:, 0],
    "float64": lambda: X.astype(np.float64),
    "TensorDataset": lambda: TensorDataset(torch.from_numpy(X)),
    "with labels": lambda: TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS)),
    "list": lambda: list(torch.from_numpy(X)),
    "iterable": Stream,
    "DataLoader": lambda: DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS)), 128),
    "shuffled": lambda: DataLoader(TensorDataset(torch.from_numpy(X)), 128, shuffle=True, drop_last=False),
    "our own": lambda: Dataset("own", "train", X, LABELS),
    "in parts": lambda: Data("own", Dataset("own", "train", X, LABELS), None, Dataset("own", "test", X, LABELS)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_of_images_trains_the_same(name):
    expected, found = (fit(small(), source, epochs=1)[-1].held_out for source in (X, SOURCES[name]()))
    assert found == pytest.approx(expected, rel=1e-2 if name == "8-bit" else 1e-6)


def test_a_loader_gives_its_batch_size_and_its_labels():
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS)), 7, shuffle=True)
    model = CVAE(image_shape=SHAPE, class_count=3, **SMALL)
    records = fit(model, loader, epochs=1)
    assert sum(isinstance(record, StepRecord) for record in records) == 4, "28 images, 2 are kept aside"


def test_validation_images_may_be_given():
    aside = np.random.default_rng(5).random((4, *SHAPE), dtype=np.float32)
    first, second = (epochs(fit(small(), X, validation=given, epochs=1)) for given in (aside, torch.from_numpy(aside)))
    assert first[-1].held_out == second[-1].held_out
    parts = (
        Dataset("own", part, images, LABELS[: len(images)]) for part, images in (("train", X), ("validation", aside))
    )
    train_part, validation_part = parts
    third = epochs(fit(small(), Data("own", train_part, validation_part, train_part), epochs=1))
    assert third[-1].held_out == first[-1].held_out
    assert first[-1].split == "validation"


def test_pixels_are_drawn_for_every_batch_if_asked():
    losses = {b: fit(small(), X, epochs=1, binarise=b)[-1].held_out["loss"] for b in ("none", "static", "dynamic")}
    assert len(set(losses.values())) == 3


def test_colour_images_of_another_size():
    model = VAE(latent_dim=2, channels=(2, 3), hidden_dims=(5,), image_shape=(3, 64, 64))
    x = np.random.default_rng(0).random((4, 3, 64, 64), dtype=np.float32)
    fit(model, x, validation=x[:1], epochs=1)
    assert model.sample(model.draw_latents(2)).shape == (2, 3, 64, 64)


def test_log_prob_is_the_estimate_of_the_evaluation():
    model, x = small().eval(), np.rint(X[:5])
    found = log_prob(model, x, draws=40, seed=2)
    expected = importance_sample(model, torch.from_numpy(x), None, 40, torch.Generator().manual_seed(2))
    np.testing.assert_array_equal(found, expected.log_p)
    with pytest.raises(InputError, match="a Bernoulli has no likelihood for grey pixels"):
        log_prob(model, X[:2])
    assert log_prob(small(likelihood="gaussian"), X[:2], draws=3).shape == (2,)
    assert log_prob(CVAE(image_shape=SHAPE, class_count=3, **SMALL), x, draws=3, labels=LABELS[:5]).shape == (5,)


def test_make_draws_the_first_values_as_a_training_does():
    model, same, other = (make("vae", SHAPE, seed=seed, **SMALL) for seed in (0, 0, 1))
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in model.state_dict().items())
    assert not torch.equal(model.state_dict()["encoder.mu.weight"], other.state_dict()["encoder.mu.weight"])
    for name in MODELS:
        assert make(name, SHAPE, 3).options.model == name


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (lambda: VAE(latnt_dim=3), "latnt_dim: unknown, expected one of .*; did you mean latent_dim?"),
        (lambda: VAE(latent_dim=0), "latent_dim: expected an integer of at least 1, got 0"),
        (lambda: VAE(image_shape=(1, 30, 30)), "divisible by 4"),
        (lambda: CVAE(), "class_count: expected a number of classes"),
        (lambda: CVAE(class_count=3, condition="top"), "parts of an image are the condition of `completion_vae`"),
        (lambda: make("vqvae"), "model: expected one of .*; did you mean vq-vae?"),
        (lambda: fit(small(), X * 2), r"train images: expected pixels in \[0, 1\]"),
        (lambda: fit(small(), X.astype(np.int32)), "train images: expected images as float32 or float64, got int32"),
        (lambda: fit(small(), X[:, :, :4]), r"train images: expected \(1, 8, 8\) each"),
        (lambda: fit(small(), X, LABELS[:3]), "labels: expected 30 integers"),
        (lambda: fit(small(), X, validation=0), "validation: expected a share above 0, or images"),
        (lambda: fit(small(), X, kl=KLOptions(cycles=2)), "kl.cycles: it would have no effect"),
        (lambda: fit(small(), "glyphs"), "images: expected tensors of images"),
        (
            lambda: arrays_of(3, None, "images"),
            "images: expected an array, a tensor, a Dataset or a DataLoader, got int",
        ),
        (lambda: fit(small(), TensorDataset(torch.from_numpy(X)), LABELS), "labels: expected with arrays only"),
        (lambda: fit(CVAE(image_shape=SHAPE, class_count=3, **SMALL), X), "labels: cvae is given the class"),
        (lambda: fit(CVAE(image_shape=SHAPE, class_count=2, **SMALL), X, LABELS), "labels: expected 0 to 1, got 2"),
        (lambda: load("nowhere.safetensors"), "no such file"),
    ],
)
def test_mistakes_are_one_line(mistake, line):
    with pytest.raises(InputError, match=line) as error:
        mistake()
    assert "\n" not in str(error.value)


def test_options_whole_are_taken_as_before():
    assert VAE(VAEOptions(latent_dim=4), SHAPE, 0).options == VAE(latent_dim=4, image_shape=SHAPE).options
