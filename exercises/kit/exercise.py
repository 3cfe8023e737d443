"""What an exercise is made of. Its author fills these in; the rest of the kit only reads them."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Functions = dict[str, Callable[..., Any]]
"""The functions that an exercise asks for, by name."""
Observe = Callable[[Any, np.random.Generator], Any]


@dataclasses.dataclass(frozen=True)
class Probe:
    """One question put to an answer. What the same question gets from the solution is what is expected."""

    name: str
    """What is looked at, in a few words: "every latent at the prior"."""
    observe: Observe
    """observe(answer, rng) -> tuples, dicts, arrays, numbers, bools or strings. `answer.kl` is the learner's `kl`."""
    tolerance: float = 1e-9
    """Largest difference allowed, as a share of the largest expected entry of a tensor."""
    parts: tuple[str, ...] = ()
    """Names for the entries of a tuple, as in "dx, dweight, dbias"."""
    requires: str = ""
    """A module without which this cannot be measured, such as "torch"."""


class Hints(NamedTuple):
    """Three steps towards the answer, each given only when asked for."""

    idea: str
    formula: str
    line: str


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer that many people write, kept so that it can be told by its numbers."""

    name: str
    """In a few words what was done: "forgot the factor ½"."""
    functions: Functions
    """The wrong functions; those of the solution that are not named here stay right."""
    tell: str
    """A sentence with what to look at; {came} and {expected} stand for the numbers of the first probe that differs."""


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise. Its number and name are those of its folder, its title is the heading of its page."""

    solution: Functions
    """Every function that the stub asks for: the rungs' own wherever they have it."""
    probes: tuple[Probe, ...]
    """From the simplest to the hardest: the first that fails is the one that is shown."""
    hints: Hints
    mistakes: tuple[Mistake, ...]
    alternatives: tuple[Functions, ...] = ()
    """Other right answers; functions that are not named are those of the solution."""
    sources: tuple[Callable[..., Any], ...] = ()
    """Functions of the rungs that the solution only calls, shown beside it by `vae-ladder solution`."""
    seen: dict[Any, Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)
    """What probes have seen of the solution and of the mistakes so far; it is the same in every check."""


def call(function: str, name: str = "", /, **arguments: Any) -> Probe:
    """A probe that calls one function: `call("linear_backward -> dx, dweight, dbias", dy=normal(3, 5), ...)`.

    An argument is a value, or a function of the generator that draws it. Lists become float64 arrays. What stands
    behind "->" names the entries of the result. The text of the call is made from the arguments.
    """
    function, _, parts = (part.strip() for part in function.partition("->"))

    def observe(answer: Any, rng: np.random.Generator) -> Any:
        return getattr(answer, function)(**{key: _draw(value, rng) for key, value in arguments.items()})

    return Probe(name or function, observe, parts=tuple(part.strip() for part in parts.split(",") if part))


def normal(*shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument drawn from N(0, scale^2), for `call`."""
    return lambda rng: scale * rng.standard_normal(shape)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument drawn evenly between low and high, for `call`."""
    return lambda rng: rng.uniform(low, high, shape)


def away_from_zero(*shape: int, margin: float = 0.05) -> Callable[[np.random.Generator], np.ndarray]:
    """An argument drawn from N(0, 1) with no entry nearer to 0 than `margin`, where ReLU has its kink."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        x = rng.standard_normal(shape)
        return np.where(np.abs(x) < margin, np.copysign(margin, x), x)

    return draw


def _draw(value: Any, rng: np.random.Generator) -> Any:
    value = value(rng) if callable(value) else value
    return np.array(value, dtype=np.float64) if isinstance(value, list) else value
