"""The models from Python: made from options by name, trained on arrays, read back from files.

    from paper import VAE, fit, load

    model = VAE(latent_dim=20, image_shape=(1, 28, 28))
    records = fit(model, images, epochs=10)              # images (N, 1, 28, 28) in [0, 1]
    mu, logvar = model.encode(x)                         # tensors, with gradients
    model.sample(model.draw_latents(16, seed=0)).numpy() # expected images, without
    model.save("vae.safetensors"); load("vae.safetensors")

A model is a `torch.nn.Module` with a plain `state_dict()`; noise is an argument of all of its methods. `fit` runs the
training loop of the command line (`foundation.training`).
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler
from torch.utils.data import Dataset as TorchDataset

from foundation.data.dataset import Dataset, check_images
from foundation.data.splits import Data, split
from foundation.errors import InputError, shown, suggest
from foundation.files import expand_home
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions, check_effect, check_torch_seed
from foundation.records import Record
from foundation.runs import open_run
from foundation.training import begin, train
from paper.evaluation.bound import images_for_likelihood
from paper.evaluation.importance import importance_sample
from paper.export import HUB_CONFIG, HUB_WEIGHTS, load_hub
from paper.models.base import Model, options_of
from paper.models.cvae import CompletionVAE
from paper.models.options import MODELS, ConditionalVAEOptions
from paper.models.registry import load_model, make_model, open_model
from paper.rung import ModelRung
from paper.training.device import choose_device
from paper.training.fit import as_array

Arrays = np.ndarray | Tensor
Source = Arrays | Dataset | Data | TorchDataset | DataLoader | Sequence[Any]
"""Images, perhaps with labels: an array, a tensor, a data set of this project, or torch's Dataset or DataLoader."""


def make(
    name: str,
    image_shape: tuple[int, int, int] = (1, 28, 28),
    class_count: int = 0,
    seed: int = 0,
    images: np.ndarray | None = None,
    **choices: Any,
) -> Model:
    """Any model by its name on the command line, its first values drawn by the seed as a training draws them.

    `choices` are its options, such as `latent_dim=20`; `init="glorot"` needs the training `images`, (N, C, H, W), at
    whose mean the outputs begin. Raises `InputError` for an unknown model or option.
    """
    if name not in MODELS:
        raise InputError(f"model: expected one of {', '.join(MODELS)}, got {shown(name)}{suggest(name, MODELS)}")
    return make_model(options_of(MODELS[name], choices), image_shape, class_count, seed, images=images).eval()


def completion_vae(
    condition: str, image_shape: tuple[int, int, int] = (1, 28, 28), class_count: int = 0, **choices: Any
) -> CompletionVAE:
    """A conditional VAE that is given a part of the image, such as "upper-left" or "top", and completes the rest."""
    options: ConditionalVAEOptions = options_of(ConditionalVAEOptions, choices | {"condition": condition})
    return CompletionVAE(options, image_shape, class_count)


def fit(
    model: Model,
    images: Source,
    labels: Arrays | None = None,
    *,
    validation: float | int | Source = 0.05,
    epochs: int = 10,
    batch_size: int | None = None,
    seed: int = 0,
    binarise: Literal["none", "static", "dynamic"] = "none",
    kl: KLOptions = KLOptions(),  # noqa: B008  (frozen)
    optimizer: OptimizerOptions = OptimizerOptions(),  # noqa: B008  (frozen)
    device: str | None = None,
    callbacks: Sequence[Callable[[Record], None]] = (),
) -> list[Record]:
    """Train a model in place; the record of every step and every epoch. The model comes back in eval mode.

    This is the training of `vae-ladder train --rung paper`: the same loop, losses in nats per image, and everything
    random by the seed.

    Args:
        model: Trained from the values that it has.
        images: (N, C, H, W) in [0, 1], or 8-bit integers, which are divided by 255; or a data set that yields images or
            pairs of image and label. It is read into memory once, so that random transforms are drawn once.
        labels: (N,), where `images` does not bring them; only a model that is given labels needs any.
        validation: Images to measure the loss on after every epoch, or the share of `images` that is kept aside.
        epochs: Passes over the images.
        batch_size: Images a step; by default that of a DataLoader, else 128.
        seed: Draws the validation images, the order of the images and the noise.
        binarise: Pixels as they are, or drawn as black or white once (static) or for every batch (dynamic).
        kl: Schedule of the KL weight, and free bits.
        optimizer: Adam or AdamW, step size and its schedule.
        device: Where to train, such as "cuda" or "auto"; the model stays there. By default where it is.
        callbacks: Each is called with every record, for logging: a `StepRecord` or an `EpochRecord`.

    Raises:
        InputError: where images, labels or options cannot be used; the message names the argument.
        Diverged: where a loss is not finite.
    """
    if batch_size is None:
        batch_size = (images.batch_size if isinstance(images, DataLoader) else None) or TrainOptions.batch_size
    if device is not None:
        model.to(choose_device(device))
    mould = next(model.parameters())
    share = float(validation) if isinstance(validation, float | int) else 0.0
    if not 0 <= share < 1:
        raise InputError(f"validation: expected a share below 1, or images, got {validation}")
    options: TrainOptions = TrainOptions(
        model=model.options,
        data=DataOptions(name="images", binarise=binarise, validation=share),
        kl=kl,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        precision="float64" if mould.dtype == torch.float64 else "float32",
    )
    check_effect(options)
    rng = np.random.default_rng(seed)
    data = data_of(model, images, labels, validation, options, rng)
    records: list[Record] = []
    for record in train(begin(ModelRung(model, optimizer), data, options, rng)):
        records.append(record)
        for callback in callbacks:
            callback(record)
    model.eval()
    return records


def data_of(
    model: Model,
    images: Source,
    labels: Arrays | None,
    validation: float | int | Source,
    options: TrainOptions,
    rng: np.random.Generator,
) -> Data[np.ndarray]:
    """Training and validation images as arrays. The latter stand for test images, too, which `fit` does not measure."""
    if isinstance(images, Data):
        validation = validation if images.validation is None else images.validation
        images = images.train
    whole = part_of(model, "train", *arrays_of(images, labels, "images"))
    if isinstance(validation, float | int):
        learned, kept = split(len(whole), float(validation), rng)
        if len(kept) == 0:
            raise InputError(f"validation: expected a share above 0, or images, got {validation}")
        whole, aside = whole.subset(learned), whole.subset(kept)
    else:
        aside = part_of(model, "validation", *arrays_of(validation, None, "validation"))
    drawn = {"none": (False, False), "static": (True, True), "dynamic": (False, True)}[options.data.binarise]
    whole, aside = (
        drawn_pixels(part, rng) if draws else part for part, draws in zip((whole, aside), drawn, strict=True)
    )
    return Data("images", whole, aside, aside)


def part_of(model: Model, split: str, images: np.ndarray, labels: np.ndarray | None) -> Dataset[np.ndarray]:
    """Images in the model's dtype with their labels, or zeros for a model that needs none. Raises `InputError`."""
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    if images.ndim == 3:  # grey images without their axis of channels
        images = images[:, None]
    dtype = np.dtype(str(next(model.parameters()).dtype).removeprefix("torch."))
    if images.dtype.kind == "f":
        images = images.astype(dtype, copy=False)
    check_images(images, f"{split} images")
    if labels is None:
        if model.traits.condition == "label":
            raise InputError(f"labels: {model.options.model} is given the class of every image, got none")
        labels = np.zeros(len(images), np.int64)
    labels = np.asarray(labels)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(f"labels: expected {len(images)} integers, one an image, got {labels.dtype} {labels.shape}")
    return Dataset("images", split, images, labels.astype(np.int64))


def drawn_pixels(part: Dataset[np.ndarray], rng: np.random.Generator) -> Dataset[np.ndarray]:
    """The data set with every pixel drawn as black or white, white with probability grey."""
    drawn = (rng.random(part.images.shape, dtype=np.float32) < part.images).astype(part.images.dtype)
    return Dataset(part.name, part.split, drawn, part.labels)


def arrays_of(source: Any, labels: Arrays | None, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels, None without any, as arrays. Raises `InputError`, naming the argument, for another source."""
    if isinstance(source, np.ndarray | Tensor):
        return as_array(source), None if labels is None else as_array(labels)
    if labels is not None:
        raise InputError(f"labels: expected with arrays only, as a data set brings its own; {name} is no array")
    if isinstance(source, Dataset):
        return as_array(source.images), as_array(source.labels)
    if isinstance(source, DataLoader):
        return joined(in_order(source), name)
    if isinstance(source, IterableDataset):
        return joined(DataLoader(source, 500), name)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return joined(DataLoader(source, 500), name)
    raise InputError(f"{name}: expected an array, a tensor, a Dataset or a DataLoader, got {type(source).__name__}")


def in_order(loader: DataLoader) -> DataLoader:
    """A loader that shuffles, without shuffling, and with every image: `fit` draws the order itself, by its seed."""
    if type(loader.sampler) is not RandomSampler or loader.sampler.replacement:
        return loader
    return DataLoader(
        loader.dataset, loader.batch_size or 1, num_workers=loader.num_workers, collate_fn=loader.collate_fn
    )


def joined(batches: Iterable[Any], name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The images and labels of all batches, each a tensor of images or a pair with labels."""
    images, labels = [], []
    for batch in batches:
        pair = batch if isinstance(batch, tuple | list) else (batch,)
        if not (len(pair) in (1, 2) and all(isinstance(part, Tensor) for part in pair)):
            raise InputError(
                f"{name}: expected tensors of images, or pairs of images and labels, got {shown(repr(batch))}"
            )
        images.append(as_array(pair[0]))
        labels += [as_array(part) for part in pair[1:]]
    if not images:
        raise InputError(f"{name}: expected at least one image, got none")
    return np.concatenate(images), np.concatenate(labels) if labels else None


def log_prob(
    model: Model, x: Arrays, draws: int = 1000, seed: int = 0, labels: Arrays | None = None
) -> Float[np.ndarray, " N"]:
    """log p(x), or log p(x|c), of each image in nats, by importance sampling `draws` of z each (Burda et al. 2016).

    In expectation a lower bound that rises to log p(x) with the number of draws; `paper.evaluation.importance` also
    gives its reliability. Raises `InputError` for a model without q(z|x), for labels that are missing, and for grey
    images under a Bernoulli, which has no density of them: draw their pixels as black or white first.
    """
    check_torch_seed(seed)
    part = part_of(model, "x", as_array(x), None if labels is None else as_array(labels))
    mould = next(model.parameters())
    if (part.labels < 0).any():
        raise InputError(f"labels: expected the class of every image, got {part.labels.min()}")
    images, classes = (torch.from_numpy(value).to(mould.device) for value in (part.images, part.labels))
    images = images_for_likelihood(model, images, "none")
    generator = torch.Generator(mould.device).manual_seed(seed)
    return importance_sample(model, images, model.condition(images, classes), draws, generator).log_p


def load(path: str | Path, weights: Literal["last", "best"] = "last", device: str = "cpu") -> Model:
    """A model in eval mode, from a run's folder, a .safetensors file, or a folder in the Hugging Face hub's layout.

    `weights` chooses those of the last or of the best epoch of a run. Raises `InputError` for what is none of these.
    """
    path, place = expand_home(path, "path"), choose_device(device)
    if not path.is_dir():
        return load_model(path, place)
    if (path / HUB_WEIGHTS).is_file() and (path / HUB_CONFIG).is_file():
        return load_hub(path).to(place)
    return open_model(open_run(path).choose(weights), place)
