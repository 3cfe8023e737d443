"""Wrong lines and arcs between points, and wrong paths between images."""

import numpy as np

from exercises.kit.exercise import mistakes_of
from numpy_impl.functional import sigmoid

# Lines and arcs


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
        "Every row is (a + b)/2; t gives the place of each row.",
    ),
    (
        "even steps instead of those in t",
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
        "The shape is (Z, T); one row for each t is asked for.",
    ),
)


def _norms(a, b):
    return np.linalg.norm(a) * np.linalg.norm(b)


def _angle(a, b):
    return np.arccos(np.clip(a @ b / _norms(a, b), -1, 1))


def _slerp(a, b, t, angle=_angle, weight=np.sin, parallel=lerp):
    """The right arc, but for what is replaced; `parallel` is used where the angle is 0."""
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
        "This is lerp: half-way between the ends it is nearer to the origin than they are.",
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
        "reversed on the arc, but not where a and b are parallel",
        lambda a, b, t: lerp(a, b, t) if _angle(a, b) == 0 else _slerp(b, a, t),
        "The path begins at b: the weight of a is sin((1 - t) Ω), which is largest at t = 0. The straight line for "
        "parallel vectors is right.",
    ),
    (
        "reversed, and parallel vectors divide 0 by 0",
        lambda a, b, t: _slerp(b, a, t, parallel=None),
        "The path begins at b: the weight of a is sin((1 - t) Ω), which is largest at t = 0. Where the angle is 0 the "
        "arc is the straight line: use lerp.",
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
        "np.sin takes radians, and np.arccos gives them.",
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
        "A reasonable path, but another one: the direction follows the arc, the norm changes evenly. "
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
        "even steps instead of those in t",
        lambda a, b, t: _slerp(a, b, np.linspace(0, 1, len(t))),
        "The number of rows is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
)


# Paths between images


def fade(x_a, x_b, t):
    """The right fade, from which the mistakes are made."""
    return x_a + t[:, None, None, None] * (x_b - x_a)


PIXELS = mistakes_of(
    "pixel_path",
    (
        "reversed",
        lambda x_a, x_b, t: fade(x_b, x_a, t),
        "The path begins at x_b: the weights are 1 - t for x_a and t for x_b.",
    ),
    (
        "x_a + t x_b",
        lambda x_a, x_b, t: x_a + t[:, None, None, None] * x_b,
        "At t = 1 this is x_a + x_b, and some pixels are whiter than white: x_a must fade as 1 - t.",
    ),
    (
        "always the middle",
        lambda x_a, x_b, t: np.tile((x_a + x_b) / 2, (len(t), 1, 1, 1)),
        "Every image is the mean of the two; t gives the place of each image.",
    ),
    (
        "the brighter of both",
        lambda x_a, x_b, t: np.maximum((1 - t)[:, None, None, None] * x_a, t[:, None, None, None] * x_b),
        "Each pixel is the larger of (1 - t) x_a and t x_b; a fade is their sum.",
    ),
    (
        "the geometric mean",
        lambda x_a, x_b, t: x_a ** (1 - t)[:, None, None, None] * x_b ** t[:, None, None, None],
        "Here a pixel that is black in one image stays black; a fade adds (1 - t) x_a and t x_b.",
    ),
    (
        "even steps instead of those in t",
        lambda x_a, x_b, t: fade(x_a, x_b, np.linspace(0, 1, len(t))),
        "The number of images is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
    (
        "t meets the columns of the image",
        lambda x_a, x_b, t: (1 - t) * x_a + t * x_b,
        "t has T entries and the last axis of an image has W: give t axes of its own, t[:, None, None, None].",
    ),
    (
        "flat images",
        lambda x_a, x_b, t: lerp(x_a.ravel(), x_b.ravel(), t),
        "The numbers are right but lie in one long row for each t; give them back their shape (C, H, W).",
    ),
    (
        "t on the last axis",
        lambda x_a, x_b, t: np.stack([(1 - step) * x_a + step * x_b for step in t], axis=-1),
        "The shape is (C, H, W, T); the images belong along the first axis.",
    ),
)


def _ends(encode, x_a, x_b):
    """Both latent means, as batches of one."""
    return encode(x_a[None])[0], encode(x_b[None])[0]


def _along(path, show=sigmoid):
    """A latent path over another curve between the two means, or shown otherwise."""
    return lambda encode, decode, x_a, x_b, t: show(decode(path(*np.concatenate(_ends(encode, x_a, x_b)), t)))


def _mixed_after(show_first, show_last):
    """Both ends decoded, then mixed."""

    def wrong(encode, decode, x_a, x_b, t):
        a, b = (show_first(decode(mu))[0] for mu in _ends(encode, x_a, x_b))
        return show_last(fade(a, b, t))

    return wrong


def _same(images):
    return images


def _fade_encoded(encode, decode, x_a, x_b, t):
    return sigmoid(decode(encode(fade(x_a, x_b, t))[0]))


def _from(statistic):
    """Another point for each end than its mean."""

    def wrong(encode, decode, x_a, x_b, t):
        a, b = statistic(*encode(np.stack([x_a, x_b])))
        return sigmoid(decode(lerp(a, b, t)))

    return wrong


def _originals_at_the_ends(encode, decode, x_a, x_b, t):
    images = _along(lerp)(encode, decode, x_a, x_b, t)
    images[0], images[-1] = x_a, x_b
    return images


def _one_by_one(encode, decode, x_a, x_b, t):
    a, b = _ends(encode, x_a, x_b)
    return np.array([sigmoid(decode((1 - step) * a + step * b)) for step in t])


def _from_mu_to_logvar(encode, decode, x_a, x_b, t):
    mu, logvar = encode(x_a[None])
    return sigmoid(decode(lerp(mu[0], logvar[0], t)))


LATENTS = mistakes_of(
    "latent_path",
    (
        "a fade of the pixels",
        lambda encode, decode, x_a, x_b, t: fade(x_a, x_b, t),
        "The middle is the mean of the two images, one over the other: the model was not used. "
        "Mix latents, then decode.",
    ),
    (
        "a fade of the two reconstructions",
        _mixed_after(sigmoid, _same),
        "The ends are right, the middle is the mean of the decoded ends: mix before decoding, not after.",
    ),
    (
        "the logits are mixed",
        _mixed_after(_same, sigmoid),
        "The ends are right; between them the decoder's outputs are mixed, not its inputs. Mix the latents.",
    ),
    (
        "the fade is encoded",
        _fade_encoded,
        "Images were mixed, encoded and decoded: the path through the latent space is not a straight line then.",
    ),
    (
        "reversed",
        lambda encode, decode, x_a, x_b, t: _along(lerp)(encode, decode, x_b, x_a, t),
        "The path begins at x_b: the weights are 1 - t for the first mean and t for the second.",
    ),
    (
        "an arc instead of a line",
        _along(_slerp),
        "The ends are right, the way between them is slerp's; the straight line is asked for.",
    ),
    (
        "draws z at the ends",
        _from(lambda mu, logvar: mu + np.exp(logvar / 2) * np.random.default_rng().standard_normal(mu.shape)),
        "The same call gives another path each time: q(z|x) was drawn from. Take its mean.",
    ),
    (
        "one sigma beside the means",
        _from(lambda mu, logvar: mu + np.exp(logvar / 2)),
        "The ends are decoded from mu + sigma; decode them from mu.",
    ),
    (
        "logvar instead of mu",
        _from(lambda mu, logvar: logvar),
        "`encode` returns mu and logvar in this order; logvar is how wide q(z|x) is, not where.",
    ),
    (
        "mu and logvar taken for the two ends",
        _from_mu_to_logvar,
        "The path leads from mu to logvar of the first image. `encode` returns the pair mu, logvar, not two places.",
    ),
    (
        "no sigmoid",
        _along(lerp, _same),
        "These are logits, any real numbers. Probability = 1/(1 + exp(-logit)).",
    ),
    (
        "sigmoid twice",
        _along(lerp, lambda logits: sigmoid(sigmoid(logits))),
        "Every pixel lies between 0.5 and 0.73, which is grey. One sigmoid is enough.",
    ),
    (
        "the images themselves at the ends",
        _originals_at_the_ends,
        "The first and last images are the originals; a latent path begins and ends with what the means decode to.",
    ),
    (
        "an image without its batch axis",
        lambda encode, decode, x_a, x_b, t: sigmoid(decode(lerp(encode(x_a)[0], encode(x_b)[0], t))),
        "`encode` takes a batch (N, C, H, W); one image alone is x_a[None], and its mean encode(x_a[None])[0][0].",
    ),
    (
        "one point at a time, each as a batch of one",
        _one_by_one,
        "An axis of size 1 is left in the middle, one for each batch of one. Join the batches: np.concatenate.",
    ),
    (
        "even steps instead of those in t",
        lambda encode, decode, x_a, x_b, t: _along(lerp)(encode, decode, x_a, x_b, np.linspace(0, 1, len(t))),
        "The number of images is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
)


MISTAKES = LINES + ARCS + PIXELS + LATENTS
