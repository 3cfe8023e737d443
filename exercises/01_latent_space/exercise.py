"""Exercise 01: means, centroids, and a grid of decoded images from a trained model with two latents."""

from statistics import NormalDist

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal, uniform
from exercises.model import load_images, load_model
from exercises.model.toys import IMAGE, LATENTS, draw_decode, draw_encode
from numpy_impl.functional import sigmoid

from .mistakes import MISTAKES

MODEL, (IMAGES, LABELS) = load_model(), load_images()
COUNTS = 2, 7, 3, 6, 5  # images of each class, no two alike
CORNERS = {"bottom right": 8, "bottom left": 6, "top left": 0, "top right": 2, "middle": 4}


def latent_means(encode, images):
    """The first of the encoder's two results."""
    mu, _ = encode(images)
    return mu


def class_centroids(mu, labels, classes):
    """The mean over the images of each class."""
    return np.array([mu[labels == label].mean(axis=0) for label in range(classes)])


def quantiles(n):
    """The middle of each of n equal parts of (0, 1), through the inverse CDF."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def latent_grid(values):
    """z2 decreases from row to row, z1 increases along each."""
    return np.array([(z1, z2) for z2 in values[::-1] for z1 in values])


def decode_grid(decode, z):
    """Probabilities from logits."""
    return sigmoid(decode(z))


def decode(z):
    """A decoder with known probabilities: ½, ¾ and ¼ in each of 23 rows."""
    return np.tile(np.log([1, 3, 1 / 3]), (len(z), 1, 23, 1))


def named_points(answer, rng):
    """The corners and the middle of a grid of nine points."""
    grid = answer.latent_grid(np.array([-2.0, 0.0, 1.0]))
    return {name: grid[i] for name, i in CORNERS.items()}


def shuffled_labels(rng):
    """Labels 0 to 4 in random order, with the frequencies of COUNTS."""
    return rng.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))


def quantiles_by_bisection(n):
    """Bisects until the CDF has the given value."""
    p, low, high = (np.arange(n) + 0.5) / n, np.full(n, -40.0), np.full(n, 40.0)
    cdf = np.vectorize(NormalDist().cdf)
    for _ in range(70):
        middle = (low + high) / 2
        below = cdf(middle) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def quantiles_of_the_figures(n):
    """The quantiles of the manifold that `vae-ladder` draws."""
    from figures.choices import quantile_grid

    return quantile_grid(n)[1]


def centroids_by_one_hot(mu, labels, classes):
    """Sums by a matrix product, over the counts."""
    one_hot = np.eye(classes)[labels]
    return one_hot.T @ mu / one_hot.sum(axis=0)[:, None]


def grid_by_meshgrid(values):
    """The usual way to write it."""
    z1, z2 = np.meshgrid(values, values[::-1])
    return np.stack([z1, z2], axis=-1).reshape(-1, 2)


probes = (
    call("latent_means", "three test images", encode=lambda rng: MODEL.encode, images=IMAGES[:3]),
    call("latent_means", "a random encoder", encode=draw_encode, images=uniform(13, *IMAGE)),
    call(
        "class_centroids",
        "seven points, two classes",
        mu=[[1, 0, 2], [9, 3, -1], [4, 4, 4], [0, -3, 7], [5, 2, -1], [2, 9, 5], [2, 1, 8]],
        labels=np.array([1, 0, 1, 1, 0, 1, 0]),
        classes=2,
    ),
    call("class_centroids", "random means", mu=normal(sum(COUNTS), LATENTS), labels=shuffled_labels, classes=5),
    call("quantiles", "three values", n=3),
    call("quantiles", "eight values", n=8),
    call("quantiles", "many values", n=lambda rng: int(rng.integers(11, 1000))),
    Probe("the corners for values -2, 0, 1", named_points),
    call("latent_grid", "random values", values=lambda rng: np.sort(rng.standard_normal(7))),
    call("decode_grid", "logits 0, log 3, -log 3 in each row", decode=lambda rng: decode, z=[[0, 0]]),
    call("decode_grid", "the trained model", decode=lambda rng: MODEL.decode, z=[[-1, 1], [0, 0], [1, -1]]),
    call("decode_grid", "a random decoder", decode=draw_decode, z=normal(13, LATENTS)),
)

hints = Hints(
    idea="An image's place is the mean of its q(z|x); a class's place is the mean over its images. For the grid, note "
    "that equal steps of probability are short steps near 0, where the prior is high, and long ones far out. "
    "The inverse of the cumulative distribution function turns probabilities into places.",
    formula="centroid of k = average of mu over the images with labels == k (axis 0). "
    "values[i] = Φ⁻¹((i + ½) / n), where Φ⁻¹ is `statistics.NormalDist().inv_cdf`, which takes one number at a time. "
    "Top left is (smallest z1, largest z2). Probability of white = 1 / (1 + exp(-logit)).",
    line="mu, logvar = ...; mu[labels == k].mean(...) for each k; inv_cdf of ... for i in range(n); "
    "z1, z2 = np.meshgrid(values, values[...]), then both `.ravel()` and side by side; 1 / (1 + np.exp(...)).",
)

exercise = Exercise(
    solution={
        "latent_means": latent_means,
        "class_centroids": class_centroids,
        "quantiles": quantiles,
        "latent_grid": latent_grid,
        "decode_grid": decode_grid,
    },
    sources=(sigmoid,),
    probes=probes,
    hints=hints,
    model_answer=(
        "Near 0, where the density is highest: every value stands for the same probability. Of the 20, the two in "
        "the middle are 0.13 apart, the two at an end 0.52."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "latent_means": lambda encode, images: np.concatenate([encode(image[None])[0] for image in images]),
            "class_centroids": centroids_by_one_hot,
            "quantiles": quantiles_by_bisection,
            "latent_grid": grid_by_meshgrid,
            "decode_grid": lambda decode, z: (1 + np.tanh(decode(z) / 2)) / 2,
        },
        {
            "quantiles": quantiles_of_the_figures,
            "decode_grid": lambda decode, z: 1 / (1 + np.exp(-np.concatenate([decode(row[None]) for row in z]))),
        },
    ),
)
