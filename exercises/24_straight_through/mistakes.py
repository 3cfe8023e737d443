"""Wrong entries, wrong gradients, and stop-gradients on the wrong side."""

import functools

from exercises.kit.exercise import Mistake
from exercises.kit.lazy import Lazy

torch, F, q = Lazy("torch"), Lazy("torch.nn.functional"), Lazy("exercises.24_straight_through.quantisation")


def _of(function, name, make, explanation):
    """A mistake whose function `make()` builds when it is first called, since that needs torch."""
    made = functools.cache(make)

    def wrong(*arguments):
        return made()(*arguments)

    return Mistake(f"{function}: {name}", {function: wrong}, explanation)


def _nearest(name, score, explanation):
    return _of("nearest", name, lambda: q.nearest_by(q.SCORES[score]), explanation)


def _lookup(name, line, explanation):
    return _of("lookup", name, lambda: q.lookup_as(line), explanation)


def _straight(name, line, explanation):
    return _of("straight_through", name, lambda: q.straight(line), explanation)


def _loss(name, explanation, **changed):
    return _of("loss", name, lambda: q.loss_with(**changed), explanation)


def _no_stop(z_e, z_q):
    return q.distance(z_e, z_q)


def _moves_codebook(z_e, z_q):
    return q.distance(z_e.detach(), z_q)


def _moves_encoder(z_e, z_q):
    return q.distance(z_e, z_q.detach())


def _mean(a, b):
    return (a - b).square().mean()


def _batch(a, b):
    return (a - b).square().sum()


def _length(a, b):
    return (a - b).square().flatten(1).sum(1).sqrt().mean()


NEAREST = (
    _nearest(
        "the digits cancel far from the origin",
        "formula",
        "Right near the origin, wrong for vectors of length 1e8 that are close together: as in |z|² - 2 z·e + |e|², "
        "where 1e16 minus 1e16 leaves no digit of a 1. Square the differences instead.",
    ),
    _nearest("the farthest entry", "farthest", "The entry at the largest distance: argmin, not argmax."),
    _nearest(
        "the largest product with the vector",
        "product",
        "This is the entry with the largest z·e: without |e|², which is not the same for all entries, a long entry is "
        "always chosen.",
    ),
    _nearest("the smallest angle", "angle", "The entry of the most similar direction, whatever its length."),
    _nearest(
        "absolute differences",
        "absolute",
        "The nearest by the sum of absolute differences; |z - e|² is the sum of the squares.",
    ),
    _nearest("the largest difference alone", "largest", "The nearest by its largest difference, not by their squares."),
    _nearest(
        "differences of both signs added",
        "signed",
        "The differences cancel one another before they are squared: first the squares, then the sum.",
    ),
    _nearest("the first number of each vector alone", "first", "Only the first of the D numbers was compared."),
    _of(
        "nearest",
        "vectors from the numbers as they lie in memory",
        lambda: q.nearest_by(q.SCORES["squared"], q.rows_of_memory),
        "The D numbers of a place are a channel apart in memory: `reshape(-1, D)` takes neighbours of one channel for "
        "a vector. First move the axis of channels to the end.",
    ),
    _of(
        "nearest",
        "places in the order of columns",
        lambda: q.nearest_transposed,
        "The numbers are right, and at the wrong places: the map was read column by column.",
    ),
    _of("nearest", "one row of numbers", lambda: q.nearest_flat, "A number for each place of each map: (N, h, w)."),
    _of(
        "nearest",
        "distances",
        lambda: q.nearest_distances,
        "These are the distances to the nearest entries; the entries' numbers are asked for: argmin, not min.",
    ),
)

LOOKUP = (
    _lookup(
        "channels from the numbers as they lie in memory",
        lambda entries, codes: q.reshaped(entries, codes),
        "The shape is right and the order is not: a row of an entry must become the channels of one place, by movedim "
        "or permute; `reshape` and `view` move nothing.",
    ),
    _lookup(
        "channels last",
        lambda entries, codes: entries[codes],
        "The vectors are in the last axis; a map has its channels in axis 1: (N, D, h, w).",
    ),
    _lookup(
        "no gradient for the codebook",
        lambda entries, codes: q.from_rows(entries.detach(), codes),
        "The entries are right and get no gradient: the tape ends here, and the codebook would not learn.",
    ),
    _lookup(
        "the entry after the one with this number",
        lambda entries, codes: q.from_rows(entries.roll(-1, 0), codes),
        "Entries are counted from 0.",
    ),
)

STRAIGHT = (
    _straight(
        "the gradient goes to z_q",
        lambda z_e, z_q: z_q.clone(),
        "The value is right. The gradient goes to the codebook, and the encoder gets none.",
    ),
    _straight(
        "no gradient at all",
        lambda z_e, z_q: z_q.detach(),
        "The value is right, and the tape ends here: the encoder would learn nothing from the reconstruction.",
    ),
    _straight(
        "the value of z_e",
        lambda z_e, z_q: z_e.clone(),
        "The decoder would get the encoder's own vectors, as if there were no codebook.",
    ),
    _straight(
        "z_e and z_q exchanged",
        lambda z_e, z_q: z_e.detach() + (z_q - z_q.detach()),
        "The value of z_e with the gradient to z_q: the other way round.",
    ),
    _straight(
        "the gradient goes to both",
        lambda z_e, z_q: z_q + (z_e - z_e.detach()),
        "The value is right, and so is z_e's gradient. z_q gets the same one, though the reconstruction is not to move "
        "the codebook: detach z_q.",
    ),
    _straight(
        "the average of the two",
        lambda z_e, z_q: (z_e + z_q) / 2,
        "The decoder would get a vector between the two, which is no entry.",
    ),
    _straight(
        "half the gradient",
        lambda z_e, z_q: z_q.detach() + (z_e - z_e.detach()) / 2,
        "The value is right; the gradient is to be handed on as it is.",
    ),
)

LOSS = (
    _loss(
        "β on the codebook's term",
        "The value is right. The encoder's gradient has the weight 1 and the codebook's has β, the wrong way round: β "
        "is the weight of the encoder's commitment. The detached side is the one that a term does not move.",
        codebook=_moves_encoder,
        commitment=_moves_codebook,
    ),
    _loss(
        "no stop-gradient",
        "The value is right. Both terms move both sides, so each side has 1 + β times the same gradient.",
        codebook=_no_stop,
        commitment=_no_stop,
    ),
    _loss(
        "no stop-gradient in the codebook's term",
        "The value is right. The encoder gets 1 + β instead of β: the codebook's term moves it, too.",
        codebook=_no_stop,
    ),
    _loss(
        "no stop-gradient in the commitment",
        "The value is right. The codebook gets 1 + β instead of 1: the commitment moves it, too.",
        commitment=_no_stop,
    ),
    _loss(
        "both terms move the codebook",
        "The value is right, and the encoder gets no gradient: the commitment is the term that moves it.",
        commitment=_moves_codebook,
    ),
    _loss(
        "both terms move the encoder",
        "The value is right, and the codebook gets no gradient.",
        codebook=_moves_encoder,
    ),
    _loss(
        "no gradient at all",
        "The value is right, and it is off the tape, as where both sides were detached, or `.item()` was called.",
        shown=lambda parts, beta: {name: value.detach() for name, value in parts.items()},
    ),
    _loss(
        "β on both terms",
        "{got} instead of {expected}: β multiplies the commitment alone.",
        total=lambda codebook, commitment, beta: beta * (codebook + commitment),
    ),
    _loss("β not used", "{got} instead of {expected}.", total=lambda codebook, commitment, beta: codebook + commitment),
    _loss(
        "the commitment with β in it",
        "The loss is right; `commitment` is the distance before its weight.",
        shown=lambda parts, beta: parts | {"commitment": beta * parts["commitment"]},
    ),
    _loss(
        "mean over the map",
        "{got} instead of {expected}: F.mse_loss is a mean over all numbers. Like the pixels of the reconstruction, "
        "they are summed; only images are averaged.",
        codebook=lambda z_e, z_q: _mean(z_e.detach(), z_q),
        commitment=lambda z_e, z_q: _mean(z_e, z_q.detach()),
    ),
    _loss(
        "sum over the batch",
        "{got} instead of {expected}: summed over the images as well.",
        codebook=lambda z_e, z_q: _batch(z_e.detach(), z_q),
        commitment=lambda z_e, z_q: _batch(z_e, z_q.detach()),
    ),
    _loss(
        "distances that are not squared",
        "{got} instead of {expected}: the root of the sum of squares.",
        codebook=lambda z_e, z_q: _length(z_e.detach(), z_q),
        commitment=lambda z_e, z_q: _length(z_e, z_q.detach()),
    ),
)

MISTAKES = NEAREST + LOOKUP + STRAIGHT + LOSS
