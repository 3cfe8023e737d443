"""A VAE as the learner meets it: its functions and sizes, but not its class; and a note of what was asked."""

import functools
import inspect
from types import SimpleNamespace
from typing import Any, NamedTuple

from exercises.kit.compare import same
from exercises.kit.observe import snapshot
from foundation.architecture import Architecture, Parameters

from .vae import VAE

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


class Asked(NamedTuple):
    """One question that was put to a VAE."""

    name: str
    arguments: tuple[Any, ...]
    weights: Parameters | None
    """At that moment; None where nobody had needed any yet."""
    answer: Any
    weights_after: Parameters | None


class Patient(SimpleNamespace):
    """A VAE with the functions of `FUNCTIONS`, `image_shape`, `latents` and `parameters`."""

    def __init__(self, kind: type[VAE], architecture: Architecture, seed: int) -> None:
        super().__init__(image_shape=architecture.image_shape, latents=architecture.latent_dim)
        self._vae, self._asked = kind(architecture, seed), []

    def __repr__(self) -> str:
        return f"a VAE with weights of seed {self._vae.seed}"

    def __getattr__(self, name: str) -> Any:
        if name == "parameters":
            return self._vae.parameters
        if name in FUNCTIONS:
            return functools.partial(self._ask, name)
        known = ", ".join(("image_shape", "latents", "parameters", *FUNCTIONS))
        raise AttributeError(f"a vae has {known}; there is no {name!r}")

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        call = inspect.signature(getattr(VAE, name)).bind(None, *arguments, **named)
        before = snapshot((call.args[1:], _weights(self._vae)))
        answer = getattr(self._vae, name)(*call.args[1:])
        self._asked.append(Asked(name, *before, *snapshot((answer, _weights(self._vae)))))
        return answer

    def _told_apart(self) -> bool:
        """Whether a healthy VAE with the same weights would have given another answer to anything that was asked.

        Where it would not, no probe could have known the one from the other.
        """
        twin = VAE(self._vae.architecture, self._vae.seed)
        for asked in self._asked:
            for key, value in (asked.weights or {}).items():
                twin.parameters[key][...] = value
            answer = getattr(twin, asked.name)(*asked.arguments)
            if not same(answer, asked.answer, 1e-9) or not same(_weights(twin), asked.weights_after, 1e-9):
                return True
        return False


def _weights(vae: VAE) -> Parameters | None:
    return vars(vae).get("parameters")
