"""The ten functions as they are in the stub, each with its bug: written anew, after code that was published.

Where each bug was published stands in the docstring. The words and names are ours; what the code did is what the
published one did. Both the fault and its repair are public.
"""

from collections.abc import Callable

import numpy as np

EPSILON_STD = 0.01


def pixel_costs(logits, x):
    """-log p(x|z) of every pixel, in nats: the cross-entropy of x and sigmoid(logits)."""
    return np.logaddexp(0, logits) - x * logits


def latent_costs(mu, logvar):
    """The KL of every latent, in nats."""
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def draw_latents(mu, logvar, eps):
    """The variance where σ belongs.

    Keras's convolutional example multiplied the noise by the exponential of what its KL read as the log-variance:
    https://github.com/keras-team/keras/pull/9972
    """
    sigma = np.exp(logvar)
    return mu + sigma * eps


def training_loss(logits, x, mu, logvar):
    """A KL that is reported and not minimised.

    mohou trained a VAE inside a larger model by the squared error of its images alone, while the VAE's own loss, with
    its KL, was not called: https://github.com/HiroIshida/mohou/pull/199
    """
    reconstruction = np.mean(np.sum(pixel_costs(logits, x), axis=1))
    kl = np.mean(np.sum(latent_costs(mu, logvar), axis=1))
    loss = reconstruction
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


def step_loss(reconstruction, kl, train_images):
    """A KL whose weight is the batch's share of the training set.

    PyTorch-VAE multiplied the KL by batch size / number of images, later by a constant 0.00025, beside a squared error
    that is a mean over pixels: https://github.com/AntixK/PyTorch-VAE/issues/40
    """
    weight = len(kl) / train_images
    return np.mean(reconstruction) + weight * np.mean(kl)


def image_loss(logits, x, mu, logvar):
    """A mean over pixels beside a sum over latents.

    Keras's example lost the factor "number of pixels" before its cross-entropy, which is a mean over pixels, and its
    reconstructions became all alike: https://github.com/keras-team/keras/pull/3383
    """
    reconstruction = np.mean(pixel_costs(logits, x))
    kl = np.mean(np.sum(latent_costs(mu, logvar), axis=1))
    return reconstruction + kl


def negative_elbo(reconstruction, mu, logvar):
    """Minus the KL, added to a loss.

    A VAE with Gumbel-softmax latents had a minus before its KL, and added it:
    https://github.com/dev4488/VAE_gumble_softmax/issues/1
    """
    kl = np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1) / 2
    return reconstruction + kl


def split_images(images, order, test_count):
    """A test set whose images are trained on.

    Improved VRNN made its validation set with the flag that stands for training:
    https://github.com/facebookresearch/improved_vrnn/issues/1
    """
    shuffled = images[order]
    train = shuffled
    test = shuffled[:test_count]
    return train, test


def picture(logits):
    """Logits that are drawn as if they were pixels.

    Flux's model zoo moved the sigmoid from the decoder into the loss; the script that draws still took the decoder's
    results for pixels: https://github.com/FluxML/model-zoo/pull/289. The stretching to [0, 1] is what matplotlib's
    imshow does with grey images by itself.
    """
    low, high = logits.min(), logits.max()
    return (logits - low) / (high - low)


def noisy_latents(mu, logvar, eps):
    """Noise of a hundredth of its size.

    Keras's examples drew the noise with a standard deviation of 0.01, while the KL was that of noise of 1:
    https://github.com/keras-team/keras/pull/4211
    """
    sigma = np.exp(logvar / 2)
    return mu + sigma * (EPSILON_STD * eps)


def encoder_gradients(dz, mu, logvar, eps):
    """The gradients of the KL alone: nothing comes back through z.

    Pyro's comparison drew z in PyTorch by `sample`, which no gradient passes, where `rsample` was needed:
    https://github.com/pyro-ppl/pyro/pull/1896
    """
    dmu = mu
    dlogvar = (np.exp(logvar) - 1) / 2
    return dmu.copy(), dlogvar


def measured_loss(decode: Callable, x, mu, logvar, eps, training):
    """z drawn in training, and the mean in its place in validation.

    PyTorch's example did so; D. P. Kingma corrected it, since what is computed from the mean is no ELBO:
    https://github.com/pytorch/examples/pull/419
    """
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps if training else mu
    costs = np.sum(pixel_costs(decode(z), x), axis=1) + np.sum(latent_costs(mu, logvar), axis=1)
    return np.mean(costs)
