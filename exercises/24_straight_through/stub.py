"""Exercise 24: a codebook. Read exercises/24_straight_through.md, then write the four functions.

Sizes: N maps of h x w places, each with a vector of D numbers; a codebook of K entries, (K, D).

The check calls with arrays: `@tensors` and `@differentiated` make tensors of them, and arrays of what you return, with
gradients for the arguments that they name. Leave those lines as they are.
"""

import torch
import torch.nn.functional as F  # noqa: F401
from torch import Tensor

from exercises.kit.tensors import differentiated, tensors


def _as_vectors(maps: Tensor) -> Tensor:
    """Given: (N, D, h, w) -> (N h w, D), the vector of each place as a row."""
    return torch.movedim(maps, 1, -1).flatten(0, -2)


@tensors()
def nearest(z_e: Tensor, entries: Tensor) -> Tensor:
    """The number of the entry nearest to the vector at each place.

    z_e: (N, D, h, w), what the encoder returns. entries: (K, D), the codebook.
    Returns (N, h, w), whole numbers from 0 to K - 1.
    """
    raise NotImplementedError


@differentiated("entries")
def lookup(entries: Tensor, codes: Tensor) -> Tensor:
    """The entries with these numbers, as a map.

    entries: (K, D). codes: (N, h, w), whole numbers from 0 to K - 1.
    Returns z_q, (N, D, h, w).
    """
    raise NotImplementedError


@differentiated("z_e", "z_q")
def straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    """What the decoder gets: z_q in value, and z_e to the gradient.

    z_e, z_q: (N, D, h, w).
    Returns z, (N, D, h, w); its gradient goes to z_e as it is, and none of it to z_q.
    """
    raise NotImplementedError


@differentiated("z_e", "z_q")
def loss(z_e: Tensor, z_q: Tensor, beta: float) -> dict[str, Tensor]:
    """The two terms of the VQ-VAE's loss beside the reconstruction.

    z_e, z_q: (N, D, h, w). beta: the weight of the commitment.
    Returns a dict of three tensors without axes: loss = codebook + beta * commitment first, then codebook, commitment:
    squared distances, summed over a map and averaged over the batch. The first moves z_q alone, the second z_e alone.
    """
    raise NotImplementedError
