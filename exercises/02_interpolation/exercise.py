"""Exercise 02: straight lines and arcs between latents, and what the decoder makes of them."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal, uniform
from exercises.model import check_shape, load_images, load_model
from exercises.model.toys import IMAGE, draw_decode, draw_encode
from numpy_impl.functional import sigmoid

from .mistakes import MISTAKES

MODEL, (IMAGES, _) = load_model(), load_images()
HIGH = 101
"""So many dimensions that two random directions are almost at right angles."""


def lerp(a, b, t):
    """(1 - t) a + t b."""
    return np.outer(1 - t, a) + np.outer(t, b)


def slerp(a, b, t):
    """The angle decides the weights; where it is 0, the arc is a line."""
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    omega = np.arccos(np.clip(cosine, -1, 1))
    if omega == 0:
        return lerp(a, b, t)
    return (np.outer(np.sin((1 - t) * omega), a) + np.outer(np.sin(t * omega), b)) / np.sin(omega)


def pixel_path(x_a, x_b, t):
    """`lerp` of the pixels."""
    return lerp(x_a.ravel(), x_b.ravel(), t).reshape(-1, *x_a.shape)


def latent_path(encode, decode, x_a, x_b, t):
    """`lerp` between the means, decoded."""
    mu, _ = encode(np.stack([x_a, x_b]))
    return sigmoid(decode(lerp(mu[0], mu[1], t)))


def slerp_in_its_plane(a, b, t):
    """Weights from two axes at right angles in the plane of a and b, the angle from its tangent."""
    along = a / np.sqrt(np.sum(a**2))
    across = b - np.sum(b * along) * along
    height = np.sqrt(np.sum(across**2))
    if height < 1e-12 * np.sqrt(np.sum(b**2)):
        return a + t[:, None] * (b - a)
    angle = np.arctan2(height, np.sum(b * along))
    turn = t[:, None] * angle
    return a * np.cos(turn) + (b - a * np.cos(angle)) * np.sin(turn) / np.sin(angle)


def path_one_by_one(encode, decode, x_a, x_b, t):
    """Two batches of one encoded, T batches of one decoded."""
    a, b = encode(x_a[None])[0], encode(x_b[None])[0]
    return np.concatenate([1 / (1 + np.exp(-decode(a + step * (b - a)))) for step in t])


def encode(images):
    """An encoder that takes two pixels for its means."""
    check_shape("encode", "images", images, ("N", 1, 1, 2))
    return images.reshape(-1, 2), np.zeros((len(images), 2))


def decode(z):
    """A decoder of two pixels: z = 0 gives ¼, z = 1 gives ¾."""
    check_shape("decode", "z", z, ("N", 2))
    return (math.log(3) * (2 * z - 1)).reshape(-1, 1, 1, 2)


def norm_half_way(answer, rng):
    """The distance of the middle of the arc from the origin, where both ends are at distance 10."""
    a, b = rng.standard_normal((2, HIGH))
    a, b = 10 * a / np.linalg.norm(a), 10 * b / np.linalg.norm(b)
    return {"norm": np.linalg.norm(answer.slerp(a, b, np.array([0.25, 0.5]))[1])}


def parallel_vectors(answer, rng):
    """Whether rounding, which may raise a cosine above 1, makes any of a hundred arcs NaN."""
    vectors, t = rng.standard_normal((100, 7)), np.array([0.0, 0.3, 1.0])
    return {"all finite": all(np.isfinite(answer.slerp(a, 3 * a, t)).all() for a in vectors)}


probes = (
    call("lerp", "a line in the plane", a=[0, 10], b=[4, -10], t=[0, 0.25, 1]),
    call("lerp", "random points", a=normal(7), b=normal(7), t=uniform(13)),
    call("slerp", "an angle of 60°", a=[2, 0], b=[1, math.sqrt(3)], t=[0, 0.5, 1]),
    call("slerp", "an angle of 120°", a=[2, 0], b=[-1, math.sqrt(3)], t=[0, 0.25, 1]),
    call("slerp", "parallel vectors", a=[2, 0], b=[4, 0], t=[0, 0.25, 1]),
    Probe("a hundred pairs of parallel vectors", parallel_vectors),
    Probe("half-way between two points at norm 10, in 101 dimensions", norm_half_way),
    call("slerp", "random points", a=normal(7), b=normal(7), t=uniform(13)),
    call("pixel_path", "three pixels", x_a=[[[0, 1, 0.5]]], x_b=[[[1, 1, 0]]], t=[0.25, 1]),
    call("pixel_path", "random images", x_a=uniform(*IMAGE), x_b=uniform(*IMAGE), t=uniform(13)),
    call(
        "latent_path",
        "two pixels: x = 0 is reconstructed as ¼, x = 1 as ¾",
        encode=lambda rng: encode,
        decode=lambda rng: decode,
        x_a=[[[0, 1]]],
        x_b=[[[1, 0]]],
        t=[0, 0.25, 1],
    ),
    call(
        "latent_path",
        "the trained model",
        encode=lambda rng: MODEL.encode,
        decode=lambda rng: MODEL.decode,
        x_a=IMAGES[1],
        x_b=IMAGES[3],
        t=[0.3, 0.5, 1],
    ),
    call(
        "latent_path",
        "a random model",
        encode=draw_encode,
        decode=draw_decode,
        x_a=uniform(*IMAGE),
        x_b=uniform(*IMAGE),
        t=uniform(13),
    ),
)

hints = Hints(
    idea="A point between a and b is a weighted sum of the two. On a straight line the weights are 1 - t and t; on an "
    "arc they are sines, and add up to more than 1. A path of images is the same done to pixels; a latent path is "
    "the same done between encoder and decoder.",
    formula="lerp: (1 - t) a + t b. slerp: [sin((1 - t) Ω) a + sin(t Ω) b] / sin Ω, with cos Ω = a·b / (|a| |b|). "
    "sin Ω = 0 for parallel vectors, where slerp is lerp; rounding can bring the cosine above 1, so clip it. "
    "Latent path: means, lerp, decode, sigmoid.",
    line="t has shape (T,), so t[:, None] * a gives (T, Z), and t[:, None, None, None] goes with images. "
    "`encode` takes a batch: x_a[None], or both images stacked; its first result is mu.",
)

exercise = Exercise(
    solution={"lerp": lerp, "slerp": slerp, "pixel_path": pixel_path, "latent_path": latent_path},
    sources=(sigmoid,),
    probes=probes,
    hints=hints,
    model_answer=(
        "At t = ½, for two latents of the same norm: there the straight line is nearest to the origin. At a right "
        "angle and with norm 10, lerp has a norm of 7.07 there, and slerp 10."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "lerp": lambda a, b, t: a + t[:, None] * (b - a),
            "slerp": slerp_in_its_plane,
            "pixel_path": lambda x_a, x_b, t: np.array([(1 - step) * x_a + step * x_b for step in t]),
            "latent_path": path_one_by_one,
        },
        {"pixel_path": lambda x_a, x_b, t: x_a + np.einsum("t,chw->tchw", t, x_b - x_a)},
    ),
)
