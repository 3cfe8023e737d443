"""The answers. (To the learner: `vae-ladder solution 18` shows them when you are done.)"""

import numpy as np


def diagnosis_1(vae):
    """z does not spread at all (0.00 where σ = 2), and σ, which nobody uses, has gone to the prior's 1.00."""
    return "noise never reaches z"


def diagnosis_2(vae):
    """It starts at 0.69 = log 2, the share of one pixel; the KL, 784 times too heavy now, goes to 0."""
    return "pixels averaged, latents summed"


def diagnosis_3(vae):
    """Training and parts are those of the healthy VAE; only the test loss counts half of the KL."""
    return "KL weighed differently in the test loss"


def diagnosis_4(vae):
    """20.91 instead of 8 · ½ (1 + 4 − 1 − log 4) = 10.45."""
    return "KL lacks its factor ½"


def diagnosis_5(vae):
    """All that is asked by hand is right; then a batch costs 2·10⁹ nats, from which it never recovers."""
    return "learning rate far too large"


def diagnosis_6(vae):
    """All values are right, the curves smooth; yet the encoder learns nothing but to please the KL, which is 0."""
    return "no gradient through z"


def diagnosis_7(vae):
    """sigmoid(sigmoid(anything)) lies between 0.5 and 0.73, so black pixels cost log 2 each whatever is learnt."""
    return "sigmoid applied twice"


def diagnosis_8(vae):
    """4 = σ² instead of σ = 2. The KL is charged for a wider q than z is drawn from: a loss that is too good."""
    return "exp(logvar) used as σ"


def probe_1(vae):
    """Other noise, other z."""
    mu = np.zeros((5, vae.latents))
    return not np.allclose(vae.reparameterize(mu, mu, mu), vae.reparameterize(mu, mu, mu + 1))


def probe_2(vae):
    """A logit of 0 costs log 2, pixel by pixel."""
    logits = np.zeros((5, *vae.image_shape))
    return np.isclose(vae.reconstruction(logits, logits), logits[0].size * np.log(2))


def probe_3(vae):
    """The same images and noise cost the same in training and in the test."""
    x, eps = _batch(vae)
    return np.isclose(vae.test_loss(x, eps).loss, vae.loss(x, eps).loss)


def probe_4(vae):
    """A mean of 2 costs 2 nats in every latent."""
    mu = np.full((5, vae.latents), 2.0)
    return np.isclose(vae.kl(mu, np.zeros_like(mu)), 2 * vae.latents)


def probe_5(vae):
    """Adam's first step moves a weight by the learning rate."""
    before = {name: value.copy() for name, value in vae.parameters.items()}
    vae.step(*_batch(vae))
    return max(np.abs(value - before[name]).max() for name, value in vae.parameters.items()) < 0.01


def probe_6(vae):
    """The gradient of a bias behind mu is what central differences of the loss give."""
    (x, eps), h = _batch(vae), 1e-5
    claimed, bias = vae.gradients(x, eps)["encoder.mu.bias"][0], vae.parameters["encoder.mu.bias"]
    bias[0] += h
    above = vae.loss(x, eps).loss
    bias[0] -= 2 * h
    return np.isclose((above - vae.loss(x, eps).loss) / (2 * h), claimed, rtol=1e-4, atol=1e-7)


def probe_7(vae):
    """Logits know no bounds: latents far out lead to logits far out."""
    logits = vae.decode(1000 * _batch(vae)[1])
    return logits.min() < 0 or logits.max() > 1


def probe_8(vae):
    """A variance of 4 is a σ of 2."""
    ones = np.ones((5, vae.latents))
    return np.allclose(vae.reparameterize(0 * ones, np.log(4) * ones, ones), 2)


def _batch(vae):
    """Images and noise."""
    rng = np.random.default_rng(0)
    return rng.random((5, *vae.image_shape)), rng.standard_normal((5, vae.latents))


DIAGNOSES = (
    diagnosis_1,
    diagnosis_2,
    diagnosis_3,
    diagnosis_4,
    diagnosis_5,
    diagnosis_6,
    diagnosis_7,
    diagnosis_8,
)
PROBES = probe_1, probe_2, probe_3, probe_4, probe_5, probe_6, probe_7, probe_8
SOLUTION = {function.__name__: function for function in DIAGNOSES + PROBES}
