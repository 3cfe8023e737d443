"""Right and wrong quantisations on tensors. Needs torch."""

import torch
import torch.nn.functional as F

from exercises.kit.tensors import differentiated, tensors
from paper.models.vq_vae import as_vectors


def distance(a, b):
    """|a - b|^2, summed over the map, mean over the batch."""
    return (a - b).square().flatten(1).sum(1).mean()


def differences(z_e, entries):
    """Each vector minus each entry: (N h w, K, D)."""
    return as_vectors(z_e)[:, None] - entries


def nearest_by(score, vectors=as_vectors):
    """`nearest` with the smallest of these scores (N h w, K)."""

    @tensors()
    def nearest(z_e, entries):
        scores = score(z_e, entries, vectors(z_e))
        return scores.argmin(1).reshape(len(z_e), *z_e.shape[2:])

    return nearest


SCORES = {
    "squared": lambda z_e, entries, vectors: (vectors[:, None] - entries).square().sum(2),
    "root": lambda z_e, entries, vectors: torch.linalg.vector_norm(vectors[:, None] - entries, dim=2),
    "formula": lambda z_e, entries, vectors: (
        vectors.square().sum(1, keepdim=True) - 2 * vectors @ entries.T + entries.square().sum(1)
    ),
    "farthest": lambda z_e, entries, vectors: -(vectors[:, None] - entries).square().sum(2),
    "product": lambda z_e, entries, vectors: -vectors @ entries.T,
    "angle": lambda z_e, entries, vectors: -F.normalize(vectors, dim=1) @ F.normalize(entries, dim=1).T,
    "absolute": lambda z_e, entries, vectors: (vectors[:, None] - entries).abs().sum(2),
    "largest": lambda z_e, entries, vectors: (vectors[:, None] - entries).abs().amax(2),
    "signed": lambda z_e, entries, vectors: (vectors[:, None] - entries).sum(2).abs(),
    "first": lambda z_e, entries, vectors: (vectors[:, None] - entries)[:, :, 0].abs(),
}


def rows_of_memory(z_e):
    """Rows of D numbers as they lie in memory: neighbours in one channel, not the vector of one place."""
    return z_e.reshape(-1, z_e.shape[1])


@tensors()
def nearest_transposed(z_e, entries):
    """Places in the order of columns."""
    found = SCORES["squared"](z_e, entries, as_vectors(z_e)).argmin(1)
    return found.reshape(len(z_e), *z_e.shape[2:]).transpose(1, 2).reshape(len(z_e), *z_e.shape[2:])


@tensors()
def nearest_flat(z_e, entries):
    """One number after another, without the map."""
    return SCORES["squared"](z_e, entries, as_vectors(z_e)).argmin(1)


@tensors()
def nearest_distances(z_e, entries):
    """The distances, not the numbers."""
    return SCORES["squared"](z_e, entries, as_vectors(z_e)).amin(1).reshape(len(z_e), *z_e.shape[2:])


def lookup_as(make):
    """`lookup` by this line."""
    return differentiated("entries")(lambda entries, codes: make(entries, codes))


def from_rows(entries, codes):
    """The rows of entries, moved to the channels' place."""
    return F.embedding(codes, entries).movedim(-1, 1)


def by_one_hot(entries, codes):
    """A product with one-hot rows."""
    return torch.einsum("nhwk,kd->ndhw", F.one_hot(codes, len(entries)).to(entries.dtype), entries)


def reshaped(entries, codes):
    """The rows of entries, read as if they were channels already."""
    return entries[codes].reshape(len(codes), -1, *codes.shape[1:])


def straight(make):
    """`straight_through` by this line."""
    return differentiated("z_e", "z_q")(lambda z_e, z_q: make(z_e, z_q))


class Identity(torch.autograd.Function):
    """The same as a function of autograd: z_q forward, the gradient to z_e backward."""

    @staticmethod
    def forward(ctx, z_e, z_q):
        """z_q."""
        return z_q.clone()

    @staticmethod
    def backward(ctx, *gradients):
        """The gradient, for z_e alone."""
        return gradients[0], None


def loss_with(
    codebook=lambda z_e, z_q: distance(z_e.detach(), z_q),
    commitment=lambda z_e, z_q: distance(z_e, z_q.detach()),
    total=lambda codebook, commitment, beta: codebook + beta * commitment,
    shown=lambda parts, beta: parts,
):
    """`loss` with some pieces replaced."""

    @differentiated("z_e", "z_q")
    def loss(z_e, z_q, beta):
        one, other = codebook(z_e, z_q), commitment(z_e, z_q)
        return shown({"loss": total(one, other, beta), "codebook": one, "commitment": other}, beta)

    return loss
