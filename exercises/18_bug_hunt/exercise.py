"""Exercise 18: eight broken VAEs, to be named by their numbers and caught by probes."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe
from foundation.architecture import Architecture

from .alternatives import OTHER_PROBES
from .broken import BROKEN
from .confusions import CONFUSIONS, shown
from .patient import Patient
from .solution import SOLUTION, _batch
from .vae import VAE
from .weak_probes import WEAK_PROBES

SMALL = Architecture(latent_dim=3, channels=(5, 7), hidden_dim=17, image_shape=(1, 8, 12))
OTHER_SIZE = Architecture(latent_dim=5, channels=(7, 5), hidden_dim=19, image_shape=(1, 12, 4))


def _patient(kind, architecture, rng):
    return Patient(kind, architecture, int(rng.integers(1_000_000)))


def _diagnosis(n):
    """Shows a wrong label as it is, the right one by another name: what was expected must not be the answer."""

    def observe(answer, rng):
        label = getattr(answer, f"diagnosis_{n}")(_patient(BROKEN[n - 1], SMALL, rng))
        return shown(n, label) if isinstance(label, str) else label

    return Probe(f"the bug of VAE {n}", observe)


def _says(n, kind, architecture, name):
    return Probe(
        f"probe_{n} on {name}",
        lambda answer, rng: getattr(answer, f"probe_{n}")(_patient(kind, architecture, rng)),
    )


def _blind(n):
    """True where the probe passes VAE n and asked it nothing that a healthy one would have answered otherwise."""

    def observe(answer, rng):
        patient = _patient(BROKEN[n - 1], SMALL, rng)
        says = getattr(answer, f"probe_{n}")(patient)
        return bool(isinstance(says, bool | np.bool_) and says and not patient._told_apart())

    return Probe(f"probe_{n} asks nothing that tells VAE {n} from a healthy one", observe)


def _probes(n):
    """A VAE of another size is asked for where sizes enter: in sums over pixels and over latents."""
    broken = _says(n, BROKEN[n - 1], SMALL, f"VAE {n}, which should fail")
    healthy = _says(n, VAE, SMALL, "a healthy VAE, which should pass")
    other = _says(n, VAE, OTHER_SIZE, "a healthy VAE of another size, which should pass")
    return (broken, healthy, other, _blind(n)) if n in (2, 4) else (broken, other, _blind(n))


NUMBERS = range(1, len(BROKEN) + 1)

hints = Hints(
    idea="Go through a table column by column and ask of each odd number: which function alone computes it? What is "
    "asked by hand needs no training, so an odd number there accuses one function. Where all of that is right, values "
    "are right, and what is left is what only training uses: gradients and steps. Of the curves ask what stands still.",
    formula="Healthy numbers to hold against the table: 784 log 2 = 543.4 nats for grey images; "
    "½ (μ² + σ² − 1 − log σ²) for each latent; z = μ + σ ε; loss = reconstruction + KL; sigmoid(0) = ½; 179.0 nats for "
    "the mean of all test images, which is what a decoder reaches that learns nothing of x; |step| ≤ learning rate in "
    "Adam's first step.",
    line="A probe is a question with a known answer: choose arguments for which you know what a healthy VAE returns, "
    "and for which the broken one must return something else: `return bool(np.isclose(vae.…(…), …))`. Zeros are poor "
    "arguments: too much is right at 0.",
)

exercise = Exercise(
    solution=SOLUTION,
    sources=(_batch,),
    probes=(*(_diagnosis(n) for n in NUMBERS), *(probe for n in NUMBERS for probe in _probes(n))),
    hints=hints,
    mistakes=CONFUSIONS + WEAK_PROBES,
    alternatives=(OTHER_PROBES,),
)
