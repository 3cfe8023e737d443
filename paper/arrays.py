"""From models to arrays: the images that a picture shows, encoded, and decoded from the latents that it asks for."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from figures.choices import one_of_each
from paper.data import Part
from paper.models.cvae import CompletionVAE, paste
from paper.models.vae import VAE

BATCH = 500
"""How many images are encoded or decoded at once."""


def array(tensor: Tensor) -> np.ndarray:
    """A tensor of any device as a NumPy array."""
    return tensor.detach().cpu().numpy()


def encode(model: VAE, part: Part, count: int) -> tuple[Tensor, Tensor | None]:
    """mu and logvar of the first `count` images, on the CPU; logvar is None for a model that has none."""
    parts = [side[:count].split(BATCH) for side in (part.images, part.labels)]
    found = [model.encode(x, model.condition(x, labels)) for x, labels in zip(*parts, strict=True)]
    mu, logvar = zip(*found, strict=True)
    return torch.cat(mu).cpu(), None if logvar[0] is None else torch.cat(logvar).cpu()


def decode(
    model: VAE, z: Float[np.ndarray, "*shape Z"], c: Tensor | None = None, pixels: torch.Generator | None = None
) -> Float[np.ndarray, "*shape C H W"]:
    """Expected images for z, or those that `pixels` draws from p(x|z); c has one row for all z or one for each."""
    mould = next(model.parameters())
    flat = torch.tensor(z.reshape(-1, z.shape[-1]), dtype=mould.dtype).to(mould.device)
    c = c if c is None else c.expand(len(flat), *c.shape[1:])
    images = []
    for i in range(0, len(flat), BATCH):
        given = None if c is None else c[i : i + BATCH]
        if pixels is None:
            images.append(model.sample(flat[i : i + BATCH], given))
            continue
        drawn = model.likelihood.draw(model.decode(flat[i : i + BATCH], given), pixels)
        images.append(paste(drawn, given) if isinstance(model, CompletionVAE) else drawn)
    return array(torch.cat(images)).reshape(*z.shape[:-1], *model.image_shape)


def choose(part: Part, count: int) -> tuple[Tensor, Tensor]:
    """Images and labels of up to `count` images: the first of each class, then the second, and so on."""
    chosen = one_of_each(array(part.labels), count)
    return part.images[chosen], part.labels[chosen]


def choose_pairs(labels: np.ndarray, count: int, alike: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where the two images of up to `count` pairs are: of one class, or, if there are several, of different ones."""
    if alike:
        pairs = [np.flatnonzero(labels == label)[:2] for label in np.unique(labels)]
        chosen = np.array([pair for pair in pairs if len(pair) == 2][:count], dtype=int).reshape(-1)
    else:
        chosen = one_of_each(labels, 2 * count)
    chosen = chosen[: len(chosen) // 2 * 2]
    return chosen[::2], chosen[1::2]
