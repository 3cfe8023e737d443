"""The ten bugs as they were found, and repairs that mend one symptom and make, or leave, another."""

import numpy as np

from exercises.kit.exercise import mistakes_of
from numpy_impl.functional import sigmoid

from . import exhibits
from .exhibits import latent_costs, pixel_costs

# Draws of z


def _draw(change):
    """A wrong z, as a function of the mean, of σ, and of the noise."""
    return lambda mu, logvar, eps: change(mu, np.exp(logvar / 2), eps)


DRAW_LATENTS = mistakes_of(
    "draw_latents",
    (
        "the variance for σ",
        exhibits.draw_latents,
        "{got} instead of {expected}: exp(logvar) is σ² = 9, and noise of 1 moves z by as much.",
    ),
    (
        "logvar itself for σ",
        lambda mu, logvar, eps: mu + logvar * eps,
        "{got} instead of {expected}: log 9 = 2.197 is no standard deviation, and can be negative.",
    ),
    (
        "half of the variance for σ",
        lambda mu, logvar, eps: mu + np.exp(logvar) / 2 * eps,
        "{got} instead of {expected}: the ½ belongs into the exponent; exp(logvar) / 2 is right at σ = 2 alone.",
    ),
    (
        "logvar doubled instead of halved",
        lambda mu, logvar, eps: mu + np.exp(2 * logvar) * eps,
        "{got} instead of {expected}: exp(2 logvar) is σ⁴ = 81.",
    ),
    (
        "1/σ for σ",
        _draw(lambda mu, sigma, eps: mu + eps / sigma),
        "{got} instead of {expected}: exp(-logvar / 2) is 1/3. The more an image leaves open, the less noise it got.",
    ),
    (
        "σ multiplies the mean as well",
        _draw(lambda mu, sigma, eps: sigma * (mu + eps)),
        "{got} instead of {expected}: the spread is right now, but the mean has moved with it.",
    ),
    (
        "no noise",
        _draw(lambda mu, sigma, eps: 1 * mu),
        "{got} instead of {expected}: no noise is too large any more, since there is none, and q is no distribution.",
    ),
)

NOISY_LATENTS = mistakes_of(
    "noisy_latents",
    (
        "noise of standard deviation 0.01",
        exhibits.noisy_latents,
        "{got} instead of {expected}: a hundredth of the noise that the KL counts with: the loss is no bound any more.",
    ),
    (
        "noise of standard deviation 0.1",
        _draw(lambda mu, sigma, eps: mu + 0.1 * sigma * eps),
        "{got} instead of {expected}: better than 0.01, and still no draw from q(z|x); eps is from Normal(0, 1).",
    ),
    (
        "noise of standard deviation 100",
        _draw(lambda mu, sigma, eps: mu + sigma * eps / 0.01),
        "{got} instead of {expected}: divided by 0.01 where a factor of 0.01 was to go away.",
    ),
    (
        "no noise",
        _draw(lambda mu, sigma, eps: 1 * mu),
        "{got} instead of {expected}: EPSILON_STD is gone, and the noise with it.",
    ),
    (
        "σ is gone",
        _draw(lambda mu, sigma, eps: mu + eps),
        "{got} instead of {expected}: noise of 1 for every image: what the encoder says of σ has no effect.",
    ),
    (
        "0.01 added to σ",
        _draw(lambda mu, sigma, eps: mu + (sigma + 0.01) * eps),
        "{got} instead of {expected}: as a smallest σ; but then the KL must be that of σ + 0.01, too.",
    ),
)

# Losses


def _parts(logits, x, mu, logvar):
    """The two terms, each as a mean over the images."""
    return np.sum(pixel_costs(logits, x)) / len(x), np.sum(latent_costs(mu, logvar)) / len(x)


def _reported(change):
    """A wrong dict, from the two terms and the number of images."""
    return lambda logits, x, mu, logvar: change(*_parts(logits, x, mu, logvar), len(x))


def _all(loss, reconstruction, kl):
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


TRAINING_LOSS = mistakes_of(
    "training_loss",
    (
        "the KL is computed and not added",
        exhibits.training_loss,
        "{got} instead of {expected}: the reconstruction alone, so the KL is only printed, and grows.",
    ),
    (
        "the KL subtracted",
        _reported(lambda r, kl, n: _all(r - kl, r, kl)),
        "{got} instead of {expected}: now it counts, as a reward for leaving the prior.",
    ),
    (
        "the KL added twice",
        _reported(lambda r, kl, n: _all(r + 2 * kl, r, kl)),
        "{got} instead of {expected}: the KL was added, and added again: β = 2.",
    ),
    (
        "the reconstruction that is reported holds the KL",
        _reported(lambda r, kl, n: _all(r + kl, r + kl, kl)),
        "{got} instead of {expected}: the loss is right now, but the parts no longer add up to it.",
    ),
    (
        "the KL of the whole batch added",
        _reported(lambda r, kl, n: _all(r + n * kl, r, kl)),
        "{got} instead of {expected}: a sum over the images beside a mean: β would be the batch size.",
    ),
)


def _step(change):
    """A wrong loss of a step, from the mean terms, the batch size and the size of the training set."""
    return lambda reconstruction, kl, train_images: change(
        np.mean(reconstruction), np.mean(kl), len(kl), float(train_images)
    )


STEP_LOSS = mistakes_of(
    "step_loss",
    (
        "the KL weighs batch / images",
        exhibits.step_loss,
        "{got} instead of {expected}: the more images there are, the less the KL counts. A bound of one image does not "
        "depend on how many others there are.",
    ),
    (
        "both terms weigh batch / images",
        _step(lambda r, kl, n, images: (r + kl) * n / images),
        "{got} instead of {expected}: the balance is right again, but the loss is no mean over images: it, and every "
        "gradient, still depends on the size of the training set.",
    ),
    (
        "the KL weighs images / batch",
        _step(lambda r, kl, n, images: r + kl * images / n),
        "{got} instead of {expected}: the fraction is upside down now, and the KL far too heavy.",
    ),
    (
        "the KL weighs 0.00025",
        _step(lambda r, kl, n, images: r + 0.00025 * kl),
        "{got} instead of {expected}: the size of the training set has no effect now; but a constant of 0.00025 is a β "
        "of 0.00025.",
    ),
    (
        "the KL weighs 1 / images",
        _step(lambda r, kl, n, images: r + kl / images),
        "{got} instead of {expected}: the mean over the batch has divided by the number of images already.",
    ),
    (
        "the KL left out",
        _step(lambda r, kl, n, images: r),
        "{got} instead of {expected}: the weight is gone, and the KL with it: this is an autoencoder with noise.",
    ),
    (
        "both terms summed over the batch",
        _step(lambda r, kl, n, images: n * (r + kl)),
        "{got} instead of {expected}: the balance is right; but the loss, and every gradient, grows with the batch.",
    ),
)


def _image(change):
    """A wrong loss, from the two terms, and the numbers of images, pixels and latents."""
    return lambda logits, x, mu, logvar: change(*_parts(logits, x, mu, logvar), len(x), x.shape[1], mu.shape[1])


IMAGE_LOSS = mistakes_of(
    "image_loss",
    (
        "mean over pixels, sum over latents",
        exhibits.image_loss,
        "{got} instead of {expected}: one pixel's share of the reconstruction beside the whole KL: with 784 pixels, "
        "β = 784.",
    ),
    (
        "mean over pixels, mean over latents",
        _image(lambda r, kl, n, d, z: r / d + kl / z),
        "{got} instead of {expected}: both are means now, and yet they are not balanced: β is pixels / latents.",
    ),
    (
        "both terms divided by the pixels",
        _image(lambda r, kl, n, d, z: (r + kl) / d),
        "{got} instead of {expected}: the balance is right, and so is the optimum. But this is the loss of a pixel; "
        "the negative ELBO is that of an image.",
    ),
    (
        "sum over pixels, mean over latents",
        _image(lambda r, kl, n, d, z: r + kl / z),
        "{got} instead of {expected}: the reverse of the bug: now the KL is the mean.",
    ),
    (
        "both terms summed over the batch",
        _image(lambda r, kl, n, d, z: n * (r + kl)),
        "{got} instead of {expected}: the mean over images went away together with that over pixels.",
    ),
    (
        "reconstruction summed over the batch",
        _image(lambda r, kl, n, d, z: n * r + kl),
        "{got} instead of {expected}: np.sum over everything sums over the images, too, and β is 1 / batch size.",
    ),
    (
        "the mean multiplied by the latents",
        _image(lambda r, kl, n, d, z: r / d * z + kl),
        "{got} instead of {expected}: the mean over pixels is to be multiplied by the number of pixels.",
    ),
)


def _signs(change):
    """A wrong loss of every image, from the reconstruction and the right KL."""
    return lambda reconstruction, mu, logvar: change(reconstruction, np.sum(latent_costs(mu, logvar), axis=1))


def _terms(constant, log, square, variance):
    """The loss with these signs of 1, logvar, mu² and exp(logvar); right are -, -, +, +."""

    def negative_elbo(reconstruction, mu, logvar):
        terms = constant + log * logvar + square * mu**2 + variance * np.exp(logvar)
        return reconstruction + np.sum(terms, axis=1) / 2

    return negative_elbo


NEGATIVE_ELBO = mistakes_of(
    "negative_elbo",
    (
        "the KL with the wrong sign",
        exhibits.negative_elbo,
        "{got} instead of {expected}: appendix B of the paper writes -KL. Added to a loss it is a reward without end.",
    ),
    (
        "the ELBO instead of the loss",
        _signs(lambda r, kl: -r - kl),
        "{got} instead of {expected}: the terms have one sign now, but the wrong one: this is what is made large.",
    ),
    (
        "the reconstruction with the wrong sign",
        _signs(lambda r, kl: -r + kl),
        "{got} instead of {expected}: the KL is right; the reconstruction came as -log p(x|z), a cost already.",
    ),
    (
        "the sign of mu² alone changed",
        _terms(1, 1, 1, -1),
        "{got} instead of {expected}: means are punished now, and variances still rewarded.",
    ),
    (
        "the signs of 1 and logvar not changed",
        _terms(1, 1, 1, 1),
        "{got} instead of {expected}: all four terms have a sign to change; at mu = logvar = 0 they cancel.",
    ),
    (
        "the 1 not changed",
        _terms(1, -1, 1, 1),
        "{got} instead of {expected}: the gradients are right, but at the prior the KL is 0, and here it is Z.",
    ),
    (
        "the factor ½ is gone",
        _signs(lambda r, kl: r + 2 * kl),
        "{got} instead of {expected}: the sign is right, and the ½ went away with it.",
    ),
)

# Images


def _split(change):
    """A wrong split, from the images as they came, the shuffled ones, and the size of the test set."""
    return lambda images, order, test_count: change(images, images[order], test_count)


SPLIT_IMAGES = mistakes_of(
    "split_images",
    (
        "all images in the training set",
        exhibits.split_images,
        "{got} instead of {expected}: the training set holds every image of the test set.",
    ),
    (
        "the last images left out of the training set",
        _split(lambda images, shuffled, k: (shuffled[:-k], shuffled[:k])),
        "{got} instead of {expected}: the training set has the right size, and still holds the test set, which is the "
        "first.",
    ),
    (
        "the test set from the images in their old order",
        _split(lambda images, shuffled, k: (shuffled[k:], images[:k])),
        "{got} instead of {expected}: the first images before shuffling are others: most of them are trained on.",
    ),
    (
        "the training set from the images in their old order",
        _split(lambda images, shuffled, k: (images[k:], shuffled[:k])),
        "{got} instead of {expected}: what remains before shuffling still holds most of the test set.",
    ),
    (
        "not shuffled",
        _split(lambda images, shuffled, k: (images[k:], images[:k])),
        "{got} instead of {expected}: no image is in both sets; but where images are sorted by class, the test set has "
        "one class.",
    ),
    (
        "the two sets exchanged",
        _split(lambda images, shuffled, k: (shuffled[:k], shuffled[k:])),
        "{got} instead of {expected}: no image is in both, but the small part is trained on.",
    ),
    (
        "one image in neither set",
        _split(lambda images, shuffled, k: (shuffled[k + 1 :], shuffled[:k])),
        "{got} instead of {expected}: the slice that begins at test_count is what remains, without + 1.",
    ),
)


def _stretched(values):
    return (values - values.min()) / (values.max() - values.min())


def _each_stretched(logits):
    low, high = logits.min(axis=1, keepdims=True), logits.max(axis=1, keepdims=True)
    return (logits - low) / (high - low)


PICTURE = mistakes_of(
    "picture",
    (
        "logits stretched to [0, 1]",
        exhibits.picture,
        "{got} instead of {expected}: a logit is no brightness. What a pixel shows would depend on the brightest one.",
    ),
    (
        "logits clipped to [0, 1]",
        lambda logits: np.clip(logits, 0, 1),
        "{got} instead of {expected}: every pixel below a probability of ½ is black now, and all above 0.73 are white.",
    ),
    (
        "every image stretched by itself",
        _each_stretched,
        "{got} instead of {expected}: other images have no effect any more, but other pixels still do.",
    ),
    (
        "stretched after the sigmoid",
        lambda logits: _stretched(sigmoid(logits)),
        "{got} instead of {expected}: the sigmoid gives pixels already; stretched, grey becomes black and white.",
    ),
    (
        "sigmoid of stretched logits",
        lambda logits: sigmoid(_stretched(logits)),
        "{got} instead of {expected}: after stretching there are only logits from 0 to 1, so pixels from 0.5 to 0.73.",
    ),
    (
        "sigmoid applied twice",
        lambda logits: sigmoid(sigmoid(logits)),
        "{got} instead of {expected}: the second one leaves pixels from 0.5 to 0.73, all grey.",
    ),
    (
        "black and white exchanged",
        lambda logits: sigmoid(-logits),
        "{got} instead of {expected}: 1 / (1 + exp(+logits)) is the probability of black.",
    ),
    (
        "(1 + tanh) / 2",
        lambda logits: (1 + np.tanh(logits)) / 2,
        "{got} instead of {expected}: the right shape, twice as steep: (1 + tanh(logits / 2)) / 2 is the sigmoid.",
    ),
    (
        "rounded to black and white",
        lambda logits: (logits > 0).astype(float),
        "{got} instead of {expected}: sharp pictures, of which the model's doubt is gone.",
    ),
)

# Gradients, and the loss that is measured


def _gradients(change):
    """Wrong gradients, from those of the KL and what comes back through z."""

    def encoder_gradients(dz, mu, logvar, eps):
        variance = np.exp(logvar)
        return change(dz, mu, (variance - 1) / 2, eps, np.sqrt(variance))

    return encoder_gradients


ENCODER_GRADIENTS = mistakes_of(
    "encoder_gradients",
    (
        "nothing comes back through z",
        exhibits.encoder_gradients,
        "{got} instead of {expected}: the KL's gradient alone. It brings every q to the prior, whatever the image is.",
    ),
    (
        "through z to mu alone",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar)),
        "{got} instead of {expected}: images differ again, but σ still learns from the KL alone and stays near 1.",
    ),
    (
        "dlogvar lacks ½",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar + dz * eps * sigma)),
        "{got} instead of {expected}: the derivative of exp(logvar / 2) for logvar is half of it.",
    ),
    (
        "dlogvar lacks eps",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar + dz * sigma / 2)),
        "{got} instead of {expected}: σ moves z by as much as the noise is, and against it where eps is negative.",
    ),
    (
        "dlogvar lacks σ",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar + dz * eps / 2)),
        "{got} instead of {expected}: the derivative of exp(logvar / 2) holds exp(logvar / 2) itself.",
    ),
    (
        "the variance for σ in dlogvar",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar + dz * eps * sigma**2 / 2)),
        "{got} instead of {expected}: z holds exp(logvar / 2), and so does its derivative.",
    ),
    (
        "dz added to both",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu + dz, dlogvar + dz)),
        "{got} instead of {expected}: dz is for z; on the way to logvar it is multiplied by eps σ / 2.",
    ),
    (
        "the KL's gradients are gone",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (1 * dz, dz * eps * sigma / 2)),
        "{got} instead of {expected}: what comes through z has replaced the KL's gradients, to which it is added.",
    ),
    (
        "what comes through z subtracted",
        _gradients(lambda dz, dmu, dlogvar, eps, sigma: (dmu - dz, dlogvar - dz * eps * sigma / 2)),
        "{got} instead of {expected}: both terms of the loss are costs, so their gradients add up.",
    ),
)


def _measured(latents, kl_weight=lambda training: 1.0):
    """A wrong loss, from the way to z and the KL's weight, both of which may depend on `training`."""

    def measured_loss(decode, x, mu, logvar, eps, training):
        z = latents(mu, np.exp(logvar / 2), eps, training)
        return np.mean(
            np.sum(pixel_costs(decode(z), x), axis=1) + kl_weight(training) * np.sum(latent_costs(mu, logvar), axis=1)
        )

    return measured_loss


def _drawn(mu, sigma, eps, training):
    return mu + sigma * eps


MEASURED_LOSS = mistakes_of(
    "measured_loss",
    (
        "the mean for z in validation",
        exhibits.measured_loss,
        "{got} instead of {expected}: the same images with the same noise cost another number in validation, and no "
        "bound holds for it.",
    ),
    (
        "the mean for z in training as well",
        _measured(lambda mu, sigma, eps, training: mu),
        "{got} instead of {expected}: the curves can be compared now, and neither is an ELBO: no z is drawn at all.",
    ),
    (
        "the mean for z in training, a draw in validation",
        _measured(lambda mu, sigma, eps, training: mu if training else mu + sigma * eps),
        "{got} instead of {expected}: exchanged, not repaired.",
    ),
    (
        "noise without σ in validation",
        _measured(lambda mu, sigma, eps, training: mu + (sigma if training else 1) * eps),
        "{got} instead of {expected}: a draw in both now, but in validation of Normal(mu, 1).",
    ),
    (
        "z from the prior in validation",
        _measured(lambda mu, sigma, eps, training: mu + sigma * eps if training else eps),
        "{got} instead of {expected}: the prior's z has nothing to do with the image that it should reconstruct.",
    ),
    (
        "no KL in validation",
        _measured(_drawn, lambda training: float(training)),
        "{got} instead of {expected}: z is drawn in both, but validation has lost the KL.",
    ),
)


MISTAKES = (
    *(*DRAW_LATENTS, *TRAINING_LOSS, *STEP_LOSS, *IMAGE_LOSS, *NEGATIVE_ELBO),
    *(*SPLIT_IMAGES, *PICTURE, *NOISY_LATENTS, *ENCODER_GRADIENTS, *MEASURED_LOSS),
)
