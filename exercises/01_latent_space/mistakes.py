"""Wrong answers: to means and centroids, to quantiles and grids, and to decoded images."""

from statistics import NormalDist

import numpy as np

from exercises.kit.exercise import mistakes_of
from numpy_impl.functional import sigmoid

# Means and centroids


def _draw(mu, logvar):
    return mu + np.exp(logvar / 2) * np.random.default_rng().standard_normal(mu.shape)


MEANS = mistakes_of(
    "latent_means",
    (
        "returns logvar",
        lambda encode, images: encode(images)[1],
        "These are the log-variances: how wide q(z|x) is. Where it lies is mu, the first of the pair.",
    ),
    (
        "returns the pair",
        lambda encode, images: encode(images),
        "`encode` returns mu and logvar together; take the pair apart and return mu.",
    ),
    (
        "draws z",
        lambda encode, images: _draw(*encode(images)),
        "The same images get other places each time: z = mu + sigma * noise. A map needs the mean, without noise.",
    ),
    (
        "one sigma beside the mean",
        lambda encode, images: (lambda mu, logvar: mu + np.exp(logvar / 2))(*encode(images)),
        "Every entry is too large by exp(logvar/2), one standard deviation. The mean is mu alone.",
    ),
    (
        "divides by sigma",
        lambda encode, images: (lambda mu, logvar: mu / np.exp(logvar / 2))(*encode(images)),
        "Every entry is mu divided by exp(logvar/2). mu is a place already, in the units of the prior.",
    ),
    (
        "standardises the means",
        lambda encode, images: (lambda mu, _: (mu - mu.mean(axis=0)) / mu.std(axis=0))(*encode(images)),
        "Each column has mean 0 and standard deviation 1: where an image lies now depends on the other images.",
    ),
    (
        "mu and logvar side by side",
        lambda encode, images: np.concatenate(encode(images), axis=1),
        "Twice as many columns as latents: the second half is logvar.",
    ),
    (
        "averages over the images",
        lambda encode, images: encode(images)[0].mean(axis=0),
        "One point for all images together; each image has its own row.",
    ),
    (
        "only the first image",
        lambda encode, images: encode(images)[0][0],
        "`encode` returns a pair, so `[0]` gives mu; a second `[0]` gives the first image's row.",
    ),
    (
        "one image at a time, each as a batch of one",
        lambda encode, images: np.array([encode(image[None])[0] for image in images]),
        "An axis of size 1 is left in the middle, one for each batch of one. Join the batches: np.concatenate.",
    ),
    (
        "images without their batch axis",
        lambda encode, images: np.array([encode(image)[0] for image in images]),
        "`encode` takes a batch (N, C, H, W); one image alone is image[None]. Simpler: give it all of them.",
    ),
    (
        "flattens the images",
        lambda encode, images: encode(images.reshape(len(images), -1))[0],
        "This encoder is convolutional: it needs images with their channels, rows and columns.",
    ),
)


def _of_each_class(reduce):
    return lambda mu, labels, classes: np.array([reduce(mu[labels == k]) for k in range(classes)])


def _in_order_of_appearance(mu, labels, classes):
    return np.array([mu[labels == k].mean(axis=0) for k in dict.fromkeys(labels.tolist())])


CENTROIDS = mistakes_of(
    "class_centroids",
    (
        "sum instead of mean",
        _of_each_class(lambda points: points.sum(axis=0)),
        "Each row is too large by the number of images in its class.",
    ),
    (
        "divided by the number of all images",
        lambda mu, labels, classes: np.array([mu[labels == k].sum(axis=0) for k in range(classes)]) / len(mu),
        "Divide each class's sum by how many images it has, not by N.",
    ),
    (
        "as if all classes were equally large",
        lambda mu, labels, classes: np.array([mu[labels == k].sum(axis=0) for k in range(classes)]) / len(mu) * classes,
        "Each sum was divided by N/classes, the average size of a class; divide it by how many images that class has.",
    ),
    (
        "divided by the number of classes",
        lambda mu, labels, classes: np.array([mu[labels == k].sum(axis=0) for k in range(classes)]) / classes,
        "Divide each class's sum by how many images it has.",
    ),
    (
        "median instead of mean",
        _of_each_class(lambda points: np.median(points, axis=0)),
        "A median is a centre, too, but a centroid is the mean.",
    ),
    (
        "middle of the smallest and the largest",
        _of_each_class(lambda points: (points.min(axis=0) + points.max(axis=0)) / 2),
        "Only the outermost images count here; the mean counts all.",
    ),
    (
        "first image of each class",
        _of_each_class(lambda points: points[0]),
        "Each row is one image's mean, not the average over its class.",
    ),
    (
        "averages over the latents, too",
        _of_each_class(np.mean),
        "One number for each class: `.mean()` without an axis averages everything. Images are axis 0.",
    ),
    (
        "averages over the latents of each image",
        _of_each_class(lambda points: points.mean(axis=1).mean(axis=0, keepdims=True)),
        "The result is one column: the latents were averaged. Axis 0 holds the images, axis 1 the latents.",
    ),
    (
        "classes in the order in which they appear",
        _in_order_of_appearance,
        "The rows are right but in the order of `labels`: row k belongs to class k.",
    ),
    (
        "labels counted from 1",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in range(1, classes + 1)]),
        "Row 0 holds class 1, and the last row the mean of no images, which is NaN. Labels begin with 0.",
    ),
    (
        "the last class is left out",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in range(classes - 1)]),
        "A row is missing: range(classes) ends with classes - 1 already.",
    ),
    (
        "class 0 is left out",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in range(1, classes)]),
        "A row is missing, the first: labels begin with 0.",
    ),
    (
        "a centroid for every image",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in labels]),
        "The result has one row per image, its class's centroid; one row per class is asked for.",
    ),
    (
        "seen from the mean of all",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in range(classes)]) - mu.mean(axis=0),
        "Every row is too small by the mean over all images: do not centre.",
    ),
)


# Quantiles and grids


NORMAL = NormalDist()


def _at(probabilities, transform=NORMAL.inv_cdf):
    return lambda n: np.array([float(transform(p)) for p in probabilities(n)])


def _inverse_or_infinite(p):
    """The values that SciPy's and torch's functions return."""
    return NORMAL.inv_cdf(p) if 0 < p < 1 else (p - 0.5) * np.inf


def _middles(n):
    return (np.arange(n) + 0.5) / n


QUANTILES = mistakes_of(
    "quantiles",
    (
        "probabilities that reach 0 or 1",
        _at(lambda n: np.linspace(0, 1, n)),
        "N(0, 1) has no ends: no value has probability 0 or 1 below it. Neither linspace(0, 1) nor i/n works; "
        "take the middle of each part, (i + ½)/n.",
    ),
    (
        "infinite ends",
        _at(lambda n: np.linspace(0, 1, n), _inverse_or_infinite),
        "The inverse CDF of 0 and 1 is -inf and inf, and what is decoded there is NaN. "
        "Take the middle of each part, (i + ½)/n.",
    ),
    (
        "the first value infinite: i/n",
        _at(lambda n: np.arange(n) / n, _inverse_or_infinite),
        "i/n is the left edge of a part, the first one at minus infinity. Take the middle: (i + ½)/n.",
    ),
    (
        "(i + 1)/(n + 1)",
        _at(lambda n: np.arange(1, n + 1) / (n + 1)),
        "These cut N(0, 1) into n + 1 parts; the middles of n parts are wanted.",
    ),
    (
        "from 5 % to 95 %",
        _at(lambda n: np.linspace(0.05, 0.95, n)),
        "Probabilities from 0.05 to 0.95, as in much code on the web. That equals (i + ½)/n for n = 10 only.",
    ),
    (
        "from 1/n to 1 - 1/n",
        _at(lambda n: np.linspace(1 / n, 1 - 1 / n, n)),
        "The outermost values belong to 1/n and 1 - 1/n; the middles of the outer parts to ½/n and 1 - ½/n.",
    ),
    (
        "from 1 % to 99 %",
        _at(lambda n: np.linspace(0.01, 0.99, n)),
        "With fixed ends the outer parts have another probability than the others.",
    ),
    (
        "equal steps from -2 to 2",
        lambda n: np.linspace(-2, 2, n),
        "Equal steps in z. For the prior, steps of equal probability are needed: close together near 0.",
    ),
    (
        "equal steps from -3 to 3",
        lambda n: np.linspace(-3, 3, n),
        "Equal steps in z. For the prior, steps of equal probability are needed: close together near 0.",
    ),
    (
        "the probabilities themselves",
        _middles,
        "(i + ½)/n is a probability; the inverse CDF turns it into a place.",
    ),
    (
        "CDF instead of its inverse",
        _at(_middles, NORMAL.cdf),
        "`cdf` takes a place and gives a probability; the way back is `inv_cdf`.",
    ),
    (
        "density instead of the inverse CDF",
        _at(_middles, NORMAL.pdf),
        "`pdf` is the height of the bell curve, always positive.",
    ),
    (
        "logit instead of the normal's inverse CDF",
        _at(_middles, lambda p: np.log(p / (1 - p))),
        "log(p/(1-p)) inverts the sigmoid, the CDF of another distribution.",
    ),
    (
        "descending",
        lambda n: np.array([NORMAL.inv_cdf((i + 0.5) / n) for i in range(n)])[::-1],
        "The values are right, from the largest to the smallest; ascending is asked for.",
    ),
    (
        "random draws",
        lambda n: np.sort(np.random.default_rng().standard_normal(n)),
        "Every call gives other values: these are draws from N(0, 1), not its quantiles.",
    ),
)


def _grid(z1_of, z2_of):
    """Points in reading order from the values along a row and from row to row."""
    return lambda values: np.array([(z1, z2) for z2 in z2_of(values) for z1 in z1_of(values)])


def _as_they_are(values):
    return values


def _reversed(values):
    return values[::-1]


GRID = mistakes_of(
    "latent_grid",
    (
        "upside down",
        _grid(_as_they_are, _as_they_are),
        "The first row has the smallest z2, and it is drawn at the top. z2 grows upwards: begin with the largest.",
    ),
    (
        "z2 negated instead of reversed",
        lambda values: np.array([(z1, -z2) for z2 in values for z1 in values]),
        "The same for values that lie evenly round 0, as quantiles do, but z2 may take these values only: "
        "reverse them, do not negate them.",
    ),
    (
        "right to left",
        _grid(_reversed, _reversed),
        "z1 decreases along each row; it must increase to the right.",
    ),
    (
        "both axes reversed",
        _grid(_reversed, _as_they_are),
        "z1 decreases along each row and z2 increases from row to row: the grid is turned by half a turn.",
    ),
    (
        "column by column",
        lambda values: np.array([(z1, z2) for z1 in values for z2 in values[::-1]]),
        "The points are right, but they come down the first column first. Reading order goes along rows.",
    ),
    (
        "column by column, upside down",
        lambda values: np.array([(z1, z2) for z1 in values for z2 in values]),
        "z2 changes fastest and grows: the points come up the first column first. Reading order goes along rows.",
    ),
    (
        "z1 and z2 exchanged",
        lambda values: np.array([(z2, z1) for z2 in values[::-1] for z1 in values]),
        "The columns are exchanged: the value that increases along a row is second. z1 is column 0.",
    ),
    (
        "pairs taken across the axes",
        lambda values: np.array(np.meshgrid(values, values[::-1])).reshape(-1, 2),
        "meshgrid's two arrays were read one after the other, so that a point is two neighbours of one array. "
        "Stack them on a last axis first.",
    ),
    (
        "pairs taken across the axes, upside down",
        lambda values: np.array(np.meshgrid(values, values)).reshape(-1, 2),
        "meshgrid's two arrays were read one after the other, so that a point is two neighbours of one array. "
        "Stack them on a last axis first; and z2 begins with the largest.",
    ),
    (
        "only the diagonal",
        lambda values: np.stack([values, values], axis=1),
        "The result is n points with z1 = z2; every z1 is combined with every z2, n * n points.",
    ),
    (
        "the grid's two axes are kept",
        lambda values: np.stack(np.meshgrid(values, values[::-1]), axis=-1),
        "The shape is (n, n, 2); the decoder needs a list of points, (n * n, 2).",
    ),
    (
        "coordinates in two rows",
        lambda values: np.stack([part.ravel() for part in np.meshgrid(values, values[::-1])]),
        "The shape is (2, n * n); one row per point is asked for, so stack along axis 1.",
    ),
)


# Images


def _rescaled(logits):
    return (logits - logits.min()) / (logits.max() - logits.min())


def _softmax(logits):
    e = np.exp(logits - logits.max(axis=(1, 2, 3), keepdims=True))
    return e / e.sum(axis=(1, 2, 3), keepdims=True)


def _images(transform):
    return lambda decode, z: transform(decode(z))


IMAGES = mistakes_of(
    "decode_grid",
    (
        "no sigmoid",
        _images(lambda logits: logits),
        "A logit can be any real number. Probability = 1/(1 + exp(-logit)).",
    ),
    (
        "sigmoid twice",
        _images(lambda logits: sigmoid(sigmoid(logits))),
        "Every pixel lies between 0.5 and 0.73, which is grey. One sigmoid is enough.",
    ),
    (
        "wrong sign in the sigmoid",
        _images(lambda logits: 1 / (1 + np.exp(logits))),
        "Black and white are exchanged; the exponent is -logit.",
    ),
    (
        "exp instead of sigmoid",
        _images(np.exp),
        "exp(logit) is the odds p/(1-p), not the probability p.",
    ),
    (
        "tanh instead of sigmoid",
        _images(np.tanh),
        "tanh goes from -1 to 1; a probability from 0 to 1.",
    ),
    (
        "(1 + tanh)/2 without halving the logit",
        _images(lambda logits: (1 + np.tanh(logits)) / 2),
        "sigmoid(l) = (1 + tanh(l/2))/2; without the half it is sigmoid(2l), too steep.",
    ),
    (
        "clipped logits",
        _images(lambda logits: np.clip(logits, 0, 1)),
        "Clipping shows logits as if they were probabilities. The sigmoid is missing.",
    ),
    (
        "logits stretched to [0, 1]",
        _images(_rescaled),
        "The darkest pixel of all is 0, the brightest 1: a stretched logit is no probability. The sigmoid is missing.",
    ),
    (
        "black or white",
        _images(lambda logits: (logits > 0).astype(float)),
        "0 or 1 for every pixel. Grey shows how uncertain the decoder is: keep the probability.",
    ),
    (
        "draws pixels",
        _images(lambda logits: np.random.default_rng().binomial(1, sigmoid(logits)).astype(float)),
        "Every call gives another image of black and white pixels, drawn from p(x|z). Its mean is asked for.",
    ),
    (
        "softmax over the pixels",
        _images(_softmax),
        "The pixels of an image sum to 1 here. Each pixel has a probability of its own.",
    ),
    (
        "from 0 to 255",
        _images(lambda logits: 255 * sigmoid(logits)),
        "255 times too much. Images are in [0, 1].",
    ),
    (
        "the channel axis is dropped",
        _images(lambda logits: sigmoid(logits)[:, 0]),
        "The shape is (M, H, W); keep the channel axis, (M, C, H, W), even where C is 1.",
    ),
    (
        "one point at a time, each as a batch of one",
        lambda decode, z: np.array([sigmoid(decode(row[None])) for row in z]),
        "An axis of size 1 is left in the middle, one for each batch of one. Join the batches: np.concatenate.",
    ),
    (
        "points without their batch axis",
        lambda decode, z: np.array([sigmoid(decode(row)) for row in z]),
        "`decode` takes a batch (M, Z); one point alone is row[None]. Simpler: give it all of them.",
    ),
)


MISTAKES = MEANS + CENTROIDS + QUANTILES + GRID + IMAGES
