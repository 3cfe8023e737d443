"""The codes of many images at once, and of images drawn anew from chosen factors."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from paper.data import Data
from paper.evaluation.activity import ACTIVE, variance_of_mu
from paper.evaluation.disentanglement import Code
from paper.evaluation.elbo import is_binary
from paper.evaluation.ground_truth import Factors, World
from paper.models.networks import Images


@torch.no_grad()
def encode_all(
    model: nn.Module, images: Images, labels: Int64[Tensor, " N"], batch_size: int = 512
) -> tuple[Float[np.ndarray, "N Z"], Float[np.ndarray, "N Z"] | None]:
    """mu and logvar of q(z|x) for every image; an autoencoder has no logvar (None).

    A conditional model is given the condition that it takes from the image or from its label.
    """
    pairs = zip(images.split(batch_size), labels.split(batch_size), strict=True)
    mu, logvar = zip(*(model.encode(x, model.condition(x, some)) for x, some in pairs), strict=True)
    return torch.cat(mu).cpu().numpy(), None if logvar[0] is None else torch.cat(logvar).cpu().numpy()


def active_latents(model: nn.Module, data: Data) -> Bool[np.ndarray, " Z"]:
    """Which latents are active on the test images; all of an autoencoder's, whose codes have no scale."""
    mu, logvar = encode_all(model, data.test.images, data.test.labels)
    return np.ones(mu.shape[1], dtype=bool) if logvar is None else variance_of_mu(mu) > ACTIVE


def code_of(
    model: nn.Module,
    data: Data,
    world: World,
    kept: Bool[np.ndarray, " Z"],
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> Code:
    """The model as a code of factors: draws images of them, encodes these, and gives mu of the latents `kept`.

    Keep the active ones: metrics that do not look at scale would count in full what little the mu of a collapsed latent
    still moves, though its noise drowns it. Where the data's pixels are binary, so are these, drawn by the seed.
    `advance` is told how many images were encoded.
    """
    test = data.test
    drawn = torch.Generator().manual_seed(seed) if is_binary(test.images) else None

    def code(factors: Factors) -> Float[np.ndarray, "N Z"]:
        images = torch.from_numpy(world.images(factors))
        images = images if drawn is None else torch.bernoulli(images, generator=drawn)
        labels = torch.from_numpy(factors[world.label]).to(test.labels)
        mu, _ = encode_all(model, images.to(test.images), labels)
        if advance is not None:
            advance(len(mu))
        return mu[:, kept].astype(np.float64)

    return code
