"""Other probes that catch the bugs, by other questions."""

import numpy as np


def _batch(vae, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(7, *vae.image_shape)), rng.standard_normal((7, vae.latents))


def two_noises(vae):
    """The loss of two draws."""
    x, eps = _batch(vae)
    return bool(vae.loss(x, eps).reconstruction != vae.loss(x, -eps).reconstruction)


def twice_the_image(vae):
    """Two copies of an image, one above the other, cost twice as much."""
    x, logits = _batch(vae)[0], _batch(vae, seed=2)[0]
    twice = vae.reconstruction(np.concatenate([logits] * 2, axis=2), np.concatenate([x] * 2, axis=2))
    return bool(abs(twice - 2 * vae.reconstruction(logits, x)) < 1e-6)


def parts_add_up_in_the_test(vae):
    """The test loss is the sum of its parts."""
    loss, reconstruction, kl = vae.test_loss(*_batch(vae))
    return bool(abs(loss - reconstruction - kl) < 1e-9)


def kl_by_integration(vae):
    """KL(N(1, 4) || N(0, 1)) as a Riemann sum, in every latent."""
    z = np.linspace(-30, 30, 6001)
    log_q, log_p = -((z - 1) ** 2) / 8 - np.log(2), -(z**2) / 2
    kl = np.sum(np.exp(log_q) / np.sqrt(2 * np.pi) * (log_q - log_p)) * (z[1] - z[0])
    ones = np.ones((3, vae.latents))
    return bool(abs(vae.kl(ones, ones * np.log(4)) / vae.latents - kl) < 1e-6)


def first_step_downhill(vae):
    """One bias after the first step."""
    bias = vae.parameters["decoder.conv_transpose2.bias"]
    before = float(bias[0])
    vae.step(*_batch(vae))
    return bool(abs(bias[0] - before) < 0.003)


def more_than_the_kl(vae):
    """mu's bias must hear of more than the KL, whose gradient is the mean of mu."""
    x, eps = _batch(vae)
    return not np.allclose(vae.gradients(x, eps)["encoder.mu.bias"], vae.encode(x)[0].mean(axis=0), rtol=1e-6)


def images_reach_black(vae):
    """With the last bias far down, images are black."""
    vae.parameters["decoder.conv_transpose2.bias"][...] = -1e3
    return bool(vae.sample(_batch(vae)[1]).max() < 0.01)


def measured_spread(vae):
    """The spread of many draws."""
    eps = np.random.default_rng(0).standard_normal((9999, vae.latents))
    spread = vae.reparameterize(0 * eps, 0 * eps - 2, eps).std()
    return bool(abs(spread / np.exp(-1) - 1) < 0.05)


OTHER_PROBES = {
    "probe_1": two_noises,
    "probe_2": twice_the_image,
    "probe_3": parts_add_up_in_the_test,
    "probe_4": kl_by_integration,
    "probe_5": first_step_downhill,
    "probe_6": more_than_the_kl,
    "probe_7": images_reach_black,
    "probe_8": measured_spread,
}
