"""Wrong ways from one image to another, through pixels and through latents."""

import numpy as np

from exercises.model.wrong import mistakes_of
from numpy_impl.functional import sigmoid

from .mistakes_of_lines import _slerp, lerp


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
        "Every image is the mean of the two; t says how far along it is.",
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
        "even steps, whatever t says",
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
        "A (C, H, W, T) came: the images are to lie along the first axis.",
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
        return sigmoid(decode(lerp(*statistic(*encode(np.stack([x_a, x_b]))), t)))

    return wrong


def _originals_at_the_ends(encode, decode, x_a, x_b, t):
    images = _along(lerp)(encode, decode, x_a, x_b, t)
    images[0], images[-1] = x_a, x_b
    return images


def _one_by_one(encode, decode, x_a, x_b, t):
    a, b = _ends(encode, x_a, x_b)
    return np.array([sigmoid(decode((1 - step) * a + step * b)) for step in t])


LATENTS = mistakes_of(
    "latent_path",
    (
        "a fade of the pixels",
        lambda encode, decode, x_a, x_b, t: fade(x_a, x_b, t),
        "The middle is the mean of the two images, one seen through the other: the model was not asked. "
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
        lambda encode, decode, x_a, x_b, t: sigmoid(decode(lerp(*(part[0] for part in encode(x_a[None])), t))),
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
        "even steps, whatever t says",
        lambda encode, decode, x_a, x_b, t: _along(lerp)(encode, decode, x_a, x_b, np.linspace(0, 1, len(t))),
        "The number of images is right, but the places are those of linspace(0, 1, len(t)); use the values in t.",
    ),
)

MISTAKES_OF_PATHS = PIXELS + LATENTS
