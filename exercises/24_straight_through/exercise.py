"""Exercise 24: vectors that become entries of a codebook, and the gradient that passes them by."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, Remark, axes, call, full, normal, sized
from exercises.kit.lazy import Lazy
from exercises.kit.tensors import differentiated, tensors

from .mistakes import MISTAKES

N, D, ROWS, COLUMNS, K = axes(5, 3, 4, 7, 11)
MAPS = N, D, ROWS, COLUMNS
BETA = 0.25

torch, q = Lazy("torch"), Lazy("exercises.24_straight_through.quantisation")
options, vq_vae = Lazy("paper.models.options"), Lazy("paper.models.vq_vae")


def _codebook(entries):
    """The rung's codebook with these entries."""
    codebook = vq_vae.Codebook(options.VQVAEOptions(codes=len(entries), code_dim=entries.shape[1], codebook="gradient"))
    codebook.entries = torch.nn.Parameter(entries.detach())
    return codebook


@tensors()
def nearest(z_e, entries):
    """The rung's."""
    return _codebook(entries).nearest(z_e)


@differentiated("entries")
def lookup(entries, codes):
    """The rung's, with these entries for its own."""
    return torch.func.functional_call(_codebook(entries), {"entries": entries}, (codes,))


@differentiated("z_e", "z_q")
def straight_through(z_e, z_q):
    """The third line of the rung's forward pass, which says why the other way round has fewer digits."""
    return z_q.detach() + (z_e - z_e.detach())


@differentiated("z_e", "z_q")
def loss(z_e, z_q, beta):
    """The last two terms of eq. 3."""
    codebook = (z_e.detach() - z_q).square().flatten(1).sum(1).mean()
    commitment = (z_e - z_q.detach()).square().flatten(1).sum(1).mean()
    return {"loss": codebook + beta * commitment, "codebook": codebook, "commitment": commitment}


def _one_row(*vectors):
    """Vectors side by side in a map of one row: (1, D, 1, count)."""
    return np.array(vectors, dtype=float).T[None, :, None, :]


def _codes(rng):
    return rng.integers(0, *sized(rng, K), sized(rng, N, ROWS, COLUMNS))


def _coded_far_away(answer, rng):
    """Vectors a tenth away from an entry, far from the origin, so that no other entry is as near."""
    count, dimension = sized(rng, K, D)
    entries = 1e8 + np.stack([np.full(dimension, 2.0 * number) for number in range(count)])
    places = _codes(rng)
    z_e = np.moveaxis(entries[places] + 0.1 * rng.uniform(-1, 1, (*places.shape, dimension)), -1, 1)
    return answer.nearest(z_e, entries)


def _rounds(answer):
    """Whether z loses digits of z_q where z_e is far larger."""
    z_q = np.full((1, 1, 1, 3), 1 / 3)
    return bool(np.any(answer.straight_through(np.full((1, 1, 1, 3), 1e9), z_q)["result"] != z_q))


CORNERS = [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 9.0, 0.0], [1.0, 1.0, 1.0]]
"""Four entries, the last of which is short and near the origin."""

probes = (
    call(
        "nearest",
        "entries at the corners 0, 4, 9 of three axes and at (1, 1, 1)",
        z_e=_one_row([3.0, 0.5, 0.0], [0.4, 0.3, 0.2], [0.0, 6.0, 1.0], [1.6, 0.9, 0.9], [2.2, 1.9, 0.1]),
        entries=CORNERS,
    ),
    call("nearest", "random numbers", z_e=normal(*MAPS), entries=normal(K, D)),
    Probe("far from the origin, where |z|² - 2 z·e + |e|² has no digits left", _coded_far_away),
    call("lookup", "random numbers", entries=normal(K, D), codes=_codes),
    call("straight_through", "z_e is 1, z_q is 3", z_e=full(*MAPS, value=1), z_q=full(*MAPS, value=3)),
    call("straight_through", "random numbers", z_e=normal(*MAPS), z_q=normal(*MAPS)),
    call("loss", "z_e is 1, z_q is 3", z_e=full(*MAPS, value=1), z_q=full(*MAPS, value=3), beta=BETA),
    call("loss", "random numbers", z_e=normal(*MAPS), z_q=normal(*MAPS), beta=0.7),
)

hints = Hints(
    idea="`detach` is the stop-gradient sg: a value that the gradient does not pass. In every sum of terms, ask for "
    "each whose gradient it carries. A difference of a tensor and its own detached copy is 0 in value, and has the "
    "gradient of the tensor.",
    formula="k = argmin_j |z_e - e_j|² by squared differences. z = sg[z_q] + (z_e - sg[z_e]). loss = |sg[z_e] - z_q|² "
    "+ β |z_e - sg[z_q]|², each summed over a map and averaged over the batch.",
    line="torch.cdist(vectors, entries, compute_mode=...) or differences of [:, None] and a sum over the last axis; "
    "the numbers of N h w places go back with reshape(N, h, w). entries[codes] has its vectors last: movedim(-1, 1). "
    ".square().flatten(1).sum(1) is a number for each map.",
)

exercise = Exercise(
    solution={"nearest": nearest, "lookup": lookup, "straight_through": straight_through, "loss": loss},
    sources=(
        "paper.models.vq_vae:Codebook.nearest",
        "paper.models.vq_vae:Codebook.forward",
        "paper.models.vq_vae:VQVAE.forward",
        "paper.models.vq_vae:VQVAE.loss",
    ),
    probes=probes,
    requires="torch",
    hints=hints,
    model_answer=(
        "(1 + β)/β, which is 5 for β = 0.25: the codebook term then moves the vectors as well. That of the entries "
        "is 1 + β times too large. No number that is printed at the first step shows it."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "nearest": lambda *a: q.nearest_by(q.SCORES["squared"])(*a),
            "lookup": lambda *a: q.lookup_as(q.by_one_hot)(*a),
            "straight_through": lambda *a: q.straight(q.Identity.apply)(*a),
            "loss": lambda *a: q.loss_with()(*a),
        },
        {
            "nearest": lambda *a: q.nearest_by(q.SCORES["root"])(*a),
        },
    ),
    remarks=(
        Remark(
            _rounds,
            "z_e + sg[z_q - z_e] is how most code writes it, and right but for rounding: where z_e is far larger than "
            "z_q, the last digits of z_q are lost. sg[z_q] + (z_e - sg[z_e]) keeps them all.",
            example={"straight_through": lambda *a: q.straight(lambda z_e, z_q: z_e + (z_q - z_e).detach())(*a)},
        ),
    ),
)
