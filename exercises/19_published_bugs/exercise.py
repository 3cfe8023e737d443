"""Exercise 19: ten functions with bugs that were published, to be read, found and repaired."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Functions, Hints, Probe, axes, call, full, normal, sized, uniform
from foundation.objective import Objective
from numpy_impl import vae_numpy
from numpy_impl.functional import binary_cross_entropy_with_logits, sigmoid
from numpy_impl.vae_numpy import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward

from .exhibits import latent_costs, pixel_costs
from .mistakes import MISTAKES

N, PIXELS, LATENTS, ALL = axes(5, 11, 3, 13)  # images of a batch, pixels, latents, images in all
Q, X = (N, LATENTS), (N, PIXELS)

# The solution


def draw_latents(mu, logvar, eps):
    """σ = exp(logvar / 2)."""
    return reparameterize(mu, logvar, eps)


def training_loss(logits, x, mu, logvar):
    """The loss is the sum of its parts."""
    images = (len(x), 1, 1, -1)
    return vae_numpy.loss(logits.reshape(images), x.reshape(images), mu, logvar, Objective())._asdict()


def step_loss(reconstruction, kl, train_images):
    """The terms of an image have one weight, however many images there are."""
    return np.mean(reconstruction + kl)


def image_loss(logits, x, mu, logvar):
    """Sums over pixels and latents, a mean over images."""
    return training_loss(logits, x, mu, logvar)["loss"]


def negative_elbo(reconstruction, mu, logvar):
    """Both terms are costs."""
    kl = [kl_divergence(mu[[n]], logvar[[n]]) for n in range(len(mu))]
    return reconstruction + np.array(kl)


def split_images(images, order, test_count):
    """What is not in the test set."""
    return images[order[test_count:]], images[order[:test_count]]


def picture(logits):
    """The rung's sigmoid."""
    return sigmoid(logits)


def noisy_latents(mu, logvar, eps):
    """eps has a standard deviation of 1 as it comes."""
    return reparameterize(mu, logvar, eps)


def encoder_gradients(dz, mu, logvar, eps):
    """Each of mu and logvar gets a gradient from the KL and one through z."""
    pairs = zip(kl_divergence_backward(1.0, mu, logvar), reparameterize_backward(dz, logvar, eps), strict=True)
    dmu, dlogvar = (of_kl + of_z for of_kl, of_z in pairs)
    return dmu, dlogvar


def measured_loss(decode, x, mu, logvar, eps, training):
    """The same for every image."""
    logits = decode(reparameterize(mu, logvar, eps))
    return (binary_cross_entropy_with_logits(logits, x) + kl_divergence(mu, logvar)) / len(x)


SOLUTION = (
    *(draw_latents, training_loss, step_loss, image_loss, negative_elbo),
    *(split_images, picture, noisy_latents, encoder_gradients, measured_loss),
)

# The smallest repair of each, as most learners make it


def _rescaled(logits, x, mu, logvar):
    """The means times the number of what they were taken over."""
    return x.shape[1] * np.mean(pixel_costs(logits, x)) + mu.shape[1] * np.mean(latent_costs(mu, logvar))


def _shuffled_first(images, order, test_count):
    """As it was found, with a slice."""
    shuffled = images[order]
    return shuffled[test_count:], shuffled[:test_count]


def _summed(logits, x, mu, logvar):
    reconstruction = np.mean(np.sum(pixel_costs(logits, x), axis=1))
    kl = np.mean(np.sum(latent_costs(mu, logvar), axis=1))
    return {"kl": kl, "loss": reconstruction + kl, "reconstruction": reconstruction}


def _through_noise(dz, mu, logvar, eps):
    """The chain rule step by step."""
    dsigma = dz * eps
    sigma = np.sqrt(np.exp(logvar))
    return mu + dz, (sigma**2 - 1) / 2 + dsigma * sigma / 2


def _image_by_image(decode, x, mu, logvar, eps, training):
    z = mu + np.exp(logvar) ** 0.5 * eps
    logits = decode(z)
    pairs = zip(pixel_costs(logits, x), latent_costs(mu, logvar), strict=True)
    return sum(np.sum(pixels) + np.sum(latents) for pixels, latents in pairs) / len(x)


ALTERNATIVES: tuple[Functions, ...] = (
    {
        "draw_latents": lambda mu, logvar, eps: mu + np.sqrt(np.exp(logvar)) * eps,
        "training_loss": _summed,
        "step_loss": lambda reconstruction, kl, train_images: np.mean(reconstruction) + np.mean(kl),
        "image_loss": _rescaled,
        "negative_elbo": lambda reconstruction, mu, logvar: (
            reconstruction - np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1) / 2
        ),
        "split_images": _shuffled_first,
        "picture": lambda logits: 1 / (1 + np.exp(-logits)),
        "noisy_latents": lambda mu, logvar, eps: mu + np.exp(logvar / 2) * (1.0 * eps),
        "encoder_gradients": _through_noise,
        "measured_loss": _image_by_image,
    },
    {
        "negative_elbo": lambda reconstruction, mu, logvar: (
            reconstruction + np.abs(np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1)) / 2
        ),
        "picture": lambda logits: (1 + np.tanh(logits / 2)) / 2,
        "split_images": lambda images, order, test_count: (
            np.delete(images[order], np.arange(test_count), axis=0),
            images[order][:test_count],
        ),
    },
)

# The probes


def _whole(low, high):
    return lambda rng: int(rng.integers(low, high))


def _count(rng):
    """The number of images to be split, enough for a quarter of them to be a set."""
    return sized(rng, ALL)[0] + 8


def _quarter(rng):
    return _count(rng) // 4


def _images(rng):
    return rng.random((_count(rng), *sized(rng, PIXELS)))


def _permutation(rng):
    return rng.permutation(_count(rng))


def _in_both(answer, rng):
    """The number of images in both sets, and of those in neither. The images are distinct."""
    images = _images(rng)
    parts = answer.split_images(images, _permutation(rng), _quarter(rng))
    train, test = ({tuple(image) for image in part} for part in parts)
    return {"in both": len(train & test), "in neither": len(images) - len(train | test)}


def _brightest(answer, rng):
    """The same three pixels beside one of 2 and beside one of 20."""
    logits = np.array([[-2.0, 0.0, 1.0, 2.0]] * sized(rng, N)[0])
    return tuple(answer.picture(np.where(logits == 2, last, logits))[:, :3] for last in (2.0, 20.0))


def _decoder(rng):
    """A linear decoder of random weights."""
    weight = rng.standard_normal(sized(rng, LATENTS, PIXELS))

    def decode(z):
        return z @ weight

    return decode


def _same_loss(answer, rng):
    """The loss of the same images with the same noise, in training and in validation."""
    decode, shape = _decoder(rng), sized(rng, *Q)
    x, (mu, logvar, eps) = rng.random(sized(rng, *X)), rng.standard_normal((3, *shape))
    return tuple(float(answer.measured_loss(decode, x, mu, logvar, eps, training)) for training in (True, False))


VARIANCE_9 = {"mu": np.ones(Q), "logvar": np.full(Q, math.log(9)), "eps": np.ones(Q)}
RANDOM_Q = {"mu": normal(*Q), "logvar": normal(*Q)}
RANDOM_X = {"logits": normal(*X), "x": uniform(*X)}
GREY = {"logits": np.zeros(X), "x": np.zeros(X)}
PRIOR = {"mu": np.zeros(Q), "logvar": np.zeros(Q)}
MEAN_2 = {"mu": np.full(Q, 2.0), "logvar": np.zeros(Q)}
COSTS = {"reconstruction": full(N, value=100), "kl": full(N, value=10)}
GRADIENTS = "encoder_gradients -> dmu, dlogvar"
PARTS = "split_images -> train, test"

probes = (
    call("draw_latents", "μ = 1, σ = 3, ε = 1", **VARIANCE_9),
    call("draw_latents", "random numbers", **RANDOM_Q, eps=normal(*Q)),
    call("training_loss", "a KL of 6", **GREY, **MEAN_2),
    call("training_loss", "random numbers", **RANDOM_X, **RANDOM_Q),
    call("step_loss", "100 + 10, of 1000 training images", **COSTS, train_images=1000),
    call("step_loss", "100 + 10, of 50000 training images", **COSTS, train_images=50000),
    call(
        "step_loss",
        "random numbers",
        reconstruction=uniform(N, low=50, high=90),
        kl=uniform(N, low=5, high=20),
        train_images=_whole(500, 900),
    ),
    call("image_loss", "grey images, q at the prior", **GREY, **PRIOR),
    call("image_loss", "grey images, a KL of 6", **GREY, **MEAN_2),
    call("image_loss", "random numbers", **RANDOM_X, **RANDOM_Q),
    call(
        "negative_elbo",
        "every mean at 2",
        reconstruction=full(N, value=100),
        mu=full(*Q, value=2),
        logvar=full(*Q, value=0),
    ),
    call(
        "negative_elbo",
        "every variance 4",
        reconstruction=full(N, value=100),
        mu=full(*Q, value=0),
        logvar=full(*Q, value=math.log(4)),
    ),
    call("negative_elbo", "random numbers", reconstruction=uniform(N, low=50, high=90), **RANDOM_Q),
    Probe("images that are in both sets, or in neither", _in_both),
    call(PARTS, "random images", images=_images, order=_permutation, test_count=_quarter),
    Probe("three pixels beside a brighter one", _brightest, parts=("beside 2", "beside 20")),
    call("picture", "random logits", logits=normal(*X, scale=3)),
    call("noisy_latents", "μ = 1, σ = 3, ε = 1", **VARIANCE_9),
    call("noisy_latents", "random numbers", **RANDOM_Q, eps=normal(*Q)),
    call(
        GRADIENTS,
        "q at the prior: dz alone",
        dz=normal(*Q),
        mu=full(*Q, value=0),
        logvar=full(*Q, value=0),
        eps=normal(*Q),
    ),
    call(GRADIENTS, "random numbers", dz=normal(*Q), **RANDOM_Q, eps=normal(*Q)),
    Probe("the same images and noise in training and in validation", _same_loss, parts=("training", "validation")),
    call("measured_loss", "validation", decode=_decoder, x=uniform(*X), **RANDOM_Q, eps=normal(*Q), training=False),
    call("measured_loss", "training", decode=_decoder, x=uniform(*X), **RANDOM_Q, eps=normal(*Q), training=True),
)

hints = Hints(
    idea="Read each function against the formula of the page, term by term: which factor, which sign, which sum? Then "
    "look at its symptoms: a printed loss that lies below the measured one leaves something out; a measured loss that "
    "rises is not what is minimised; pictures that are all alike mean that z says nothing.",
    formula="z = μ + σ ε, σ² = exp(logvar), ε from Normal(0, 1), in training and in validation. Loss of an image: the "
    "sum over its pixels plus the sum over its latents, both with weight 1 and a plus. An image is in one set alone. "
    "A pixel is 1 / (1 + exp(-logit)). A gradient goes every way that its variable has an effect.",
    line="The repairs are short: 1 a ½, 2 a term, 3 a weight, 4 an axis, 5 a sign, 6 a slice, 7 one function of a "
    "logit alone, 8 a constant, 9 two terms with dz, 10 one z for both. Then compare with the healthy VAE, number 0.",
)

exercise = Exercise(
    solution={function.__name__: function for function in SOLUTION},
    sources=(reparameterize, vae_numpy.loss, kl_divergence, kl_divergence_backward, reparameterize_backward),
    probes=probes,
    hints=hints,
    model_answer=(
        "Numbers 7 and 10: their d is 118.2, as that of number 0. In 7 only the pictures are wrong, in 10 only the "
        "test loss, which is measured with z = mu, without noise. Neither has to be trained again."
    ),
    mistakes=MISTAKES,
    alternatives=ALTERNATIVES,
)
