"""Exercise 18: what is wrong with these eight VAEs? Read exercises/18_bug_hunt.md, then write the sixteen functions.

Two for each VAE: `diagnosis_1` names the bug of VAE 1, and `probe_1` catches it: it returns True for a healthy VAE and
False for VAE 1. Name all eight first, from the table and the curves of the page.

A `vae` is a set of functions, with fresh random weights each time. N images, Z latents, float64 throughout:

    vae.encode(x) -> mu, logvar                 x: (N, *vae.image_shape) in [0, 1]; mu, logvar: (N, Z)
    vae.reparameterize(mu, logvar, eps) -> z    all (N, Z)
    vae.decode(z) -> logits                     (N, *vae.image_shape)
    vae.sample(z) -> images                     (N, *vae.image_shape), in [0, 1]
    vae.kl(mu, logvar) -> number                nats, average over the images
    vae.reconstruction(logits, x) -> number     nats, average over the images
    vae.loss(x, eps) -> loss, reconstruction, kl        what training minimises
    vae.test_loss(x, eps) -> loss, reconstruction, kl   what is reported for test images
    vae.gradients(x, eps) -> dict               of that loss, by the parameter's name, as "encoder.mu.bias"
    vae.step(x, eps) -> loss, reconstruction, kl        one step of Adam; the loss before it

and `vae.image_shape`, `vae.latents` (Z), `vae.parameters` (a dict of arrays, which may be changed in place).
"""

from types import SimpleNamespace

import numpy as np

BUGS = (
    "KL enters with the wrong sign",
    "KL lacks its factor ½",
    "KL weighed differently in the test loss",
    "decoder ignores z",
    "exp(logvar) used as σ",
    "learning rate far too large",
    "learning rate far too small",
    "logvar read as log σ in the KL",
    "no gradient through z",
    "noise never reaches z",
    "pixels averaged, latents summed",
    "sigmoid applied twice",
    "too few training images",
    "β far too large",
)
"""The bugs to choose from. Eight of them are there."""


def _probe_of_another_bug(vae: SimpleNamespace) -> bool:
    """For example: False where "KL enters with the wrong sign"; the loss would lie below the reconstruction."""
    rng = np.random.default_rng(0)
    loss, reconstruction, _ = vae.loss(rng.random((5, *vae.image_shape)), rng.standard_normal((5, vae.latents)))
    return loss > reconstruction


def diagnosis_1(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 1? vae: VAE 1 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_2(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 2? vae: VAE 2 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_3(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 3? vae: VAE 3 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_4(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 4? vae: VAE 4 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_5(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 5? vae: VAE 5 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_6(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 6? vae: VAE 6 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_7(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 7? vae: VAE 7 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def diagnosis_8(vae: SimpleNamespace) -> str:
    """What is wrong with VAE 8? vae: VAE 8 itself, for questions to it. Returns one of BUGS."""
    raise NotImplementedError


def probe_1(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 1? vae: VAE 1 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_2(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 2? vae: VAE 2 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_3(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 3? vae: VAE 3 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_4(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 4? vae: VAE 4 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_5(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 5? vae: VAE 5 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_6(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 6? vae: VAE 6 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_7(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 7? vae: VAE 7 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError


def probe_8(vae: SimpleNamespace) -> bool:
    """Is vae free of the bug of VAE 8? vae: VAE 8 or a healthy one. Returns True for healthy, else False."""
    raise NotImplementedError
