"""Wrong ways from a to b, straight and round."""

import numpy as np

from exercises.model.wrong import mistakes_of


def lerp(a, b, t):
    """The right line, from which the mistakes are made."""
    return a + t[:, None] * (b - a)


LINES = mistakes_of(
    "lerp",
    (
        "reversed",
        lambda a, b, t: lerp(b, a, t),
        "The path begins at b. At t = 0 the weight of a is 1: the weights are 1 - t for a and t for b.",
    ),
    (
        "a + t b",
        lambda a, b, t: a + t[:, None] * b,
        "At t = 1 this is a + b, not b: the weight of a must fall to 0, as 1 - t does.",
    ),
    (
        "t (b - a), without a",
        lambda a, b, t: t[:, None] * (b - a),
        "The path begins at the origin: the step t (b - a) starts from a, so add a.",
    ),
    (
        "a - t (b - a)",
        lambda a, b, t: a - t[:, None] * (b - a),
        "The path begins at a and leads away from b: the step from a towards b is b - a, with a plus.",
    ),
    (
        "a + t (b + a)",
        lambda a, b, t: a + t[:, None] * (b + a),
        "At t = 1 this is 2a + b: the step from a to b is the difference b - a.",
    ),
    (
        "always the middle",
        lambda a, b, t: np.tile((a + b) / 2, (len(t), 1)),
        "Every row is (a + b)/2; t says how far along the row is.",
    ),
    (
        "even steps, whatever t says",
        lambda a, b, t: lerp(a, b, np.linspace(0, 1, len(t))),
        "The number of rows is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
    (
        "without the end",
        lambda a, b, t: lerp(a, b, t[:-1]),
        "A row is missing, the last: there is one for each t.",
    ),
    (
        "an arc instead of a line",
        lambda a, b, t: _slerp(a, b, t),
        "The weights are sines: this is slerp. On a straight line they are 1 - t and t.",
    ),
    (
        "t meets the latents",
        lambda a, b, t: (1 - t) * a + t * b,
        "t has T entries and a has Z: give t an axis of its own, t[:, None], so that (T, 1) times (Z,) is (T, Z).",
    ),
    (
        "points in columns",
        lambda a, b, t: lerp(a, b, t).T,
        "A (Z, T) came: one row for each t is asked for.",
    ),
)


def _norms(a, b):
    return np.linalg.norm(a) * np.linalg.norm(b)


def _angle(a, b):
    return np.arccos(np.clip(a @ b / _norms(a, b), -1, 1))


def _slerp(a, b, t, angle=_angle, weight=np.sin, parallel=lerp):
    """The right arc, but for what is replaced; `parallel` is what is done where the angle is 0."""
    omega = angle(a, b)
    if omega == 0 and parallel is not None:
        return parallel(a, b, t)
    weights = weight((1 - t) * omega), weight(t * omega)
    return (np.outer(weights[0], a) + np.outer(weights[1], b)) / weight(omega)


def _wrong_arc(**replaced):
    return lambda a, b, t: _slerp(a, b, t, **replaced)


def _same_way_rescaled(a, b, t):
    line, norm = lerp(a, b, t), np.linalg.norm
    return line / norm(line, axis=1, keepdims=True) * ((1 - t) * norm(a) + t * norm(b))[:, None]


def _norm_apart(a, b, t):
    norm = np.linalg.norm
    return _slerp(a / norm(a), b / norm(b), t) * ((1 - t) * norm(a) + t * norm(b))[:, None]


ARCS = mistakes_of(
    "slerp",
    (
        "a straight line",
        lerp,
        "This is lerp, which cuts the corner: half-way between the ends it is nearer to the origin than they are.",
    ),
    (
        "a straight line, moved out to the norm",
        _same_way_rescaled,
        "The norms are right, but the steps are not equal: the points crowd near the ends of the arc. "
        "The weights are sines.",
    ),
    (
        "reversed",
        lambda a, b, t: _slerp(b, a, t),
        "The path begins at b: the weight of a is sin((1 - t) Ω), which is largest at t = 0.",
    ),
    (
        "not divided by sin Ω",
        lambda a, b, t: _slerp(a, b, t) * (np.sin(_angle(a, b)) or 1),
        "Every value is sin Ω times the right one; at t = 0 the path must be at a itself.",
    ),
    (
        "cosines for sines",
        _wrong_arc(weight=np.cos),
        "At t = 0 the weight of a must be 1 and that of b 0; sin((1 - t) Ω)/sin Ω and sin(t Ω)/sin Ω are.",
    ),
    (
        "half the angle",
        _wrong_arc(angle=lambda a, b: _angle(a, b) / 2),
        "With Ω/2 the points leave the arc inwards, as on a shorter one. Ω is the whole angle between a and b.",
    ),
    (
        "the angle in degrees",
        _wrong_arc(angle=lambda a, b: np.degrees(_angle(a, b))),
        "np.sin wants radians, and np.arccos gives them.",
    ),
    (
        "arcsin for arccos",
        _wrong_arc(angle=lambda a, b: np.arcsin(np.clip(a @ b / _norms(a, b), -1, 1)), parallel=None),
        "a·b/(|a||b|) is the cosine of the angle, so arccos gives the angle. (arcsin gives 0 at a right angle.)",
    ),
    (
        "the cosine itself for the angle",
        _wrong_arc(angle=lambda a, b: a @ b / _norms(a, b), parallel=None),
        "a·b/(|a||b|) is cos Ω, which is 0 at a right angle; Ω is its arccos.",
    ),
    (
        "a·b not divided by the norms",
        _wrong_arc(angle=lambda a, b: np.arccos(a @ b)),
        "a·b is |a||b| cos Ω; arccos of it is wrong or, above 1, NaN. Divide by both norms.",
    ),
    (
        "a·b not divided by the norms, but clipped",
        _wrong_arc(angle=lambda a, b: np.arccos(np.clip(a @ b, -1, 1))),
        "a·b is |a||b| cos Ω. Clipping hides that it is larger than 1; divide by both norms first.",
    ),
    (
        "unit vectors come back",
        lambda a, b, t: _slerp(a / np.linalg.norm(a), b / np.linalg.norm(b), t),
        "Every point has norm 1: a and b are made unit vectors for the angle only; the sum takes them as they are.",
    ),
    (
        "norm and direction apart",
        _norm_apart,
        "A sensible path, but another: the direction follows the arc, the norm changes evenly. "
        "The formula weighs a and b as they are; the two agree where |a| = |b|.",
    ),
    (
        "the short way, as for rotations",
        lambda a, b, t: _slerp(a, b if a @ b >= 0 else -b, t),
        "The path ends at -b where the angle is above 90°. Quaternions q and -q are one rotation; latents are not.",
    ),
    (
        "parallel vectors divide 0 by 0",
        _wrong_arc(parallel=None),
        "sin Ω is 0 here, and 0/0 is NaN. Where the angle is 0 the arc is the straight line: use lerp.",
    ),
    (
        "the cosine is not clipped",
        _wrong_arc(angle=lambda a, b: np.arccos(a @ b / _norms(a, b))),
        "Rounding brings the cosine of some parallel vectors to 1.0000000000000002, and its arccos is NaN. "
        "np.clip it to [-1, 1].",
    ),
    (
        "stays at a where a and b are parallel",
        _wrong_arc(parallel=lambda a, b, t: np.tile(a, (len(t), 1))),
        "The directions are equal, the lengths are not: the path still has to reach b, along a straight line.",
    ),
    (
        "even steps, whatever t says",
        lambda a, b, t: _slerp(a, b, np.linspace(0, 1, len(t))),
        "The number of rows is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
)

MISTAKES_OF_LINES = LINES + ARCS
