r"""The VQ-VAE of van den Oord, Vinyals & Kavukcuoglu (2017), arXiv:1711.00937.

    z_e = encoder(x)                            a map of vectors, one for each place
    z_q = e_k,   k = argmin_j |z_e - e_j|       the entry of the codebook nearest to each (eqs. 1 and 2)

    -log p(x|z_q) + |sg[z_e] - e_k|^2 + beta |z_e - sg[e_k]|^2         with no gradient through sg (eq. 3)

Against `paper/models/vae.py` the latents are numbers of entries. There is no noise, and the KL to a uniform prior is
log K at each place, a constant. argmin has no gradient: the one for z_q is handed to z_e as it is ("straight through").

The paper's second stage, a prior over maps of codes, is `paper/models/pixelcnn.py`; here `sample` decodes the map that
it is given.
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.objective import Objective
from foundation.options import ModelOptions
from foundation.rung import Traits
from paper.models.base import Images, Model, Scalar, options_of
from paper.models.likelihoods import make_likelihood
from paper.models.networks import down_layers, feature_shape, up_layers
from paper.models.options import VQVAEOptions
from paper.training.distributed import gather, mean_over_batch

Maps = Float[Tensor, "N D h w"]
Vectors = Float[Tensor, "M D"]
Codes = Int[Tensor, "N h w"]


class Forward(NamedTuple):
    """What one forward pass computed."""

    z_e: Maps
    codes: Codes
    z_q: Maps
    z: Maps
    """z_q in value, z_e to the gradient."""
    logits: Images


class Loss(NamedTuple):
    """What is minimised and its parts, mean over the batch: nats, and squared distances summed over the map."""

    loss: Scalar
    reconstruction: Scalar
    commitment: Scalar
    """|z_e - e_k|^2, before its weight."""
    perplexity: Scalar
    """exp of the entropy of the choice of entries in this batch: so many entries, all chosen alike, have it."""


class Codebook(nn.Module):
    """K entries of length D, which follow the vectors that choose them: by moving averages, or by gradients.

    An entry that nothing chooses would never learn, and a few entries would do all the work. Such an entry is moved to
    one of the vectors that are farthest from theirs. The paper has no such step; without it, three epochs on glyphs end
    with a perplexity of 5.
    """

    UNUSED = 0.1
    """An entry is moved where it is chosen less often than this share of what an entry is on average,"""
    GRACE = 0.3
    """and then passes for chosen this often, which gives it time to find its vectors."""

    counts: Tensor
    """How often each entry is chosen, as a moving average"""
    sums: Tensor
    """ema: the sum of the vectors that choose each entry, as a moving average"""
    entries: Tensor

    def __init__(self, options: VQVAEOptions) -> None:
        super().__init__()
        self.options = options
        entries = torch.empty(options.codes, options.code_dim).uniform_(-1 / options.codes, 1 / options.codes)
        self.register_buffer("counts", torch.zeros(options.codes))
        if options.codebook == "ema":
            self.register_buffer("entries", entries)
            self.register_buffer("sums", torch.zeros_like(entries))
        else:
            self.entries = nn.Parameter(entries)

    @torch.no_grad()
    def draw_parameters(self, rng: np.random.Generator) -> None:
        """Draw entries uniform in +-1/K; none has been chosen yet."""
        bound = 1 / self.options.codes
        self.entries.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(self.entries.shape))))
        self.counts.zero_()
        if self.options.codebook == "ema":
            self.sums.zero_()

    @torch.no_grad()
    def nearest(self, z_e: Maps) -> Codes:
        """k = argmin_j |z_e - e_j| at every place.

        By differences, not as |z|^2 - 2 z e + |e|^2, whose digits cancel where vectors are long and close together.
        """
        distances = torch.cdist(as_vectors(z_e), self.entries, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.argmin(1).view(-1, *z_e.shape[2:])

    def forward(self, codes: Codes) -> Maps:
        """The entries of these numbers."""
        return F.embedding(codes, self.entries).movedim(-1, 1)

    @torch.no_grad()
    def update(self, z_e: Maps, codes: Codes) -> None:
        """One step of the moving averages N_i of counts and m_i of sums, e_i = m_i / N_i (appendix A.1)."""
        vectors, codes = gather(as_vectors(z_e)), gather(codes.flatten())
        chosen = F.one_hot(codes, self.options.codes).to(vectors.dtype)
        self.counts.lerp_(chosen.sum(0), 1 - self.options.decay)
        if self.options.codebook == "ema":
            self.sums.lerp_(chosen.T @ vectors, 1 - self.options.decay)
        self._move_unused(vectors, codes)  # and leave no count of 0 to divide by
        if self.options.codebook == "ema":
            self.entries.copy_(self.sums / self.counts[:, None])

    def _move_unused(self, vectors: Vectors, codes: Int[Tensor, " M"]) -> None:
        distances = (vectors - self.entries[codes]).square().sum(1)
        farthest = vectors[distances.topk(min(self.options.codes, len(vectors))).indices]
        unused = self.counts < self.UNUSED * self.counts.mean()
        places = farthest[(unused.cumsum(0) - 1) % len(farthest)]
        self.counts.copy_(torch.where(unused, self.GRACE * self.counts.mean(), self.counts))
        self.entries.copy_(torch.where(unused[:, None], places, self.entries))
        if self.options.codebook == "ema":
            self.sums.copy_(torch.where(unused[:, None], places * self.counts[:, None], self.sums))


def as_vectors(maps: Maps) -> Vectors:
    """(N, D, h, w) -> (N h w, D)."""
    return maps.movedim(1, -1).flatten(0, -2)


class VQVAE(Model):
    """Convolutions down to a map of vectors, the codebook, and convolutions up again."""

    traits = Traits(posterior=False, prior=False, codes=True)
    options_type: ClassVar[type[ModelOptions]] = VQVAEOptions

    def __init__(
        self,
        options: VQVAEOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__()
        self.options, self.image_shape, self.class_count = options, image_shape, class_count
        image, last, D = image_shape[0], options.channels[-1], options.code_dim
        self.code_shape = feature_shape(options.channels, image_shape)[1:]
        self.encoder = nn.Sequential(
            *down_layers(options.channels, image, options.residual_blocks), nn.Conv2d(last, D, 1)
        )
        self.codebook = Codebook(options)
        self.decoder = nn.Sequential(
            nn.Conv2d(D, last, 3, padding=1), nn.ReLU(), *up_layers(options.channels, image, options.residual_blocks)
        )
        self.likelihood = make_likelihood(options.likelihood, options.sigma)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """No noise."""
        return count, 0

    def codes(self, x: Images) -> Codes:
        """The number of the entry at every place: all that the decoder is told of x."""
        return self.codebook.nearest(self.encoder(x))

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Maps, None]:
        """z_q; there is no variance."""
        return self.codebook(self.codes(x)), None

    def decode(self, z: Maps, c: Tensor | None = None) -> Images:
        """The outputs that `likelihood` turns into densities, an expected image, or draws."""
        return self.decoder(z)

    def forward(self, x: Images, eps: Float[Tensor, "N 0"], c: Tensor | None = None) -> Forward:
        """x -> z_e -> codes -> z_q -> p(x|z_q)."""
        z_e = self.encoder(x)
        codes = self.codebook.nearest(z_e)
        z_q = self.codebook(codes)
        z = z_q.detach() + (z_e - z_e.detach())  # this way round z has every digit of z_q
        return Forward(z_e, codes, z_q, z, self.decode(z))

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:
        """Eq. 3; without its middle term where moving averages teach the codebook."""
        reconstruction = -self.log_prob(run.logits, x).mean()
        commitment = _distance(run.z_e, run.z_q.detach())
        loss = reconstruction + self.options.commitment * commitment
        if self.options.codebook == "gradient":
            loss = loss + _distance(run.z_e.detach(), run.z_q)
        return Loss(loss, reconstruction, commitment, perplexity(run.codes, self.options.codes).to(loss.dtype))

    def after_step(self, run: Forward) -> None:
        """One step of the codebook's moving averages, and of the likelihood's."""
        super().after_step(run)
        self.codebook.update(run.z_e, run.codes)


def _distance(a: Maps, b: Maps) -> Scalar:
    """|a - b|^2, summed over the map, mean over the batch."""
    return (a - b).square().flatten(1).sum(1).mean()


def perplexity(codes: Codes, K: int) -> Scalar:
    """exp(-sum_k p_k log p_k) for the shares p of the K entries among these codes: between 1 and K."""
    p = mean_over_batch(F.one_hot(codes.flatten(), K).float())
    return torch.exp(torch.special.entr(p).sum())
