"""The healthy VAE, the eight broken ones, and the form in which the learner's functions get them.

The healthy one consists of rung 1's functions, each of which a broken one can replace.
"""

import functools
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from exercises.kit.compare import same
from exercises.kit.exercise import Shared
from exercises.kit.observe import snapshot
from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.objective import Loss
from numpy_impl import vae_numpy
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    sigmoid,
    sigmoid_backward,
)
from numpy_impl.optim import Adam


class VAE:
    """A VAE with weights of its own. Losses are in nats per image; noise is always an argument.

    Each function of the loss is followed by its backward function, as in rung 1. A broken VAE replaces both, unless
    the backward function itself is what is broken.
    """

    learning_rate = 0.002
    bug = ""
    """The label of its bug, one of the stub's BUGS."""

    def __init__(self, architecture: Architecture, seed: int, dtype: type = np.float64) -> None:
        self.architecture, self.seed, self.dtype = architecture, seed, dtype

    @functools.cached_property
    def parameters(self) -> Parameters:
        """Drawn at the first use, since many questions need no weights."""
        return initial_parameters(self.architecture, np.random.default_rng(self.seed), self.dtype)

    @functools.cached_property
    def optimizer(self) -> Adam:
        return Adam(self.parameters, self.learning_rate)

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the log-variance of q(z|x)."""
        mu, logvar, _ = vae_numpy.encode(self.parameters, x)
        return mu, logvar

    def reparameterize(self, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
        return vae_numpy.reparameterize(mu, logvar, eps)

    def reparameterize_backward(
        self, dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return vae_numpy.reparameterize_backward(dz, logvar, eps)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The logits of p(x|z)."""
        y, _ = vae_numpy.decode(self.parameters, z, self.architecture.image_shape[1:])
        return self.output(y)

    def output(self, y: np.ndarray) -> np.ndarray:
        """The logits from the result y of the decoder's last layer: y itself."""
        return y

    def output_backward(self, dlogits: np.ndarray, y: np.ndarray) -> np.ndarray:
        return dlogits

    def sample(self, z: np.ndarray) -> np.ndarray:
        """The images of these latents, in [0, 1]."""
        return sigmoid(self.decode(z))

    def kl(self, mu: np.ndarray, logvar: np.ndarray) -> float:
        """KL(q(z|x) || N(0, I)), average over the images."""
        return float(vae_numpy.kl_divergence(mu, logvar) / len(mu))

    def kl_backward(self, mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return mu / len(mu), (np.exp(logvar) - 1) / 2 / len(mu)

    def reconstruction(self, logits: np.ndarray, x: np.ndarray) -> float:
        """-log p(x|z), average over the images."""
        return float(binary_cross_entropy_with_logits(logits, x) / len(x))

    def reconstruction_backward(self, logits: np.ndarray, x: np.ndarray) -> np.ndarray:
        return binary_cross_entropy_with_logits_backward(1 / len(x), logits, x)

    def loss(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """The loss that training minimises: the negative ELBO, with its parts."""
        mu, logvar = self.encode(x)
        reconstruction = self.reconstruction(self.decode(self.reparameterize(mu, logvar, eps)), x)
        kl = self.kl(mu, logvar)
        return Loss(reconstruction + kl, reconstruction, kl)

    def test_loss(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """The loss that is reported for the test images."""
        return self.loss(x, eps)

    def gradients(self, x: np.ndarray, eps: np.ndarray) -> Parameters:
        """The gradient of the loss for every parameter."""
        mu, logvar, encoder_hidden = vae_numpy.encode(self.parameters, x)
        z = self.reparameterize(mu, logvar, eps)
        y, decoder_hidden = vae_numpy.decode(self.parameters, z, self.architecture.image_shape[1:])
        dlogits = self.reconstruction_backward(self.output(y), x)
        dy = self.output_backward(dlogits, y)
        dz, decoder = vae_numpy.decode_backward(dy, self.parameters, z, decoder_hidden)
        dmu, dlogvar = self.kl_backward(mu, logvar)
        dmu_through_z, dlogvar_through_z = self.reparameterize_backward(dz, logvar, eps)
        dmu, dlogvar = dmu + dmu_through_z, dlogvar + dlogvar_through_z
        return vae_numpy.encode_backward(dmu, dlogvar, self.parameters, x, encoder_hidden) | decoder

    def step(self, x: np.ndarray, eps: np.ndarray) -> Loss:
        """One step of Adam on a batch, which changes the parameters; the loss before it."""
        before = self.loss(x, eps)
        self.optimizer.step(self.gradients(x, eps))
        return before


# The broken VAEs, each with one bug. (To the learner who has come this far: the answers are below.)


class WithoutNoise(VAE):
    """z is the mean, whatever eps is."""

    bug = "noise never reaches z"

    def reparameterize(self, mu, logvar, eps):
        return mu + 0 * eps

    def reparameterize_backward(self, dz, logvar, eps):
        return dz, 0 * dz


class PixelsAveraged(VAE):
    """The reconstruction is a mean over the pixels, the KL a sum over the latents."""

    bug = "pixels averaged, latents summed"

    def reconstruction(self, logits, x):
        return super().reconstruction(logits, x) / x[0].size

    def reconstruction_backward(self, logits, x):
        return super().reconstruction_backward(logits, x) / x[0].size


class OtherWeightInTest(VAE):
    """The test loss counts half of the KL."""

    bug = "KL weighed differently in the test loss"

    def test_loss(self, x, eps):
        _, reconstruction, kl = self.loss(x, eps)
        return Loss(reconstruction + kl / 2, reconstruction, kl)


class WithoutHalf(VAE):
    """The KL lacks its factor ½."""

    bug = "KL lacks its factor ½"

    def kl(self, mu, logvar):
        return 2 * super().kl(mu, logvar)

    def kl_backward(self, mu, logvar):
        dmu, dlogvar = super().kl_backward(mu, logvar)
        return 2 * dmu, 2 * dlogvar


class StepsTooLarge(VAE):
    """Adam's step size is 25 times the healthy one."""

    bug = "learning rate far too large"
    learning_rate = 0.05


class Detached(VAE):
    """The reconstruction's gradient stops at z: the encoder gets that of the KL alone."""

    bug = "no gradient through z"

    def reparameterize_backward(self, dz, logvar, eps):
        return 0 * dz, 0 * dz


class TwoSigmoids(VAE):
    """The decoder ends with a sigmoid, and the loss applies another."""

    bug = "sigmoid applied twice"

    def output(self, y):
        return sigmoid(y)

    def output_backward(self, dlogits, y):
        return sigmoid_backward(dlogits, y)


class VarianceForSigma(VAE):
    """exp(logvar), the variance, is used as σ."""

    bug = "exp(logvar) used as σ"

    def reparameterize(self, mu, logvar, eps):
        return mu + np.exp(logvar) * eps

    def reparameterize_backward(self, dz, logvar, eps):
        return dz, dz * eps * np.exp(logvar)


BROKEN = (
    WithoutNoise,
    PixelsAveraged,
    OtherWeightInTest,
    WithoutHalf,
    StepsTooLarge,
    Detached,
    TwoSigmoids,
    VarianceForSigma,
)
"""VAE 1 to VAE 8."""


# The form in which the learner's functions get a VAE


FUNCTIONS = (
    "encode",
    "reparameterize",
    "decode",
    "sample",
    "kl",
    "reconstruction",
    "loss",
    "test_loss",
    "gradients",
    "step",
)


UNKNOWN = f"a vae has {', '.join(('image_shape', 'latents', 'parameters', *FUNCTIONS))}; there is no '{{name}}'"


class Question(NamedTuple):
    """One call of a function of a VAE."""

    name: str
    arguments: tuple[Any, ...]
    weights: Parameters | None
    """The weights before the call; None where they were not drawn yet."""
    answer: Any
    weights_after: Parameters | None


class RecordedVAE(SimpleNamespace):
    """A VAE by its `FUNCTIONS`, `image_shape`, `latents` and `parameters`, without its class; records its calls."""

    def __init__(self, kind: type[VAE], architecture: Architecture, seed: int) -> None:
        super().__init__(image_shape=architecture.image_shape, latents=architecture.latent_dim)
        self._vae = kind(architecture, seed)
        self._questions: list[Question] = []

    def __repr__(self) -> str:
        return f"a VAE with weights of seed {self._vae.seed}"

    def __getattr__(self, name: str) -> Any:
        if name == "parameters":
            return self._vae.parameters
        if name in FUNCTIONS:
            return functools.partial(self._ask, name)
        raise AttributeError(UNKNOWN.format(name=name))

    def _shared(self) -> Shared:
        """The same for an answer in a process of its own, which asks this one."""
        functions: dict[str, Callable[..., Any]] = {name: functools.partial(self._ask, name) for name in FUNCTIONS}
        values = {"image_shape": list(self.image_shape), "latents": self.latents}
        return Shared(repr(self), values, functions, "parameters", lambda: self._vae.parameters, UNKNOWN)

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        call = inspect.signature(getattr(VAE, name)).bind(None, *arguments, **named)
        before = snapshot((call.args[1:], _weights(self._vae)))
        answer = getattr(self._vae, name)(*call.args[1:])
        self._questions.append(Question(name, *before, *snapshot((answer, _weights(self._vae)))))
        return answer

    def _differed(self) -> bool:
        """Whether a healthy VAE with the same weights would have given another answer to any of the calls.

        Where it would not, no probe could have distinguished the two.
        """
        twin = VAE(self._vae.architecture, self._vae.seed)
        for question in self._questions:
            for key, value in (question.weights or {}).items():
                twin.parameters[key][...] = value
            answer = getattr(twin, question.name)(*question.arguments)
            if not same(answer, question.answer, 1e-9) or not same(_weights(twin), question.weights_after, 1e-9):
                return True
        return False


def _weights(vae: VAE) -> Parameters | None:
    return vars(vae).get("parameters")
