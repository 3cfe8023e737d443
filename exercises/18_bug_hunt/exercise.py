"""Exercise 18: eight broken VAEs, to be named from their numbers and caught by probes."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe
from foundation.architecture import Architecture

from .mistakes import MISTAKES, shown
from .vaes import BROKEN, VAE, RecordedVAE

SMALL = Architecture(latent_dim=3, channels=(5, 7), hidden_dim=17, image_shape=(1, 8, 12))
OTHER_SIZE = Architecture(latent_dim=5, channels=(7, 5), hidden_dim=19, image_shape=(1, 12, 4))


# The solution


def diagnosis_1(vae):
    """z does not spread at all (0.00 where σ = 2), and σ, which has no effect, has gone to the prior's 1.00."""
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
    """All numbers before training are right; then a batch costs 2·10⁹ nats, from which it never recovers."""
    return "learning rate far too large"


def diagnosis_6(vae):
    """All values are right, the curves smooth; yet the encoder learns from the KL alone, which goes to 0."""
    return "no gradient through z"


def diagnosis_7(vae):
    """sigmoid(sigmoid(anything)) lies between 0.5 and 0.73, so black pixels cost log 2 each whatever is learnt."""
    return "sigmoid applied twice"


def diagnosis_8(vae):
    """4 = σ² instead of σ = 2."""
    return "exp(logvar) used as σ"


def probe_1(vae):
    """Other noise gives another z."""
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
    """Logits have no bounds: latents far from 0 lead to logits far from 0."""
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


# Other probes that catch the bugs


def _other_batch(vae, seed=1):
    """Other images and noise."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(7, *vae.image_shape)), rng.standard_normal((7, vae.latents))


def two_noises(vae):
    """The reconstructions of two draws differ."""
    x, eps = _other_batch(vae)
    return bool(vae.loss(x, eps).reconstruction != vae.loss(x, -eps).reconstruction)


def twice_the_image(vae):
    """Two copies of an image, one above the other, cost twice as much."""
    x, logits = _other_batch(vae)[0], _other_batch(vae, seed=2)[0]
    twice = vae.reconstruction(np.concatenate([logits] * 2, axis=2), np.concatenate([x] * 2, axis=2))
    return bool(abs(twice - 2 * vae.reconstruction(logits, x)) < 1e-6)


def parts_add_up_in_the_test(vae):
    """The test loss is the sum of its parts."""
    loss, reconstruction, kl = vae.test_loss(*_other_batch(vae))
    return bool(abs(loss - reconstruction - kl) < 1e-9)


def kl_by_integration(vae):
    """KL(N(1, 4) || N(0, 1)) as a Riemann sum, in every latent."""
    z = np.linspace(-30, 30, 6001)
    log_q, log_p = -((z - 1) ** 2) / 8 - np.log(2), -(z**2) / 2
    kl = np.sum(np.exp(log_q) / np.sqrt(2 * np.pi) * (log_q - log_p)) * (z[1] - z[0])
    ones = np.ones((3, vae.latents))
    return bool(abs(vae.kl(ones, ones * np.log(4)) / vae.latents - kl) < 1e-6)


def first_step_downhill(vae):
    """One bias moves little in the first step."""
    bias = vae.parameters["decoder.conv_transpose2.bias"]
    before = float(bias[0])
    vae.step(*_other_batch(vae))
    return bool(abs(bias[0] - before) < 0.003)


def more_than_the_kl(vae):
    """The gradient of mu's bias is more than that of the KL, which is the mean of mu."""
    x, eps = _other_batch(vae)
    return not np.allclose(vae.gradients(x, eps)["encoder.mu.bias"], vae.encode(x)[0].mean(axis=0), rtol=1e-6)


def images_reach_black(vae):
    """With the last bias far down, images are black."""
    vae.parameters["decoder.conv_transpose2.bias"][...] = -1e3
    return bool(vae.sample(_other_batch(vae)[1]).max() < 0.01)


def measured_spread(vae):
    """Measures the spread of many draws."""
    eps = np.random.default_rng(0).standard_normal((9999, vae.latents))
    spread = vae.reparameterize(0 * eps, 0 * eps - 2, eps).std()
    return bool(abs(spread / np.exp(-1) - 1) < 0.05)


ALTERNATIVES = {
    "probe_1": two_noises,
    "probe_2": twice_the_image,
    "probe_3": parts_add_up_in_the_test,
    "probe_4": kl_by_integration,
    "probe_5": first_step_downhill,
    "probe_6": more_than_the_kl,
    "probe_7": images_reach_black,
    "probe_8": measured_spread,
}


# The probes of the exercise


def _recorded(kind, architecture, rng):
    return RecordedVAE(kind, architecture, int(rng.integers(1_000_000)))


def _diagnosis(n):
    """A wrong label is shown as it is, the right one under another name, since the expected result is shown, too."""

    def observe(answer, rng):
        label = getattr(answer, f"diagnosis_{n}")(_recorded(BROKEN[n - 1], SMALL, rng))
        return shown(n, label) if isinstance(label, str) else label

    return Probe(f"the bug of VAE {n}", observe)


def _says(n, kind, architecture, name):
    return Probe(
        f"probe_{n} on {name}",
        lambda answer, rng: getattr(answer, f"probe_{n}")(_recorded(kind, architecture, rng)),
    )


def _blind(n):
    """True where the probe accepts VAE n, and a healthy one would have given the same answers."""

    def observe(answer, rng):
        vae = _recorded(BROKEN[n - 1], SMALL, rng)
        accepted = getattr(answer, f"probe_{n}")(vae)
        return bool(isinstance(accepted, bool | np.bool_) and accepted and not vae._differed())

    return Probe(f"probe_{n} tests nothing that distinguishes VAE {n} from a healthy one", observe)


def _probes(n):
    """A VAE of another size matters where sizes enter: in sums over pixels and over latents."""
    broken = _says(n, BROKEN[n - 1], SMALL, f"VAE {n}, which should fail")
    healthy = _says(n, VAE, SMALL, "a healthy VAE, which should pass")
    other = _says(n, VAE, OTHER_SIZE, "a healthy VAE of another size, which should pass")
    return (broken, healthy, other, _blind(n)) if n in (2, 4) else (broken, other, _blind(n))


NUMBERS = range(1, len(BROKEN) + 1)

hints = Hints(
    idea="Go through the table column by column. For each odd number: which function alone computes it? The rows that "
    "are computed by hand need no training, so an odd number there points to one function. Where all of them are "
    "right, only gradients and steps are left, which only training uses. In the curves, look for what does not change.",
    formula="Healthy numbers to compare with the table: 784 log 2 = 543.4 nats where every logit is 0; "
    "½ (μ² + σ² − 1 − log σ²) for each latent; z = μ + σ ε; loss = reconstruction + KL; sigmoid(0) = ½; 179.0 nats for "
    "the mean of all test images, which a decoder without information about x can reach; |step| ≤ learning rate in "
    "Adam's first step.",
    line="A probe is a question with a known answer: choose arguments for which you know what a healthy VAE returns, "
    "and for which the broken one must return something else: `return bool(np.isclose(vae.…(…), …))`. Avoid "
    "zeros: many wrong functions are right there.",
)

exercise = Exercise(
    solution={function.__name__: function for function in (*DIAGNOSES, *PROBES)},
    sources=(_batch,),
    probes=(*(_diagnosis(n) for n in NUMBERS), *(probe for n in NUMBERS for probe in _probes(n))),
    hints=hints,
    model_answer=(
        "Six, by the numbers of the table: 1 and 8 by the spread of z, 2 and 7 by the first reconstruction, 3 by "
        "the weight of the KL in the test loss, 4 by the KL computed by hand. There, 5 and 6 show only in "
        "training: one by the highest loss of a batch, the other by what it has learned in the end."
    ),
    mistakes=MISTAKES,
    alternatives=(ALTERNATIVES,),
)
