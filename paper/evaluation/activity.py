"""Which latents a model uses, and words for those that it does not."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from paper.models.vae import kl_per_latent

LatentArray = Float[np.ndarray, "N Z"] | Float[Tensor, "N Z"]
ACTIVE = 0.01
"""A latent is active where the variance of its mu over the images is above this (Burda et al. 2016, section 5.2)."""
COLLAPSED = 0.01
"""A latent that carries less than so many nats has collapsed onto the prior."""


def variance_of_mu(mu: LatentArray) -> Float[np.ndarray, " Z"]:
    """A_j = Var_x(E[z_j|x]) over the images, for each latent."""
    return torch.as_tensor(mu, dtype=torch.float64).var(0, correction=0).cpu().numpy()


def active_units(mu: LatentArray) -> int:
    """How many latents differ from image to image: A_j > 0.01 (Burda et al. 2016, section 5.2)."""
    return int((variance_of_mu(mu) > ACTIVE).sum())


def kl_by_latent(mu: LatentArray, logvar: LatentArray) -> Float[np.ndarray, " Z"]:
    """KL(q(z_j|x) || p(z_j)) in nats, mean over the images, for each latent in the model's order."""
    return kl_per_latent(torch.as_tensor(mu), torch.as_tensor(logvar)).double().mean(0).cpu().numpy()


def collapse_warning(kl: Float[np.ndarray, " Z"]) -> str | None:
    """One sentence where latents carry next to nothing; None where all are in use."""
    collapsed, Z = int((kl < COLLAPSED).sum()), len(kl)
    if collapsed == 0:
        return None
    if collapsed == Z:
        return f"All {Z} latents carry less than {COLLAPSED} nats: the decoder ignores z (posterior collapse)."
    carry, they = ("carries", "it has") if collapsed == 1 else ("carry", "they have")
    return f"{collapsed} of {Z} latents {carry} less than {COLLAPSED} nats: {they} collapsed onto the prior."
