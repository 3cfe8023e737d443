r"""The second stage of the VQ-VAE: a prior over maps of codes, by the gated PixelCNN of van den Oord et al. (2016).

    p(k) = prod_i p(k_i | k_1 .. k_(i-1))          row by row, from left to right (1601.06759, eq. 1)
    y = tanh(a) * sigmoid(b)                       the gate of a layer (1606.05328, eq. 2)

arXiv:1606.05328, over the codes of arXiv:1711.00937. Against `paper/models/vq_vae.py` encoder, codebook and decoder are
frozen, and the loss is -log p(k) of the codes k of an image: what a map of codes costs, which was h w log K before.
Since p(x) is a sum over all k, -log p(k) - log p(x|k) is a bound on -log p(x), as the negative ELBO of a VAE is.

Nothing is masked. The input of the layers is the map moved down by a row, and moved right by a column; from there on a
layer may read what is at its own place. Sampling draws one code after the other, each from its own number of eps.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.objective import Objective
from foundation.rung import Traits
from paper.models.base import Images, Scalar, Values
from paper.models.options import CodesPriorOptions
from paper.models.vq_vae import VQVAE, Codes, Maps

Features = Float[Tensor, "N C h w"]


class Forward(NamedTuple):
    """What one forward pass computed; `z` and `logits` are those of the frozen VQ-VAE."""

    codes: Codes
    code_logits: Float[Tensor, "N K h w"]
    """Of p(k_i | k_1 .. k_(i-1)) at every place i"""
    z: Maps
    logits: Images


class Loss(NamedTuple):
    """What is minimised, and what it adds up to with the pixels: mean over the batch, in nats."""

    loss: Scalar
    """-log p(k)"""
    reconstruction: Scalar
    """-log p(x|k), which does not change."""
    total: Scalar
    """Their sum, at least -log p(x) where p(x|k) is a density of these pixels."""


class GatedLayer(nn.Module):
    """Two stacks: `down` has seen the rows above, `across` these and the codes to the left (fig. 2).

    One stack of masked convolutions has a blind spot: what lies above and to the right never reaches a place.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, 2 * channels, (2, 3))
        self.across = nn.Conv2d(channels, 2 * channels, (1, 2))
        self.down_to_across = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, down: Features, across: Features) -> tuple[Features, Features]:
        above = self.down(F.pad(down, (1, 1, 1, 0)))  # this row and the one above
        left = self.across(F.pad(across, (1, 0, 0, 0)))  # this column and the one to the left
        return gate(above), across + self.out(gate(left + self.down_to_across(above)))


def gate(y: Float[Tensor, "N both h w"]) -> Features:
    """tanh of one half of the channels, times sigmoid of the other (eq. 2)."""
    a, b = y.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


class GatedPixelCNN(nn.Module):
    """Codes -> logits of the K values at every place, each of which depends on the codes before it only."""

    def __init__(self, K: int, channels: int, layers: int) -> None:
        super().__init__()
        self.K = K
        self.embedding = nn.Conv2d(K, channels, 1)
        self.layers = nn.ModuleList(GatedLayer(channels) for _ in range(layers))
        self.outputs = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, K, 1))

    def forward(self, codes: Codes) -> Float[Tensor, "N K h w"]:
        embedded = self.embedding(F.one_hot(codes, self.K).movedim(-1, 1).to(self.embedding.weight.dtype))
        down, across = F.pad(embedded, (0, 0, 1, -1)), F.pad(embedded, (1, -1))  # what is before, at every place
        for layer in self.layers:
            down, across = layer(down, across)
        return self.outputs(across)

    def log_prob(self, codes: Codes) -> Values:
        """log p(k) of every map, in nats."""
        return -F.cross_entropy(self(codes), codes, reduction="none").sum((1, 2))

    @torch.no_grad()
    def draw(self, eps: Float[Tensor, "N h w"]) -> Codes:
        """Maps of codes for eps from N(0, I): each code by the inverse of its distribution function at Phi(eps)."""
        u = torch.special.ndtr(eps.double())
        codes = torch.zeros(eps.shape, dtype=torch.long, device=eps.device)
        for row in range(eps.shape[1]):
            for column in range(eps.shape[2]):
                logits = self(codes[:, : row + 1])[:, :, row, column]  # later rows change nothing
                below = logits.double().softmax(1).cumsum(1)
                codes[:, row, column] = (below < u[:, row, column, None]).sum(1).clamp(max=self.K - 1)
        return codes


class CodesPrior(VQVAE):
    """A frozen VQ-VAE and the prior over its codes, which alone learns."""

    traits = Traits(posterior=False, closed_kl=False, learned_prior=True, codes=True)
    options_type = CodesPriorOptions

    def __init__(
        self,
        options: CodesPriorOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        super().__init__(options, image_shape, class_count, **choices)
        self.requires_grad_(False)
        self.network = GatedPixelCNN(self.options.codes, self.options.prior_channels, self.options.prior_layers)

    def prior_shape(self, count: int) -> tuple[int, ...]:
        """One number for every code."""
        return count, *self.code_shape

    def prior(self, eps: Float[Tensor, "N h w"], c: Tensor | None = None) -> Maps:
        """Maps of entries, whose codes are drawn one after the other."""
        return self.codebook(self.network.draw(eps))

    def forward(self, x: Images, eps: Float[Tensor, "N 0"], c: Tensor | None = None) -> Forward:  # type: ignore[override]
        """x -> codes -> p(k), and what the VQ-VAE makes of the codes."""
        with torch.no_grad():
            codes = self.codes(x)
            z = self.codebook(codes)
            logits = self.decode(z)
        return Forward(codes, self.network(codes), z, logits)

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """-log p(k): the cross-entropy of every code, summed over the map."""
        loss = F.cross_entropy(run.code_logits, run.codes, reduction="none").sum((1, 2)).mean()
        with torch.no_grad():  # frozen, and so is a sigma that the likelihood would find in the batch
            reconstruction = -self.log_prob(run.logits, x).mean()
        return Loss(loss, reconstruction, loss.detach() + reconstruction)

    def after_step(self, run: Any) -> None:
        """The codebook stays as it is, and the likelihood."""


def prior_over(vq_vae: VQVAE, seed: int = 0, **choices: Any) -> CodesPrior:
    """A fresh prior over the codes of a VQ-VAE; `choices` are `prior_channels` and `prior_layers`.

    The seed draws the network's first values. The VQ-VAE is copied. Raises `InputError` for another option, and for a
    model that is no VQ-VAE.
    """
    from paper.models.registry import second_stage

    model = second_stage(vq_vae, CodesPriorOptions, seed, choices)
    assert isinstance(model, CodesPrior)
    return model
