"""Wrong ways to say where images and classes lie in the latent space."""

import numpy as np

from exercises.model.wrong import mistakes_of


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
        "The same images lie somewhere else each time: z = mu + sigma * noise. A map wants the mean, and no noise.",
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
        "This encoder is convolutional: it wants images with their channels, rows and columns, as they come.",
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
        "A median is a fair centre, too, but a centroid is the mean.",
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
        "One column came: the latents were averaged. Axis 0 holds the images, axis 1 the latents.",
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
        "One row per image came, its class's centroid; one row per class is asked for.",
    ),
    (
        "seen from the mean of all",
        lambda mu, labels, classes: np.array([mu[labels == k].mean(axis=0) for k in range(classes)]) - mu.mean(axis=0),
        "Every row is too small by the mean over all images: nothing is to be centred.",
    ),
)

MISTAKES_OF_PLACES = MEANS + CENTROIDS
